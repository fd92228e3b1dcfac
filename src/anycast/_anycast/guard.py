"""The warning for an endpoint that was lost, so that its channel never closes by itself."""

from __future__ import annotations

import warnings
from typing import Any

from anycast._anycast.core import Core


class Guard:
    """Warns if its endpoint is collected while the endpoint and the channel are open.

    Only the endpoint refers to its guard. So the guard is collected with the endpoint, and the
    endpoint itself needs no finalizer. An endpoint of a channel without ``auto_close`` has no
    guard: to lose such an endpoint is harmless.

    Args:
        core: of the channel.
        kind: the class of the endpoint.
    """

    __slots__ = ("_core", "_kind")

    def __init__(self, core: Core[Any], kind: type) -> None:
        self._core: Core[Any] | None = core
        self._kind = kind

    def disarm(self) -> None:
        """Never warn: the endpoint is closed."""
        self._core = None

    # The default argument is there even when the interpreter has cleared this module at its exit.
    def __del__(self, warn: Any = warnings.warn) -> None:
        core, self._core = self._core, None  # a warning that was recorded keeps this object
        if core is not None and not core.closed:
            warn(
                f"{core}:{self._kind.__name__} was lost without being closed, so the channel may"
                " never close by itself: use `with`, or call `close()`",
                ResourceWarning,
                source=self,  # for `tracemalloc`, which knows where the endpoint was made
            )
