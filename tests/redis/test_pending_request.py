"""Cancellations of a task that waits for a pump, at any moment.

Each test plays the pump itself, so no server is needed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import CancelScope, Event, get_cancelled_exc_class
from anyio.lowlevel import checkpoint

from anycast import Anycast
from anycast.redis import _scripts
from anycast.redis._delivery import Delivery
from anycast.redis._outbox import Outbox
from anycast.redis._pending_request import PendingRequest, RequestState
from anycast.redis._settlements import Settlements
from helpers import begin, settle, task_group

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.anyio


class Waiting:
    """A task that waits for a request, then for something else; and how each wait ended.

    Args:
        then: what the task waits for when the request is settled.
    """

    request: PendingRequest

    def __init__(self, then: Callable[[], Awaitable[object]] = checkpoint) -> None:
        self.ends: list[object] = []
        self._then = then

    async def run(self) -> None:
        """Wait, and then again; note how far the request came, and if a wait was cancelled."""
        self.request = PendingRequest()
        try:
            await self.request.wait()
            self.ends.append(self.request.state)
            await self._then()
            self.ends.append("not cancelled")
        except get_cancelled_exc_class():
            self.ends.append("cancelled")
            raise

    async def start(self) -> asyncio.Task[None]:
        """Start a task of asyncio, and return the task when it waits."""
        task = asyncio.create_task(self.run())
        await settle()
        return task

    def begin(self) -> None:
        """Put the request in flight."""
        self.request.state = RequestState.IN_FLIGHT

    def end(self, *, done: bool) -> None:
        """Settle the request."""
        self.request.settle(done=done)

    def queue_again(self) -> None:
        """Report progress, and queue the rest of the request again."""
        self.request.state = RequestState.QUEUED
        self.request.report_progress()


@pytest.fixture
def waiting() -> Waiting:
    """Provide what a task runs."""
    return Waiting()


async def test_a_request_that_its_task_has_abandoned() -> None:
    """The pump does not queue again what remains of it."""
    request = PendingRequest()
    request.state = RequestState.IN_FLIGHT
    async with task_group() as tasks:
        attempt = await begin(tasks, request.wait)
        attempt.cancel()
        await settle()
        abandoned = request.abandoned
        request.settle(done=False)
    assert abandoned


@pytest.mark.asyncio_only
async def test_cancelled_while_it_is_queued(waiting: Waiting) -> None:
    """The task leaves, and the pump can see that before the task runs."""
    task = await waiting.start()
    leaving = [waiting.request.leaving]
    task.cancel()
    leaving.append(waiting.request.leaving)
    await settle()
    assert waiting.ends == ["cancelled"]
    assert leaving == [False, True]


@pytest.mark.asyncio_only
@pytest.mark.parametrize("turns", [0, 1, 16])
@pytest.mark.parametrize("cancels", [1, 2])
async def test_cancelled_while_it_is_in_flight(waiting: Waiting, cancels: int, turns: int) -> None:
    """The request is done, so the wait returns, and the next wait is cancelled."""
    task = await waiting.start()
    waiting.begin()
    for _ in range(cancels):
        task.cancel()
        for _ in range(turns):
            await checkpoint()
    waiting.end(done=True)
    await settle()
    assert waiting.ends == [RequestState.DONE, "cancelled"]


@pytest.mark.asyncio_only
async def test_cancelled_and_not_done(waiting: Waiting) -> None:
    """The cancellation is raised when the answer shows that the request was not done."""
    task = await waiting.start()
    waiting.begin()
    task.cancel()
    await settle()
    assert waiting.request.abandoned
    assert not waiting.ends
    waiting.end(done=False)
    await settle()
    assert waiting.ends == ["cancelled"]


@pytest.mark.asyncio_only
@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_cancelled_and_nobody_knows(waiting: Waiting, *, cancelled_first: bool) -> None:
    """The wait returns, so that the task gets an error; the cancellation strikes the next wait."""
    task = await waiting.start()
    waiting.begin()
    if cancelled_first:
        task.cancel()
        await settle()
    waiting.request.doubt()
    if not cancelled_first:
        task.cancel()
    await settle()
    assert waiting.ends == [RequestState.UNKNOWN, "cancelled"]


@pytest.mark.asyncio_only
@pytest.mark.parametrize("done", [True, False])
async def test_cancelled_after_it_was_settled(waiting: Waiting, *, done: bool) -> None:
    """The task has yet to run: what was done returns, and what was not is cancelled."""
    task = await waiting.start()
    waiting.begin()
    waiting.end(done=done)
    task.cancel()
    await settle()
    assert waiting.ends == ([RequestState.DONE, "cancelled"] if done else ["cancelled"])


@pytest.mark.asyncio_only
async def test_cancelled_after_it_was_told_of_progress(waiting: Waiting) -> None:
    """A request that is queued again is not done, so the cancellation is raised."""
    task = await waiting.start()
    waiting.begin()
    waiting.queue_again()
    task.cancel()
    await settle()
    assert waiting.ends == ["cancelled"]


async def test_settled_after_it_was_told_of_progress(waiting: Waiting) -> None:
    """The task is woken once, and finds the whole request done."""
    async with task_group() as tasks:
        tasks.start_soon(waiting.run)
        await settle()
        waiting.begin()
        waiting.queue_again()
        waiting.begin()
        waiting.end(done=True)
    assert waiting.ends == [RequestState.DONE, "not cancelled"]


@pytest.mark.asyncio_only
async def test_a_task_that_is_owed_a_cancellation(waiting: Waiting) -> None:
    """The task is leaving as soon as it waits, so the pump does not begin the request."""
    numbers = Anycast[int]()

    async def receive_and_run() -> None:
        await numbers.new_receiver().receive()
        await waiting.run()

    task = asyncio.create_task(receive_and_run())
    await settle()
    numbers.new_sender().send_nowait(1)
    task.cancel()  # the receive has happened
    await checkpoint()
    assert not waiting.ends
    assert waiting.request.leaving
    await settle()
    assert waiting.ends == ["cancelled"]


@pytest.mark.asyncio_only
async def test_a_timeout_takes_its_cancellation_back() -> None:
    """The request is done, and neither the block nor the code after the block is cancelled."""
    async with asyncio.timeout(0.0) as limit:
        request = PendingRequest()
        request.state = RequestState.IN_FLIGHT
        asyncio.get_running_loop().call_soon(lambda: request.settle(done=True))
        await request.wait()
    assert limit.expired()
    await settle()


@pytest.mark.asyncio_only
@pytest.mark.parametrize("first", ["timeout", "task"])
async def test_of_two_cancellations_one_is_taken_back(waiting: Waiting, first: str) -> None:
    """The second cancellation strikes after the block."""
    limits: list[asyncio.Timeout] = []

    async def run() -> None:
        async with asyncio.timeout(None) as limit:
            limits.append(limit)
            waiting.request = PendingRequest()
            await waiting.request.wait()
        waiting.ends.append(limit.expired())
        await settle()

    task = asyncio.create_task(run())
    await settle()
    waiting.begin()
    cancels: list[Callable[[], object]] = [lambda: limits[0].reschedule(0.0), task.cancel]
    for cancel in cancels if first == "timeout" else reversed(cancels):
        cancel()
        await settle()
    waiting.end(done=True)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waiting.ends == [True]


async def test_a_scope_does_not_strike_what_is_shielded() -> None:
    """The cancelled scope does not strike the next wait, which is in a shield."""

    async def clean_up() -> None:
        with CancelScope(shield=True):
            await settle()

    waiting = Waiting(then=clean_up)
    async with task_group() as tasks:
        tasks.start_soon(waiting.run)
        await settle()
        waiting.begin()
        tasks.cancel_scope.cancel()
        with CancelScope(shield=True):
            await settle()
            waiting.end(done=True)
    assert waiting.ends == [RequestState.DONE, "not cancelled"]


@pytest.mark.asyncio_only
@pytest.mark.parametrize("first", ["scope", "task"])
async def test_a_scope_does_not_hide_a_native_cancellation(waiting: Waiting, first: str) -> None:
    """A native cancellation of a request in flight strikes after the block of the scope."""
    scope = CancelScope()

    async def run() -> None:
        with scope:
            waiting.request = PendingRequest()
            await waiting.request.wait()
        waiting.ends.append(waiting.request.state)
        await settle()

    task = asyncio.create_task(run())
    await settle()
    waiting.begin()
    cancels: list[Callable[[], object]] = [scope.cancel, task.cancel]
    for cancel in cancels if first == "scope" else reversed(cancels):
        cancel()
        await settle()
    waiting.end(done=True)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waiting.ends == [RequestState.DONE]


@pytest.mark.asyncio_only
async def test_a_task_that_is_destroyed(waiting: Waiting) -> None:
    """The task waits no more, and the pump sees that the request is abandoned."""
    coroutine = waiting.run()
    coroutine.send(None)
    waiting.begin()
    coroutine.close()
    assert waiting.request.abandoned
    waiting.end(done=True)


@pytest.mark.asyncio_only
async def test_another_event_loop_in_another_thread(waiting: Waiting) -> None:
    """The pump can settle the request of a leaving task after a wait in another event loop."""

    async def wait_elsewhere() -> None:
        PendingRequest()
        await checkpoint()

    task = await waiting.start()
    elsewhere = Thread(target=anyio.run, args=[wait_elsewhere], kwargs={"backend": "trio"})
    elsewhere.start()
    elsewhere.join()
    task.cancel()
    waiting.end(done=True)
    with suppress(asyncio.CancelledError):
        await task


# Requests that the pumps skip, where they can tell: with plain events on trio they cannot.


@pytest.mark.asyncio_only
async def test_a_message_of_a_task_that_is_leaving() -> None:
    """The message is not put on the wire, and the messages behind it are."""
    outbox = Outbox()
    sender: Any = None

    async def send(*bodies: bytes) -> None:
        item = outbox.put(sender, bodies)
        try:
            await item.wait()
        finally:
            outbox.withdraw(item)

    async with task_group() as tasks:
        leaving = await begin(tasks, send, b"1", b"2")
        await begin(tasks, send, b"3")
        leaving.cancel()
        batch = outbox.next_batch(outbox.first_items())
        outbox.settle_batch(batch.items, len(batch.bodies))
    assert batch.bodies == [b"3"]
    assert leaving.outcome == "cancelled"
    assert not outbox


@pytest.mark.asyncio_only
async def test_an_acknowledgement_for_a_task_that_is_leaving() -> None:
    """The pump, which is at work, gives the message back, and the task is cancelled."""
    told: list[tuple[object, ...]] = []
    answer = Event()

    async def run(script: object, *arguments: object) -> list[int]:
        told.append((script, *arguments))
        await answer.wait()
        return [0]

    holder: Any = SimpleNamespace(run=run)
    unused: Any = None
    settlements = Settlements("jobs", unused, holder, unused)
    one, two = (Delivery(entry_id, "job", {}, 1) for entry_id in (b"1-1", b"2-1"))
    settlements.done(one)
    async with task_group() as tasks:
        tasks.start_soon(settlements.flush)
        await settle()
        leaving = await begin(tasks, settlements.done_first, two)
        answer.set()
        leaving.cancel()
    assert leaving.outcome == "cancelled"
    assert told == [
        (_scripts.ACK, 0, 1, b"1-1"),
        (_scripts.RELEASE, 1, b"2-1", 0, False, 0, b""),
    ]


async def test_the_lease_runs_out_before_the_acknowledgement() -> None:
    """The message is lost, so the task does not get the message."""
    unused: Any = None
    settlements = Settlements("jobs", unused, unused, unused)
    async with task_group() as tasks:
        attempt = await begin(tasks, settlements.done_first, Delivery(b"1-1", "job", {}, 1))
        assert settlements.lose_all() == 1
    assert attempt.result is False


@pytest.mark.asyncio_only
async def test_a_message_that_is_not_accepted_any_more() -> None:
    """The send does not begin to wait, so a late timeout can still be taken back."""
    outbox = Outbox()
    sender: Any = None
    outbox.shut(lambda _: ValueError("closed"))
    numbers = Anycast[int]()

    async def receive_and_send() -> None:
        with suppress(ValueError):
            async with asyncio.timeout(None) as limit:
                limits.append(limit)
                await numbers.new_receiver().receive()
                outbox.put(sender, [b"1"])
        await settle()

    limits: list[asyncio.Timeout] = []
    task = asyncio.create_task(receive_and_send())
    await settle()
    limits[0].reschedule(0.0)  # expires in the next turn, before the task runs
    numbers.new_sender().send_nowait(1)
    await task
    assert limits[0].expired()
