"""What the two kinds of endpoint of a channel in memory share."""

from __future__ import annotations

from abc import abstractmethod
from sys import modules, version_info
from typing import Any, Generic, NoReturn, TypeVar
from weakref import ref

from anycast._anycast.core import Core
from anycast._anycast.guard import Guard
from anycast._interface.channel import Channel
from anycast._interface.closing import Closing, ClosingEndpoint, NamedEndpoint
from anycast._waiting.protection import protect, protected, unmarked
from anycast._waiting.waiter import WaitQueue, Wakeable

T = TypeVar("T")

# From Python 3.14 on, a future refers to the task that awaits the future. A task that was given a
# message, and whose event loop is over, gives the message back when the task is destroyed. So an
# endpoint must not keep the task alive.
FUTURES_KEEP_TASKS = version_info >= (3, 14)

for _close in (Closing.aclose, Closing.__aexit__, ClosingEndpoint.__exit__):
    protected(_close)


class Endpoint(NamedEndpoint, Generic[T]):
    """What a sender and a receiver share: how they are opened and closed.

    Args:
        channel: the channel that errors, `str` and `repr` show.
        core: of the channel.
        queue: of the core, in which the tasks of this side wait.
    """

    # Warns if this endpoint is collected by the garbage collector while this endpoint is open.
    _guard: Guard | None = None

    def __init__(self, channel: Channel[T], core: Core[T], queue: WaitQueue) -> None:
        self._channel = channel
        self._core = core
        self._queue = queue
        self.closed = False
        # The waiters of the tasks that wait in this endpoint: an ordered set, whose values have no
        # meaning. `close` wakes these tasks. If `FUTURES_KEEP_TASKS`, a weak reference stands here
        # for the waiter of a receive.
        self.waiters: dict[Wakeable | ref[Any], Any] = {}
        core.count_endpoint(queue, 1)
        if core.auto_close:
            self._guard = Guard(core, type(self))
        if unmarked and "trio.lowlevel" in modules:  # a program may import trio late
            protect()

    @property
    @abstractmethod
    def stopped(self) -> bool:
        """Whether every further operation of this endpoint raises."""

    @abstractmethod
    def raise_stopped(self) -> NoReturn:
        """Raise the error that tells why this endpoint has stopped."""
        raise NotImplementedError

    def _check_open(self) -> None:
        """Raise if this endpoint has stopped. The attempt counts towards `yield_every`."""
        if self.stopped:
            self._core.budget.spent += 1
            self.raise_stopped()

    @protected
    def clone(self) -> Any:
        if self.closed:
            self.raise_stopped()
        return type(self)(self._channel, self._core, self._queue)

    @protected
    def close(self) -> None:
        if not self.closed:
            if self.waiters or self._core.auto_close:
                self._core.check_thread()  # first: if this raises, nothing has changed
            self.closed = True
            if self._guard is not None:
                self._guard.disarm()
            self._core.detach(self._queue, self._living_waiters() if self.waiters else ())

    def _living_waiters(self) -> list[Wakeable]:
        found = [key() if isinstance(key, ref) else key for key in [*self.waiters]]
        return [waiter for waiter in found if waiter is not None]
