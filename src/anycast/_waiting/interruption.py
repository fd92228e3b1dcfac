"""What becomes of an operation when an error ends its wait."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from anycast._waiting.event_loop import backend_of
from anycast._waiting.waiter import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast._waiting.waiter import Waiter


def outcome(waiter: Waiter, undo: Callable[[Any], object] | None) -> Any:
    """Return what the waiter was given, or raise the error that is being handled.

    To be called where an ``except`` clause handles that error. The operation has happened if the
    waiter was given a result before the error struck. If the waiter was given `NOTHING`, the
    error wins over the close.

    Args:
        waiter: of the running task.
        undo: gives back what the waiter was given. None for a send, which stays done.

    Returns:
        What the waiter was given, if the operation has happened and stays. A late cancellation is
        delivered later.

    Raises:
        BaseException: the error, in every other case. A receive has not happened then.
    """
    given = NOTHING if not waiter.done() or waiter.cancelled() else waiter.result()
    if given is not NOTHING:
        # A blocked sender writes a log record. The log handler may receive this very message, and
        # then fail. The send has happened all the same.
        handler_failed = undo is None and isinstance(sys.exception(), Exception)
        if handler_failed or postpone(waiter, sys.exception()):
            return given
        if undo is not None:
            undo(given)
    raise  # noqa: PLE0704  the caller handles it; a local variable for the error would be a cycle


def postpone(waiter: Waiter, error: BaseException | None) -> bool:
    """Deliver a cancellation later, because the operation has happened.

    Args:
        waiter: of the running task.
        error: what was raised where the task waited.

    Returns:
        Whether the error is a cancellation.
    """
    backend = backend_of(error)
    if backend is None or error is None:
        return False
    backend.postpone(waiter, error)
    return True
