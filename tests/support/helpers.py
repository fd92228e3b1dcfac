"""Helpers that many tests use."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pytest
from anyio import CancelScope, WouldBlock, create_task_group
from anyio.lowlevel import checkpoint

from anycast import Error, ReceiverLaggedError, ReceiverStoppedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator

    from anyio.abc import TaskGroup

    from anycast import Channel, Receiver

T = TypeVar("T")

ROUNDS = 16  # more turns of the event loop than any task here needs to block or to end
STOPPED = "has stopped: no more messages will come"  # what a `ReceiverStoppedError` says


async def settle() -> None:
    """Let every other task run until the task blocks or ends."""
    for _ in range(ROUNDS):
        await checkpoint()


@asynccontextmanager
async def task_group() -> AsyncGenerator[TaskGroup]:
    """Open a task group that, for type checkers, swallows no exception."""
    async with create_task_group() as tasks:
        yield tasks


def raises(error: type[Exception], text: str) -> pytest.RaisesExc[Any]:
    """Expect exactly this kind of error, with exactly this text."""
    return pytest.raises(
        error, match=f"^{re.escape(text)}\\Z", check=lambda raised: type(raised) is error
    )


def drain(receiver: Receiver[T]) -> list[T]:
    """Receive what can be received without waiting."""
    messages: list[T] = []
    try:
        while True:
            messages.append(receiver.receive_nowait())
    except (WouldBlock, ReceiverStoppedError):
        return messages


def drain_through_gaps(receiver: Receiver[T]) -> list[T | str]:
    """Receive what can be received without waiting; at a gap, the number of lost messages."""
    entries: list[T | str] = []
    try:
        while True:
            try:
                entries.append(receiver.receive_nowait())
            except ReceiverLaggedError as error:
                entries.append(str(error.lost))
    except (WouldBlock, ReceiverStoppedError):
        return entries


def waiting(channel: Channel[Any]) -> tuple[int, int]:
    """Return how many tasks wait to send, and how many to receive."""
    now = channel.statistics()
    return now.tasks_waiting_send, now.tasks_waiting_receive


class Attempt(Generic[T]):
    """An operation in a task of its own, and the outcome of the operation.

    ``outcome`` is "unfinished", "done" (see ``result``), "failed" (see `failure`) or
    "cancelled".
    """

    def __init__(
        self, tasks: TaskGroup, operation: Callable[..., Awaitable[T]], *arguments: Any
    ) -> None:
        self.outcome = "unfinished"
        self.result: T | None = None
        self._error: Error | None = None
        self._scope = CancelScope()
        tasks.start_soon(self._run, partial(operation, *arguments))

    def cancel(self) -> None:
        """Cancel the task."""
        self._scope.cancel()

    def failure(self, error: type[Error]) -> Any:
        """Return what the operation raised, which must be exactly this kind of error."""
        assert type(self._error) is error
        return self._error

    async def _run(self, operation: Callable[[], Awaitable[T]]) -> None:
        with self._scope:
            try:
                self.result = await operation()
            except Error as error:
                self.outcome, self._error = "failed", error
            else:
                self.outcome = "done"
        if self._scope.cancelled_caught:
            self.outcome = "cancelled"


async def begin(
    tasks: TaskGroup, operation: Callable[..., Awaitable[T]], *arguments: Any
) -> Attempt[T]:
    """Start an attempt, and let the attempt run until it blocks or ends.

    Use this function where order matters: trio starts tasks in any order.
    """
    attempt = Attempt(tasks, operation, *arguments)
    await settle()
    return attempt


class _Watched(Generic[T]):
    """Awaits a coroutine, and calls a function whenever the coroutine yields."""

    def __init__(self, operation: Coroutine[Any, Any, T], on_yield: Callable[[], object]) -> None:
        self._operation = operation
        self._on_yield = on_yield

    def __await__(self) -> Generator[Any, Any, T]:
        resume: Callable[[], Any] = partial(self._operation.send, None)
        while True:
            try:
                trap = resume()
            except StopIteration as stop:
                result: T = stop.value
                return result
            self._on_yield()
            try:
                value = yield trap
            except BaseException as error:  # noqa: BLE001  the operation handles the error
                resume = partial(self._operation.throw, error)
            else:
                resume = partial(self._operation.send, value)


async def watch_yields(operation: Coroutine[Any, Any, T], on_yield: Callable[[], object]) -> T:
    """Await an operation, and call a function whenever the operation yields to the event loop."""
    return await _Watched(operation, on_yield)


async def count_yields(operation: Coroutine[Any, Any, object]) -> int:
    """Await an operation, and return how often the operation yielded to the event loop."""
    yields: list[None] = []
    await watch_yields(operation, lambda: yields.append(None))
    return len(yields)
