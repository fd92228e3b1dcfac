"""Ctrl-C at any line of an operation finds the operation done or not begun."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import WouldBlock

from anycast import Anycast, Broadcast, merge, select, select_nowait
from ctrl_c import Interrupter, at_each_line
from event_loops import ASYNCIO
from helpers import waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from anycast import Receiver

trio = pytest.importorskip("trio")


class OfBroadcast(int):
    """The limit of a broadcast channel, which has a single receiver in these tests."""

    def __eq__(self, other: object) -> bool:
        return self is other  # `outcomes` keeps the outcomes of both kinds apart

    __hash__ = object.__hash__


class Program:
    """A channel, and what a program knows about its messages."""

    def __init__(self, limit: float, stored: int = 0) -> None:
        self.channel: Anycast[int] | Broadcast[int] = (
            Broadcast(limit=int(limit)) if isinstance(limit, OfBroadcast) else Anycast(limit=limit)
        )
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()
        self.new_messages = iter(range(100))
        self.sent: list[int] = []
        self.received: list[int] = []
        for message, _ in zip(self.new_messages, range(stored), strict=False):
            self.sender.send_nowait(message)
            self.sent.append(message)

    @property
    def combined(self) -> Receiver[int]:
        """A receiver that is made of every combinator."""
        return merge(self.receiver.map(abs), Anycast[int]().new_receiver()).filter(lambda _: True)


async def send(program: Program) -> None:
    message = next(program.new_messages)
    await program.sender.send(message)
    program.sent.append(message)


async def send_nowait(program: Program) -> None:
    message = next(program.new_messages)
    with suppress(WouldBlock):
        program.sender.send_nowait(message)
        program.sent.append(message)


async def send_deque(program: Program) -> None:
    batch = [next(program.new_messages), next(program.new_messages)]
    left = deque(batch)
    try:
        await program.sender.send_many(left)
    finally:
        program.sent += batch[: len(batch) - len(left)]


async def send_iterator(program: Program) -> None:
    message = next(program.new_messages)
    await program.sender.send_many(iter([message]))
    program.sent.append(message)


async def select_send(program: Program) -> None:
    message = next(program.new_messages)
    await select(program.sender.sending(message), Anycast[int]().new_receiver().receiving())
    program.sent.append(message)


async def receive(program: Program) -> None:
    program.received.append(await program.receiver.receive())


async def receive_nowait(program: Program) -> None:
    with suppress(WouldBlock):
        program.received.append(program.receiver.receive_nowait())


async def iterate(program: Program) -> None:
    async for message in program.receiver:
        program.received.append(message)
        break


async def receive_many(program: Program) -> None:
    program.received += await program.receiver.receive_many(2)


async def receive_within(program: Program) -> None:
    program.received += await program.receiver.receive_many(2, within=10)


async def join(program: Program) -> None:
    await program.channel.join()


async def lease(program: Program) -> None:
    async with program.receiver.lease() as message:
        program.received.append(message)


async def failing_lease(program: Program) -> None:
    with suppress(OSError):
        async with program.receiver.lease():
            raise OSError


async def select_receive(program: Program) -> None:
    receiving = program.receiver.receiving()
    await select(receiving, Anycast[int]().new_receiver().receiving())
    program.received.append(receiving.result())


async def select_receive_nowait(program: Program) -> None:
    receiving = program.receiver.receiving()
    with suppress(WouldBlock):
        program.received.append(select_nowait(receiving).result())


async def receive_combined(program: Program) -> None:
    program.received.append(await program.combined.receive())


async def iterate_combined(program: Program) -> None:
    async for message in program.combined:
        program.received.append(message)
        break


async def receive_many_combined(program: Program) -> None:
    program.received += await program.combined.receive_many(2)


async def lease_combined(program: Program) -> None:
    async with program.combined.lease() as message:
        program.received.append(message)


SENDS = [send, send_nowait, send_deque, send_iterator, select_send]
RECEIVES = [
    receive,
    receive_nowait,
    iterate,
    receive_many,
    receive_within,
    lease,
    failing_lease,
    select_receive,
    select_receive_nowait,
]
COMBINED = [receive_combined, iterate_combined, receive_many_combined, lease_combined]


async def alone(operation: Awaitable[object], peer: Any, program: Program) -> None:  # noqa: ARG001
    """Do an operation in a channel that has messages and room."""
    await operation


async def before(operation: Awaitable[object], peer: Any, program: Program) -> None:
    """Do an operation when a peer waits."""
    async with anyio.create_task_group() as tasks:
        for _ in range(2):  # a batch has two messages
            tasks.start_soon(peer, program)
            await anyio.lowlevel.checkpoint()
        await operation
        tasks.cancel_scope.cancel()


async def after(operation: Awaitable[object], peer: Any, program: Program) -> None:
    """Do an operation that waits until a peer comes."""

    async def come_later() -> None:
        for _ in range(2):
            await anyio.lowlevel.checkpoint()
        for _ in range(2):
            await peer(program)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(come_later)
        await operation
        tasks.cancel_scope.cancel()


class Outcome:
    """The state after Ctrl-C at one line."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.sent, self.received = [*program.sent], [*program.received]
        self.waiting = waiting(program.channel)
        self.statistics = program.channel.statistics()
        self.stored: list[int] = []
        with suppress(WouldBlock):
            while True:
                self.stored.append(program.receiver.receive_nowait())


@cache
def outcomes(
    operation: Any, order: Any, limit: int, stored: int, backend: str = "trio"
) -> list[Outcome]:
    """Press Ctrl-C at each line, and return what is left behind each time."""
    peer = receive if operation in [*SENDS, join] else send
    found, program = list[Outcome](), Program(limit, stored)

    async def main(interrupter: Interrupter) -> None:
        await order(interrupter.watch(operation(program)), peer, program)

    for interrupted in at_each_line(main, backend):
        # asyncio cancels the main task. That is too late if the main task does not wait any more.
        assert interrupted or backend != "trio"
        found.append(Outcome(program))
        program = Program(limit, stored)
    return found


ONE, TEN = OfBroadcast(1), OfBroadcast(10)
each_situation = pytest.mark.parametrize(
    ("operation", "order", "limit", "stored"),
    [
        pytest.param(operation, *situation, id=f"{operation.__name__}-{situation[0].__name__}")
        for operations, situations in (
            (SENDS, [(alone, 10, 2), (before, 0, 0), (after, 0, 0)]),
            (RECEIVES, [(alone, 10, 2), (before, 0, 0), (after, 0, 0), (before, 1, 1)]),
            (COMBINED, [(alone, 10, 2)]),
            (SENDS, [(alone, TEN, 2), (before, TEN, 0), (after, ONE, 1)]),
            (RECEIVES, [(alone, TEN, 2), (before, ONE, 1), (after, ONE, 0)]),
            (COMBINED, [(alone, TEN, 2)]),
            ([join], [(after, TEN, 2)]),
            ([lease_combined], [(after, 0, 0)]),
            ([join], [(after, 10, 2)]),
        )
        for operation in operations
        for situation in situations
    ],
)


@pytest.fixture(autouse=True, scope="module")
def _forget() -> Iterator[None]:
    """Keep no outcome after these tests: garbage collections would look at all of them."""
    yield
    outcomes.cache_clear()


@pytest.fixture(autouse=True)
def _skip(pytestconfig: pytest.Config, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "anycast")
    if pytestconfig.getoption("--plain-events"):
        pytest.skip("a peer cannot see that trio has interrupted a task in an `anyio.Event`")


@each_situation
def test_no_message_is_lost_or_doubled(operation: Any, order: Any, limit: int, stored: int) -> None:
    """Each message that was sent is received once or is stored."""
    for outcome in outcomes(operation, order, limit, stored):
        assert sorted(outcome.received + outcome.stored) == sorted(outcome.sent)


@each_situation
def test_no_dead_task_stays_in_a_queue(operation: Any, order: Any, limit: int, stored: int) -> None:
    """A task that was interrupted is in no queue."""
    for outcome in outcomes(operation, order, limit, stored):
        assert outcome.waiting == (0, 0)
        assert not outcome.program.channel._core.joiners


@each_situation
def test_the_counts_are_right(operation: Any, order: Any, limit: int, stored: int) -> None:
    """The statistics count what happened."""
    for outcome in outcomes(operation, order, limit, stored):
        counted = outcome.statistics
        assert counted.messages_sent == len(outcome.sent)
        assert counted.messages_received == len(outcome.received)


@pytest.mark.parametrize("operation", [receive, iterate, receive_nowait, receive_many, lease])
@pytest.mark.parametrize("limit", [0, 1])
def test_a_blocked_sender_stays_blocked_or_is_served(operation: Any, limit: int) -> None:
    """No message is stored beyond the limit, so a rendezvous never completes without a receiver."""
    for outcome in outcomes(operation, before, limit, limit):
        assert outcome.statistics.current_buffer_used <= limit


@each_situation
def test_the_channel_is_usable_afterwards(
    operation: Any, order: Any, limit: int, stored: int
) -> None:
    """A program that catches `KeyboardInterrupt` goes on with the same channel."""
    programs = [outcome.program for outcome in outcomes(operation, order, limit, stored)]

    async def go_on() -> None:
        for program in programs:
            done = len(program.sent), len(program.received)
            await before(receive_many(program), send, program)
            sent, received = program.sent[done[0] :], program.received[done[1] :]
            assert received
            assert set(received) <= set(sent)

    trio.run(go_on)


@pytest.mark.parametrize("operation", [receive, iterate])
def test_a_receive_that_need_not_wait_is_not_begun(operation: Any) -> None:
    """Ctrl-C comes at once, even at the line that takes the message."""
    for outcome in outcomes(operation, alone, 10, 2):
        assert outcome.received == []


@pytest.mark.parametrize("backend", ASYNCIO)
@pytest.mark.parametrize(("operation", "order"), [(receive, after), (lease, before)])
def test_the_first_ctrl_c_on_asyncio(operation: Any, order: Any, backend: str) -> None:
    """The main task is cancelled, in place of a `KeyboardInterrupt` at a line."""
    for outcome in outcomes(operation, order, 0, 0, backend):
        assert sorted(outcome.received + outcome.stored) == sorted(outcome.sent)
        assert outcome.waiting == (0, 0)
