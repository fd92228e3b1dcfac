"""For the reference: no labels that matter only to who implements a channel."""

from __future__ import annotations

from typing import Any

import griffe


class LabelsForUsers(griffe.Extension):
    """Removes these labels, which the reference and the search would show beside a name."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:  # noqa: ARG002
        """Keep labels such as `async` and `property`."""
        obj.labels -= {"abstractmethod", "instance-attribute"}
