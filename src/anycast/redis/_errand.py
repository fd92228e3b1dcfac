"""Something that a pump does at the server for a task, which waits for it.

An errand is queued, then under way, then settled. One of several parts may be queued again
when some are done, and then tells its task of progress. Its task may leave only while it is
queued, by withdrawing it: then the server has never heard of it. One that is under way may
have been done already, so its task waits on, however often it is cancelled; the pump settles
each within the channel's timeout, and does not queue an abandoned one again.

If the task was cancelled and the errand turns out to be done, the task goes on as if nothing
had happened, and the cancellation comes at its next await. anyio and trio deliver that of a
scope by themselves; a native one of asyncio was used up, and is asked for once more.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from anyio import CancelScope, current_effective_deadline, get_cancelled_exc_class

from anycast._waiter import Unknown, running_backend, wake

if TYPE_CHECKING:
    from anycast._waiter import Backend, Waiter


class Place(Enum):
    """Where an errand is."""

    QUEUED = auto()
    UNDER_WAY = auto()
    DONE = auto()
    NOT_DONE = auto()


SETTLED = (Place.DONE, Place.NOT_DONE)


class Errand:
    """One errand, and the task that waits for it."""

    __slots__ = ("_waiter", "abandoned", "place")

    def __init__(self) -> None:
        self.abandoned = False
        self.place = Place.QUEUED
        self._waiter = _new_waiter()

    def settle(self, *, done: bool) -> None:
        """Let the task go on."""
        self.place = Place.DONE if done else Place.NOT_DONE
        wake(self._waiter)

    def tell_progress(self) -> None:
        """Let the task see how far it has come; it then waits on."""
        wake(self._waiter)

    async def wait(self) -> bool:
        """Wait until it is settled, or has come further.

        Returns:
            Whether it is settled.

        Raises:
            The event loop's cancellation: then it was not done. If it is queued still, it
            is for the caller to withdraw it.
        """
        try:
            await self._waiter
        except get_cancelled_exc_class() as cancelled:
            if self.place is Place.QUEUED:
                raise
            await self._see_through()
            if self.place is not Place.DONE:
                raise
            if current_effective_deadline() != -math.inf:
                _cancel_again(cancelled)
        if self.place in SETTLED:
            return True
        self._waiter = _new_waiter()
        return False

    async def _see_through(self) -> None:
        self.abandoned = True
        while self.place is Place.UNDER_WAY:
            self._waiter = _new_waiter()
            # A native cancellation comes through the shield; one is as good as many.
            with suppress(get_cancelled_exc_class()), CancelScope(shield=True):
                await self._waiter


class _Home:
    """Where errands wait: a session serves one event loop, so which one need not be checked."""

    loop: object = None

    def __init__(self) -> None:
        self.backend: type[Backend] = Unknown  # what fitted last: asking anyio takes longer

    def adopt(self, loop: object) -> None:
        """Do nothing."""


_HOME = _Home()


def _new_waiter() -> Waiter:
    try:
        return _HOME.backend.new_waiter(_HOME)
    except RuntimeError:
        _HOME.backend = running_backend()
        return _HOME.backend.new_waiter(_HOME)


def _cancel_again(cancelled: BaseException) -> None:
    """Cancel the running task natively, at its next await, as it was before."""
    # There is a task, or nobody could have cancelled it.
    task = cast("asyncio.Task[object]", asyncio.current_task())
    task.uncancel()  # it counts once, not twice
    task.cancel(*cancelled.args)
