"""How a task waits: the backend for an event loop, and the errors when a task is woken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from anyio import CancelScope, fail_after

from anycast import Anycast
from anycast._anycast.core import Core
from anycast._waiting import event_loop, late_cancellation
from anycast._waiting.anyio_backend import AnyioBackend, AnyioWaiter
from helpers import settle, task_group

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator


def new_core() -> Core[int]:
    """Return the core of a channel in which no task has waited."""
    return Core[int](Anycast, "", limit=0, yield_every=1, auto_close=False)


def test_an_unknown_event_loop_is_waited_in_with_events_of_anyio() -> None:
    """A cancellation in an unknown event loop raises an error that neither asyncio nor trio has."""
    assert event_loop._choose(ZeroDivisionError) is AnyioBackend


def test_an_unknown_event_loop_is_never_over() -> None:
    """Tasks that wait in an unknown event loop always count: the loop may run again."""
    assert not event_loop.is_over(object())


def test_a_run_of_trio_is_over_once_it_has_ended() -> None:
    """A run that goes on, and asks about itself, is not over."""
    trio = pytest.importorskip("trio")

    async def main() -> object:
        token = trio.lowlevel.current_trio_token()
        assert not event_loop.is_over(token)
        return token

    assert event_loop.is_over(trio.run(main))


def test_waking_does_not_hide_an_error_of_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """In debug mode asyncio raises an error if another thread wakes the task."""

    def call_soon(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("not from this thread")

    async def main() -> None:
        core = new_core()
        waiter = core.new_waiter()
        waiting = waiter.__await__()
        future: asyncio.Future[None] = next(waiting)
        future.add_done_callback(print)  # as a task would
        with monkeypatch.context() as patch:
            patch.setattr(asyncio.get_running_loop(), "call_soon", call_soon)
            with pytest.raises(RuntimeError, match=r"^not from this thread$"):
                core.wake(waiter, 1)
        del waiting

    asyncio.run(main())


@pytest.mark.anyio
async def test_a_waiter_that_was_woken_before_it_is_awaited() -> None:
    """Awaiting the waiter gives the result at once."""
    core = new_core()
    waiter = core.new_waiter()
    assert not waiter.done()
    assert core.wake(waiter, 1)
    assert (waiter.done(), waiter.cancelled(), waiter.result()) == (True, False, 1)
    with fail_after(10):  # seconds; a fault would let the task wait for ever
        assert await waiter == 1


@pytest.mark.anyio
async def test_a_waiter_that_is_woken_while_it_is_awaited() -> None:
    """Awaiting the waiter gives the result."""
    core = new_core()
    waiter = core.new_waiter()
    with fail_after(10):  # seconds; a fault would let the task wait for ever
        async with task_group() as tasks:
            tasks.start_soon(wake, core, waiter)
            assert await waiter == 1


async def wake(core: Core[int], waiter: Any) -> None:
    """Wake a task, once the task waits."""
    await settle()
    assert core.wake(waiter, 1)


@pytest.mark.anyio
async def test_a_waiter_is_woken_once() -> None:
    """A second result is refused, and the first result stays."""
    core = new_core()
    waiter = core.new_waiter()
    assert core.wake(waiter, 1)
    assert not core.wake(waiter, 2)
    with pytest.raises(core.backend.woken_before):
        waiter.set_result(2)
    assert await waiter == 1


@pytest.mark.anyio
async def test_a_waiter_whose_wait_is_cancelled() -> None:
    """The waiter is done, and accepts no result."""
    core = new_core()
    waiter = core.new_waiter()
    if isinstance(waiter, AnyioWaiter):
        pytest.skip("an `anyio.Event` knows nothing of a scope that is cancelled")
    with CancelScope() as scope:
        scope.cancel()
        await waiter
    assert scope.cancelled_caught
    assert (waiter.done(), waiter.cancelled()) == (True, True)
    assert not core.wake(waiter, 1)


@pytest.mark.anyio
async def test_a_backend_that_does_not_fit_its_own_event_loop() -> None:
    """A backend that refuses its own event loop is asked once, and raises."""
    core = Core[int](Anycast, "", limit=0, yield_every=1, auto_close=False)
    with pytest.raises(RuntimeError, match=r"^a task must be running$"):
        core.new_waiter_elsewhere(event_loop.running_backend())


@pytest.mark.anyio
async def test_an_event_of_another_library_than_asyncio_postpones_nothing() -> None:
    """Scopes deliver a cancellation again by themselves."""
    AnyioBackend.postpone(AnyioWaiter(None, leaving=False), RuntimeError())
    assert not late_cancellation.owed


def test_a_channel_that_has_yielded_elsewhere_waits_as_the_first_one_of_a_select() -> None:
    """Each channel of a select wakes its tasks by the backend of the running event loop."""
    one, other = (Core[int](Anycast, "", limit=0, yield_every=1, auto_close=False) for _ in "12")
    loop = object()
    for core in (one, other):
        core.bind(loop)
    one._use_backend(AnyioBackend)
    other.bind_like(one)
    assert other.backend is AnyioBackend


def test_a_waiter_of_trio_is_an_outcome() -> None:
    """Any method of an outcome gives the result to trio, and no two waiters are equal."""
    trio = pytest.importorskip("trio")
    from anycast._waiting.trio_backend import TrioWaiter  # noqa: PLC0415  needs trio

    def echo() -> Generator[int, int, None]:
        yield (yield 0)

    async def echo_later() -> AsyncGenerator[int, int]:
        yield (yield 0)

    async def main() -> None:
        waiter, other = (TrioWaiter(trio.lowlevel.current_task()) for _ in range(2))
        waiter.set_result(1)
        other.set_result(1)
        assert waiter != other
        assert len({waiter, other}) == 2
        assert waiter.unwrap() == 1
        generator, later = echo(), echo_later()
        assert (next(generator), waiter.send(generator)) == (0, 1)
        assert (await anext(later), await waiter.asend(later)) == (0, 1)
        await later.aclose()

    trio.run(main)
