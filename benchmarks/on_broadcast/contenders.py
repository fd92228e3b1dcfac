"""The contenders: this library, and what people use to give each message to every receiver."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar, TypeVar
from warnings import catch_warnings, simplefilter

import broadcaster
import trio
from frequenz import channels as frequenz

from anycast import Broadcast

Send = Callable[[int], Awaitable[object]]
Receive = Callable[[], Awaitable[object]]

T = TypeVar("T")

ASYNCIO = frozenset({"asyncio", "uvloop"})


class Contender(ABC):
    """A way to give each message to so many receivers, each of which stores ``limit`` messages."""

    name: ClassVar[str]
    backends: ClassVar[frozenset[str]] = frozenset({"asyncio", "uvloop", "trio"})
    drops: ClassVar[bool] = False
    """Whether a receiver that is full loses messages, and blocks no sender."""
    later: ClassVar[bool] = False
    """Whether a send only stores a message, which a task of the library gives to the receivers."""

    send: Send
    receives: list[Receive]

    @abstractmethod
    def __init__(self, limit: int, receivers: int) -> None: ...


class Ours(Contender):
    """A `Broadcast` whose receivers block."""

    name = "anycast"

    def __init__(self, limit: int, receivers: int) -> None:
        channel = Broadcast[int](
            limit=limit, overflow="drop_oldest" if self.drops else "block", raise_on_lag=False
        )
        self.send = channel.new_sender().send
        self.receives = [channel.new_receiver().receive for _ in range(receivers)]


class OursDropping(Ours):
    """A `Broadcast` whose receivers drop."""

    name = "anycast, dropping"
    drops = True


class Queues(Contender):
    """An `asyncio.Queue` for each receiver."""

    name = "a Queue each"
    backends = ASYNCIO

    def __init__(self, limit: int, receivers: int) -> None:
        queues = [asyncio.Queue[int](limit) for _ in range(receivers)]
        puts = [queue.put for queue in queues]

        async def send(message: int) -> None:
            for put in puts:
                await put(message)

        self.send = send
        self.receives = [queue.get for queue in queues]


class MemoryChannels(Contender):
    """A memory channel of trio for each receiver."""

    name = "a trio channel each"
    backends = frozenset({"trio"})

    def __init__(self, limit: int, receivers: int) -> None:
        pairs = [trio.open_memory_channel[int](limit) for _ in range(receivers)]
        sends = [sender.send for sender, _ in pairs]

        async def send(message: int) -> None:
            for one in sends:
                await one(message)

        self.send = send
        self.receives = [receiver.receive for _, receiver in pairs]


class Frequenz(Contender):
    """The Broadcast of frequenz, whose receivers drop."""

    name = "frequenz"
    backends = ASYNCIO
    drops = True

    def __init__(self, limit: int, receivers: int) -> None:
        with catch_warnings():
            simplefilter("ignore", DeprecationWarning)
            channel: Any = frequenz.Broadcast[int](name="benchmark")
        self._ends = [channel.new_receiver(limit=limit) for _ in range(receivers)]
        self.send = channel.new_sender().send
        self.receives = [end.receive for end in self._ends]


class Broadcaster(Contender):
    """The memory backend of broadcaster, whose subscribers store any number of messages."""

    name = "broadcaster"
    backends = ASYNCIO
    later = True

    def __init__(self, limit: int, receivers: int) -> None:  # noqa: ARG002  there is no limit
        channel = broadcaster.Broadcast("memory://")
        at_once(channel.connect())
        self._entered = [channel.subscribe("benchmark") for _ in range(receivers)]
        subscribers = [at_once(one.__aenter__()) for one in self._entered]

        async def send(message: int) -> None:
            await channel.publish("benchmark", message)

        self.send = send
        self.receives = [subscriber.get for subscriber in subscribers]


def at_once(step: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that never waits."""
    try:
        step.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("the coroutine waits")


CONTENDERS: list[type[Contender]] = [
    Ours,
    OursDropping,
    Queues,
    MemoryChannels,
    Frequenz,
    Broadcaster,
]
