"""What every contender offers to the scenarios, in the same words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from benchmarks.backends import BACKENDS
from benchmarks.scenarios import MERGES, SELECTS, Scenario, Work

if TYPE_CHECKING:
    from benchmarks.clock import Clock

S = TypeVar("S")  # a sending end
R = TypeVar("R")  # a receiving end

Send = Callable[[int], Coroutine[Any, Any, object]]
Receive = Callable[[], Coroutine[Any, Any, int]]
SendMany = Callable[[Sequence[int]], Coroutine[Any, Any, object]]
ReceiveMany = Callable[[int], Coroutine[Any, Any, Sequence[int]]]
Took = Callable[[int], object]

NO_ITERATION = {str(Work.ITERATE): "it is not iterable"}
NO_RENDEZVOUS = {"limit 0": "0 means that there is no limit"}
NO_SELECT = dict.fromkeys(map(str, SELECTS), "it has no select")
NO_MERGE = dict.fromkeys(map(str, MERGES), "it has no merge")


class Contender(ABC, Generic[S, R]):
    """One channel of one library, with its ends.

    Args:
        limit: of the channel; `math.inf` if it never blocks a sender.
        senders: how many sending ends it has.
        receivers: how many receiving ends it has.

    """

    __slots__ = ("receivers", "senders")

    name: ClassVar[str]
    ours: ClassVar[bool] = False
    """Whether it is this library, and no peer of it."""
    works: ClassVar[frozenset[Work]] = frozenset(Work)
    """What it takes part in: all, unless it is there for one purpose."""
    yields: ClassVar[bool] = False
    """Whether each operation is a checkpoint, one that completes at once included."""
    backends: ClassVar[frozenset[str]] = frozenset(BACKENDS)
    cannot: ClassVar[Mapping[str, str]] = {}
    """What it cannot do, and why."""
    full: ClassVar[type[Exception]]
    empty: ClassVar[type[Exception]]

    senders: list[S]
    receivers: list[R]

    @abstractmethod
    def __init__(self, limit: float, senders: int = 1, receivers: int = 1) -> None: ...

    @staticmethod
    @abstractmethod
    def send(end: S) -> Send:
        """Return what sends one message."""

    @staticmethod
    @abstractmethod
    def receive(end: R) -> Receive:
        """Return what receives one message."""

    @staticmethod
    def send_nowait(end: S) -> Callable[[int], object]:
        """Return what sends one message if it can do so at once, and raises `full` otherwise."""
        raise NotImplementedError

    @staticmethod
    def receive_nowait(end: R) -> Callable[[], int]:
        """Return what receives one message if there is one, and raises `empty` otherwise."""
        raise NotImplementedError

    @staticmethod
    def iterate(end: R) -> AsyncIterable[int]:
        """Return what ``async for`` goes through."""
        raise NotImplementedError

    @staticmethod
    async def select_all(clock: Clock, ends: Sequence[R], count: int, took: Took) -> None:
        """Take so many messages, one by one, out of whichever end has one."""
        raise NotImplementedError

    @staticmethod
    def merge(ends: Sequence[R]) -> AsyncIterable[int]:
        """Return what ``async for`` goes through, for the messages of all ends."""
        raise NotImplementedError

    @staticmethod
    async def unmerge(merged: Any) -> None:
        """Do what users of the library do when they are done with what `merge` returned."""

    @classmethod
    def send_many(cls, end: S) -> SendMany:
        """Return what sends a batch: one by one, if there is nothing better."""
        return partial(_send_each, cls.send(end))

    @classmethod
    def receive_many(cls, end: R) -> ReceiveMany:
        """Return what receives a batch: one by one, if there is nothing better."""
        return partial(_receive_each, cls.receive(end))

    @classmethod
    def send_many_nowait(cls, end: S) -> SendMany:
        """Return what sends a batch and waits only where it must."""
        return partial(_send_greedily, cls.send(end), cls.send_nowait(end), cls.full)

    @classmethod
    def receive_many_nowait(cls, end: R) -> ReceiveMany:
        """Return what waits for one message, then takes what is there."""
        return partial(_receive_greedily, cls.receive(end), cls.receive_nowait(end), cls.empty)

    async def fill(self, count: int) -> None:
        """Store so many messages; this is never timed."""
        send = self.send_nowait(self.senders[0])
        for message in range(count):
            send(message)

    async def close(self) -> None:
        """Do what users of the library do when they are done with a channel."""

    @classmethod
    def can(cls, scenario: Scenario, backend: str) -> bool:
        """Return whether it takes part."""
        willing = backend in cls.backends and scenario.work in cls.works
        return willing and not scenario.needs & cls.cannot.keys()


async def _send_each(send: Send, messages: Sequence[int]) -> None:
    for message in messages:
        await send(message)


async def _receive_each(receive: Receive, count: int) -> list[int]:
    return [await receive() for _ in range(count)]


async def _send_greedily(
    send: Send, send_nowait: Callable[[int], object], full: type[Exception], messages: Sequence[int]
) -> None:
    for message in messages:
        try:
            send_nowait(message)
        except full:
            await send(message)


async def _receive_greedily(
    receive: Receive, receive_nowait: Callable[[], int], empty: type[Exception], most: int
) -> list[int]:
    messages = [await receive()]
    try:
        while len(messages) < most:
            messages.append(receive_nowait())
    except empty:
        pass
    return messages
