"""Whether an operation has happened, when an error has ended the wait of the operation.

This module keeps a message from being lost: a peer may have given a message to a task, and the task
may be cancelled before the task runs. `result_or_raise` then returns the message.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from anycast._waiting.event_loop import backend_of
from anycast._waiting.waiter import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast._waiting.waiter import Waiter


def result_or_raise(waiter: Waiter, undo: Callable[[Any], object] | None) -> Any:
    """Return the result that the waiter was given, or raise the error that is being handled.

    To be called where an ``except`` clause handles the error that ended the wait. The operation has
    happened if the waiter was given a result before the error struck. If the waiter was given
    `NOTHING`, because of a close, the error of the wait is raised, and not the error of the close.

    Args:
        waiter: of the running task.
        undo: gives the received message back to the channel. None for a send, which stays done.

    Returns:
        What the waiter was given, if the operation has happened and stays. A late cancellation is
        delivered later.

    Raises:
        BaseException: the error, in every other case. A receive has not happened then.
    """
    given = NOTHING if not waiter.done() or waiter.cancelled() else waiter.result()
    if given is not NOTHING:
        # A blocked sender writes a log record while its waiter is in the queue. The log handler may
        # receive the message of the sender, and may then raise an error. The send has happened.
        handler_failed = undo is None and isinstance(sys.exception(), Exception)
        if handler_failed or postpone(waiter, sys.exception()):
            return given
        if undo is not None:
            undo(given)
    # The caller's ``except`` clause handles the error, so a bare `raise` raises the error again. A
    # local variable for the error would be a reference cycle with the traceback.
    raise  # noqa: PLE0704


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
