"""Something that a pump does at the server for a task, which waits for it.

A request is queued, then in flight, then settled. One of several parts may be queued again
when some are done, and then tells its task of progress. Its task may leave only while it is
queued, by withdrawing it: then the server has never heard of it. One that is in flight may
have been done already, so its task waits on, however often it is cancelled; the pump settles
each within the channel's timeout, and does not queue an abandoned one again. The pump leaves
alone what is queued for a task that is being cancelled and has yet to run: else a cancellation
that comes late in one send after the other would never strike.

If the task was cancelled and the request turns out to be done, the task goes on as if nothing
had happened, and the cancellation is delivered at its next wait. anyio and trio deliver that of a
scope by themselves, and not where a shield is; for a native one of asyncio `anycast._waiting.late_cancellation` says
how.
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
    IN_FLIGHT = auto()
    DONE = auto()
    NOT_DONE = auto()


SETTLED = (RequestState.DONE, RequestState.NOT_DONE)


class PendingRequest:
    """One request, and the task that waits for it."""

    __slots__ = ("_waiter", "abandoned", "state")

    def __init__(self) -> None:
        self.abandoned = False
        self.state = RequestState.QUEUED
        self._waiter: Waiter = _LOOP.new_waiter()

    @property
    def leaving(self) -> bool:
        """Whether its task is known to be leaving: it is being cancelled."""
        return self._waiter.cancelled()

    def settle(self, *, done: bool) -> None:
        """Let the task go on."""
        self.state = RequestState.DONE if done else RequestState.NOT_DONE
        self.report_progress()

    def report_progress(self) -> None:
        """Let the task see how far it has come; it then waits on."""
        if not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> bool:
        """Wait until it is settled, or has come further.

        Returns:
            Whether it is settled.

        Raises:
            The event loop's cancellation: then it was not done. If it is queued still, it
            is for the caller to withdraw it.
        """
        waiter = self._waiter
        try:
            await waiter
        except GeneratorExit:  # the task is destroyed, and can wait for nothing
            self.abandoned = True
            raise
        except get_cancelled_exc_class() as cancelled:
            native = await self._wait_while_in_flight(cancelled)
            if self.state is not RequestState.DONE:
                raise
            if native is not None:
                postpone(waiter, native)
        if self.state in SETTLED:
            return True
        self._waiter = _LOOP.new_waiter()
        return False

    async def _wait_while_in_flight(self, cancelled: BaseException) -> BaseException | None:
        """Wait until it is not in flight any more, however often the task is cancelled.

        Returns:
            A cancellation that is not a scope's, if there was one: no scope delivers it again.
        """
        self.abandoned = True
        native = None if current_effective_deadline() == -math.inf else cancelled
        while self.state is RequestState.IN_FLIGHT:
            self._waiter = _LOOP.new_waiter()
            try:
                with CancelScope(shield=True):
                    await self._waiter
            except get_cancelled_exc_class() as error:  # only a native one comes through
                native = error  # one is as good as many
        return native


class _AnyLoop(LoopBinding):
    """Where requests wait, in no queue: whichever event loop comes can be served at once.

    A session serves one event loop, so there is nothing to check.
    """

    def queues(self) -> tuple[WaitQueue, ...]:
        return ()


_LOOP = _AnyLoop()
