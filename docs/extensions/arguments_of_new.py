"""For the reference: the signature of a class that has a `__new__`, and no `__init__`."""

from __future__ import annotations

from typing import Any

import griffe


class ArgumentsOfNew(griffe.Extension):
    """Shows the arguments and the result of `__new__` as those of the class."""

    def on_class(self, *, cls: griffe.Class, **kwargs: Any) -> None:  # noqa: ARG002
        """Put the `__new__` of a class in the place of the `__init__` that the class lacks."""
        new = cls.members.get("__new__")
        if isinstance(new, griffe.Function) and "__init__" not in cls.members:
            new.name = "__init__"
            cls.members["__init__"] = cls.members.pop("__new__")
            if cls.docstring is not None:
                cls.docstring.parent = new  # the types of the docstring are those of the function
