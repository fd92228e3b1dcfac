"""The sources of a merged receiver. A merge of merges is flat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anycast._waiting.protection import protected

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Sequence

    from anycast._select.selectable import Selectable


class Sources:
    """The sources of a merged receiver, each source once.

    The sources of a merge within the merge are sources of the outer merge. So each source is as
    likely to be received from. The inner merge keeps sources of its own.

    To join one more source takes constant time, and needs no stack: a merge becomes flat when its
    sources are first needed, in a loop.

    Args:
        parts: receivers, and the sources of the merges among the receivers.
        deferred_errors: of the merged receiver, for the merges of which it is a part.
    """

    __slots__ = ("cut_off", "deferred_errors", "inherited", "members", "parts", "running")

    def __init__(self, parts: Sequence[Any | Sources], deferred_errors: deque[Exception]) -> None:
        # Empty once the merge is flat.
        self.parts = parts
        # All sources, and the sources that are not known to have ended: the keys, in order. An
        # operation removes those that end.
        self.members: dict[Any, None] = {}
        self.running: dict[Any, None] = {}
        # The operation of a source that stopped before the end of its channel, if there is one. The
        # merge then stops with an error, even in ``async for``.
        self.cut_off: Selectable[Any] | None = None
        self.deferred_errors = deferred_errors
        # What the parts had deferred when the merge became flat. Who receives first raises an
        # error, through the part or through the merge.
        self.inherited: list[deque[Exception]] = []

    def copy(self) -> Sources:
        """Return the sources that are running. If these stop, nothing changes here."""
        sources = Sources((), self.deferred_errors)
        sources.running.update(self.running)
        return sources

    @protected
    def flatten(self) -> None:
        """Collect the sources, if this has not happened before."""
        parts = [*reversed(self.parts)]  # the next part stands last
        met: set[Sources] = set()
        while parts:
            part = parts.pop()
            if not isinstance(part, Sources):
                self.members[part] = self.running[part] = None
            elif part not in met:
                met.add(part)
                self.inherited += filter(None, (part.deferred_errors, *part.inherited))
                self.members.update(part.members)
                self.running.update(part.running)
                self.cut_off = self.cut_off or part.cut_off
                parts += reversed(part.parts)
        self.parts = ()
