"""`map` and `filter` refuse async functions: the receiver could not await a result."""

from __future__ import annotations

import asyncio
import functools
import gc
import types
import warnings
import weakref
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock, Mock

import pytest

from anycast import Anycast, Receiver, merge
from combinations import WAITING, WAYS, everything, same
from helpers import begin, raises, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

pytestmark = pytest.mark.anyio


async def refuse(message: object) -> bool:  # noqa: ARG001
    """Refuse any message, some time later."""
    return False


async def pages(message: object) -> AsyncGenerator[object]:
    """Yield a message."""
    yield message


class Asynchronous:
    """A class with every kind of async method, whose call makes an object and is plain."""

    def __init__(self, message: object = None) -> None:
        self.message = message

    async def __call__(self, message: object) -> bool:
        """Refuse any message."""
        return await refuse(message)

    async def method(self, message: object) -> bool:
        """Refuse any message."""
        return await refuse(message)

    @classmethod
    async def of_class(cls, message: object) -> bool:
        """Refuse any message."""
        return await refuse(message)

    @staticmethod
    async def static(message: object) -> bool:
        """Refuse any message."""
        return await refuse(message)

    async def pages(self, message: object) -> AsyncGenerator[object]:
        """Yield a message."""
        yield message


class Pages:
    """An object whose call is an async generator."""

    async def __call__(self, message: object) -> AsyncGenerator[object]:
        """Yield a message."""
        yield message


ASYNC: dict[str, Any] = {
    "function": refuse,
    "partial": functools.partial(refuse),
    "partial of a partial": functools.partial(functools.partial(refuse)),
    "method": Asynchronous().method,
    "class method": Asynchronous.of_class,
    "static method": Asynchronous.static,
    "partial of a method": functools.partial(Asynchronous.method, Asynchronous()),
    "object": Asynchronous(),
    "partial of an object": functools.partial(Asynchronous()),
    "call of an object": Asynchronous().__call__,
    "generator": pages,
    "partial of a generator": functools.partial(pages),
    "method that is a generator": Asynchronous().pages,
    "object that is a generator": Pages(),
    "mock": AsyncMock(),
}


@pytest.mark.parametrize("function", ASYNC.values(), ids=ASYNC)
def test_async_functions_are_refused_at_once(function: Any) -> None:
    """A TypeError comes before the function could cost a message."""
    receiver = Anycast[int]().new_receiver()
    rule = f"must be a plain function, but {function!r} is async: await in the task that receives"
    with raises(TypeError, f"`function` {rule}"):
        receiver.map(function)
    with raises(TypeError, f"`predicate` {rule}"):
        receiver.filter(function)


PLAIN: list[Any] = [
    same,
    functools.partial(same),
    everything,
    "{}".format,
    str,
    Asynchronous,
    Mock(return_value=1),
    functools.lru_cache(same),
]


@pytest.mark.parametrize("function", PLAIN)
def test_plain_functions_are_accepted(function: Any) -> None:
    """Functions, methods, partials, classes and other callables are accepted."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    receiver = channel.new_receiver().filter(function).map(function)
    assert receiver.receive_nowait()


class Awaitable:
    """Can be awaited, and is no coroutine."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@types.coroutine
def old_style(message: object) -> Generator[None, None, object]:
    """Return a coroutine that is made of a generator."""
    yield
    return message


@functools.wraps(refuse)
def wrapper(message: object) -> Any:
    """Return what an async function returns."""
    return refuse(message)


AWAITABLE: dict[str, Callable[[Any], Any]] = {
    "coroutine": lambda message: refuse(message),  # noqa: PLW0108  that is the point
    "wrapped": wrapper,
    "cached": functools.lru_cache(refuse),
    "static method": staticmethod(refuse),
    "mock": Mock(side_effect=refuse),
    "object": lambda _: Awaitable(),
    "generator": old_style,
}
MAKERS: dict[str, Callable[[Receiver[int], Any], Receiver[Any]]] = {
    "map": lambda receiver, function: receiver.map(function),
    "filter": lambda receiver, function: receiver.filter(function),
    "nested": lambda receiver, function: merge(receiver.map(same).filter(function)).map(same),
}
every_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
every_awaitable = pytest.mark.parametrize("function", AWAITABLE.values(), ids=AWAITABLE)


def refused(function: Any) -> pytest.RaisesExc[Any]:
    """Expect the error of a function that returned an awaitable."""
    return raises(
        TypeError,
        f"`map` and `filter` take plain functions, but {function!r} returned an awaitable:"
        " await in the task that receives",
    )


@every_maker
@every_awaitable
@pytest.mark.parametrize("way", WAYS)
async def test_an_awaitable_result(make: Any, function: Any, way: Any) -> None:
    """The first message raises, counts as received, and no coroutine is left to warn."""
    channel = Anycast[int]()
    await channel.new_sender().send_many([1, 2])
    receiver = make(channel.new_receiver(), function)
    channel.close()
    with refused(function):
        await way(receiver)
    assert channel.statistics().messages_received == 1
    assert await channel.new_receiver().receive() == 2


@every_maker
@pytest.mark.parametrize("way", WAITING)
async def test_an_awaitable_result_after_a_wait(make: Any, way: Any) -> None:
    """The error reaches the task that waits, and the lease of the message is over."""
    channel = Anycast[int]()
    function = AWAITABLE["coroutine"]
    receiver = make(channel.new_receiver(), function)

    async def fail() -> None:
        with refused(function):
            await way(receiver)

    async with task_group() as tasks:
        await begin(tasks, fail)
        channel.new_sender().send_nowait(1)
    assert waiting(channel) == (0, 0)
    channel.close()
    assert [message async for message in channel.new_receiver()] == []


@every_maker
async def test_an_awaitable_result_in_a_batch(make: Any) -> None:
    """The batch has what came before, and the next receive raises."""

    def function(message: int) -> Any:
        return refuse(message) if message == 2 else message

    channel = Anycast[int]()
    await channel.new_sender().send_many([1, 2, 3])
    receiver = make(channel.new_receiver(), function)
    assert await receiver.receive_many(9) == [1]
    with refused(function):
        await receiver.receive()
    assert await receiver.receive() == 3


async def test_the_error_keeps_no_awaitable_alive() -> None:
    """An error that is kept does not keep the result of the function."""
    awaitables: list[weakref.ref[Awaitable]] = []

    def function(_: int) -> Awaitable:
        awaitable = Awaitable()
        awaitables.append(weakref.ref(awaitable))
        return awaitable

    channel = Anycast[int]()
    await channel.new_sender().send_many([1, 2])
    for receiver in (channel.new_receiver().map(function), channel.new_receiver().filter(function)):
        with refused(function):
            await receiver.receive()
    gc.collect()
    assert [awaitable() for awaitable in awaitables] == [None, None]


@pytest.mark.asyncio_only
async def test_a_task_goes_on() -> None:
    """A task that the function started is not cancelled, and a running coroutine is not closed."""
    ends: list[Any] = []

    async def work() -> None:
        await asyncio.sleep(0)
        ends.append("done")

    started = work()
    task = asyncio.ensure_future(started)
    await asyncio.sleep(0)
    channel = Anycast[int]()
    await channel.new_sender().send_many([1, 2])
    functions: list[Callable[[int], object]] = [lambda _: task, lambda _: started]
    for function in functions:
        with refused(function):
            channel.new_receiver().map(function).receive_nowait()
    await task
    assert ends == ["done"]


def test_awaitables_are_messages_like_any_other() -> None:
    """Only an awaitable result is refused: an awaitable message can be sent and filtered."""
    channel = Anycast[Awaitable]()
    message = Awaitable()
    channel.new_sender().send_nowait(message)
    assert channel.new_receiver().filter(everything).receive_nowait() is message


async def test_an_awaitable_result_after_plain_results() -> None:
    """Each result is checked, whatever results came before."""

    def function(message: int) -> Any:
        if message < 2:
            return message + 1
        if message == 2:
            return (number for number in range(message))
        return old_style(message) if message == 3 else refuse(message)

    channel = Anycast[int]()
    await channel.new_sender().send_many(range(5))
    receiver = channel.new_receiver().map(function)
    assert [await receiver.receive(), await receiver.receive()] == [1, 2]
    assert [*await receiver.receive()] == [0, 1]
    for _ in range(2):
        with refused(function):
            await receiver.receive()


def test_plain_generators_are_results_like_any_other() -> None:
    """A generator is no coroutine."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(3)
    numbers = channel.new_receiver().map(lambda stop: (number for number in range(stop)))
    with warnings.catch_warnings():
        assert [*numbers.receive_nowait()] == [0, 1, 2]
