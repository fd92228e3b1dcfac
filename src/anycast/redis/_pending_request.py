"""The request of a task to a pump for work at the server, and the task's wait for the outcome.

A request is queued, then in flight, then settled. A request of several parts, such as a batch of
messages, can be queued again when some of the parts are done: the pump then reports progress. A
request is also queued again after a try that has certainly not run.

While a request is queued, its task can leave by withdrawing the request: the server has never
heard of the request. While a request is in flight, the server may have done the work already. So
the task waits until the pump settles the request, however often the task is cancelled. The
pump settles each request within the channel's timeout, and does not queue an abandoned request
again.

A pump passes over a queued request whose task is being cancelled and has yet to run. Otherwise a
task that sends in a loop might never be cancelled: in each send, the cancellation could come too
late.

If the task was cancelled and the request turns out to be done, the wait returns as usual, and
the cancellation is delivered at the task's next wait. The same holds if the outcome stays unknown:
a cancellation would say that nothing was done, so the caller raises an error instead. anyio and
trio deliver the cancellation of a scope by themselves, except inside a shield. For a native
cancellation of asyncio, `anycast._waiting.late_cancellation` says how.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import TYPE_CHECKING

from anyio import CancelScope, current_effective_deadline, get_cancelled_exc_class

from anycast._waiting.event_loop import LoopBinding
from anycast._waiting.interruption import postpone

if TYPE_CHECKING:
    from anycast._waiting.waiter import Waiter, WaitQueue


class RequestState(Enum):
    """How far a request has come."""

    QUEUED = auto()
    # The pump is asking the server, and the outcome is not known yet.
    IN_FLIGHT = auto()
    DONE = auto()
    # The server has not done all of the request, and never will.
    NOT_DONE = auto()
    # Nobody knows whether the server has done the request, or will do it.
    UNKNOWN = auto()


SETTLED = (RequestState.DONE, RequestState.NOT_DONE, RequestState.UNKNOWN)


class PendingRequest:
    """A request, and the task that waits for the request."""

    __slots__ = ("_waiter", "abandoned", "state")

    def __init__(self) -> None:
        # Whether the task was cancelled or destroyed during the wait. The pump then settles the
        # request, and does not queue what remains of the request again.
        self.abandoned = False
        # Set by the pump, and read by the task.
        self.state = RequestState.QUEUED
        # The waiter that the task awaits. A waiter is used once, so each further wait makes a new
        # waiter.
        self._waiter: Waiter = _LOOP.new_waiter()

    @property
    def leaving(self) -> bool:
        """Whether the task is known to be leaving: the task is being cancelled."""
        return self._waiter.cancelled()

    def settle(self, *, done: bool) -> None:
        """Set the outcome, and wake the task."""
        self.state = RequestState.DONE if done else RequestState.NOT_DONE
        self.report_progress()

    def doubt(self) -> None:
        """Note that the outcome stays unknown, and wake the task."""
        self.state = RequestState.UNKNOWN
        self.report_progress()

    def report_progress(self) -> None:
        """Wake the task, which waits again if the request is not settled."""
        if not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> bool:
        """Wait until the request is settled, or until the pump reports progress.

        Returns:
            Whether the request is settled.

        Raises:
            The event loop's cancellation: the request was not done. If the request is still
                queued, the caller must withdraw the request.
        """
        waiter = self._waiter
        try:
            await waiter
        except GeneratorExit:  # the task is destroyed, and can await nothing any more
            self.abandoned = True
            raise
        except get_cancelled_exc_class() as cancelled:
            native = await self._wait_while_in_flight(cancelled)
            if self.state not in (RequestState.DONE, RequestState.UNKNOWN):
                raise
            # Done in spite of the cancellation, perhaps. A scope delivers the cancellation again; a
            # native cancellation must be postponed here, or would be lost.
            if native is not None:
                postpone(waiter, native)
        if self.state in SETTLED:
            return True
        self._waiter = _LOOP.new_waiter()
        return False

    async def _wait_while_in_flight(self, cancelled: BaseException) -> BaseException | None:
        """Wait as long as the request is in flight, however often the task is cancelled.

        Returns:
            A native cancellation, if one came. A scope would deliver the cancellation again.
        """
        self.abandoned = True
        # In a cancelled scope the effective deadline is -inf: then the scope struck.
        native = None if current_effective_deadline() == -math.inf else cancelled
        while self.state is RequestState.IN_FLIGHT:
            self._waiter = _LOOP.new_waiter()
            try:
                # The shield keeps out scopes, and only a native cancellation comes through.
                with CancelScope(shield=True):
                    await self._waiter
            except get_cancelled_exc_class() as error:
                # Several native cancellations count as a single cancellation.
                native = error
        return native


class _AnyLoop(LoopBinding):
    """Binds the waiters of requests to whichever event loop runs.

    A binding refuses a second event loop while tasks wait in its queues. This binding has no
    queues, and so never refuses: the session of a request serves one event loop anyway.
    """

    def queues(self) -> tuple[WaitQueue, ...]:
        return ()


_LOOP = _AnyLoop()
