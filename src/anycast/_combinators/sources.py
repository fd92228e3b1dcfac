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

    The sources of a merge within the merge are sources of the outer merge. So all sources are
    equally likely to be received from. The inner merge keeps sources of its own.

    To merge one more source takes constant time: the sources are collected in a loop, and not
    recursively, when the sources are first needed.

    Args:
        parts: receivers, and the `Sources` of the merges among the receivers.
        deferred_errors: the deferred errors of the merged receiver. A merge of which the merged
            receiver is a part raises these errors, too.
    """

    __slots__ = (
        "deferred_errors",
        "inherited_errors",
        "members",
        "parts",
        "running",
        "stopped_early",
    )

    def __init__(self, parts: Sequence[Any | Sources], deferred_errors: deque[Exception]) -> None:
        # Empty once the merge is flat.
        self.parts = parts
        # All sources: an ordered set.
        self.members: dict[Any, None] = {}
        # The sources that are not known to have ended: an ordered set. When an operation finds that
        # a source has ended, the operation removes the source.
        self.running: dict[Any, None] = {}
        # The operation of the first source that stopped before its channel ended; None if there is
        # no such source. With such a source, the merge stops with an error, even in ``async for``.
        self.stopped_early: Selectable[Any] | None = None
        self.deferred_errors = deferred_errors
        # The deferred errors of the merges among the parts. These deques are shared with the parts.
        # The next receive raises the next error, be it a receive of the part or of this merge.
        self.inherited_errors: list[deque[Exception]] = []

    def copy(self) -> Sources:
        """Return a copy with the running sources. A source that stops is removed from the copy."""
        sources = Sources((), self.deferred_errors)
        sources.running.update(self.running)
        return sources

    @protected
    def flatten(self) -> None:
        """Collect the sources of all parts. A second call does nothing."""
        parts = [*reversed(self.parts)]  # the next part stands last
        met: set[Sources] = set()
        while parts:
            part = parts.pop()
            if not isinstance(part, Sources):
                self.members[part] = self.running[part] = None
            elif part not in met:
                met.add(part)
                self.inherited_errors += filter(
                    None, (part.deferred_errors, *part.inherited_errors)
                )
                self.members.update(part.members)
                self.running.update(part.running)
                self.stopped_early = self.stopped_early or part.stopped_early
                parts += reversed(part.parts)
        self.parts = ()
