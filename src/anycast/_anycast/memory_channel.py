"""What the kinds of channel in memory share."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from itertools import count
from typing import TypeVar

from anycast._anycast.core import Core
from anycast._interface.channel import Channel
from anycast._interface.statistics import ChannelStatistics
from anycast._waiting.protection import protected

T = TypeVar("T")

_numbers = count(1)


def name_or_number(name: str | None) -> str:
    """Return the name of a new channel. The default is short, and differs for each channel."""
    return f"channel-{next(_numbers)}" if name is None else name


class MemoryChannel(Channel[T]):
    """A channel in memory, of any kind.

    Args:
        core: the state of the channel.
    """

    def __init__(self, core: Core[T]) -> None:
        self._core = core

    @property
    def name(self) -> str:
        return self._core.name

    @property
    def limit(self) -> float:
        return self._core.limit

    @property
    def is_closed(self) -> bool:
        return self._core.closed

    @protected
    def close(self) -> Awaitable[None]:
        self._core.close()
        return _DONE

    @protected
    async def join(self) -> None:
        core = self._core
        if not core.idle or core.budget.spent >= core.allowance:
            # A task that has to wait yields first. The call of `join` may stand within a step of
            # the core: in an eager task that a finalizer makes. If that task began to wait at
            # once, the step would not notice the task.
            await core.checkpoint()
            core.budget.spent = 0
        core.budget.spent += 1
        if core.idle:
            return
        waiter = core.make_waiter(core)
        core.add_joiner(waiter)
        try:
            await waiter
            core.budget.spent = 0
        finally:
            core.remove_joiner(waiter)

    def statistics(self) -> ChannelStatistics:
        return self._core.statistics()


class _Done(Awaitable[None]):
    """What `MemoryChannel.close` returns.

    Awaiting it is optional and has no effect. Code written for `frequenz.channels` awaits it.
    """

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        return
        yield

    def __repr__(self) -> str:
        return "<closed>"


_DONE = _Done()
