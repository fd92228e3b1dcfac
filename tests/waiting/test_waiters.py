"""How a task waits: what is chosen for an event loop, and what waking it tells and hides."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import pytest

from anycast import Anycast
from anycast._anycast.core import Core
from anycast._waiting import event_loop, late_cancellation
from anycast._waiting.anyio_backend import AnyioBackend, AnyioWaiter


def new_core() -> Core[int]:
    """Return the core of a channel in which nobody has waited."""
    return Core[int](Anycast, "", limit=0, yield_every=1, auto_close=False)


def test_an_unknown_event_loop_is_waited_in_with_events_of_anyio() -> None:
    """What a cancellation raises there is no error of asyncio or trio."""
    assert event_loop._choose(ZeroDivisionError) is AnyioBackend


def test_an_unknown_event_loop_is_never_over() -> None:
    """Nothing tells whether the tasks that wait there will run again, so they count."""
    assert not event_loop.is_over(object())


def test_waking_does_not_hide_an_error_of_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """As asyncio raises in debug mode where another thread wakes the task."""

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
    assert await waiter == 1


@pytest.mark.anyio
async def test_a_waiter_is_woken_once() -> None:
    """A second result is refused, and the first one stays."""
    core = new_core()
    waiter = core.new_waiter()
    assert core.wake(waiter, 1)
    assert not core.wake(waiter, 2)
    with pytest.raises(core.backend.woken_before):
        waiter.set_result(2)
    assert await waiter == 1


@pytest.mark.anyio
async def test_a_backend_that_does_not_fit_its_own_event_loop() -> None:
    """It is not asked again and again: there is no other one."""
    core = Core[int](Anycast, "", limit=0, yield_every=1, auto_close=False)
    with pytest.raises(RuntimeError, match=r"^a task must be running$"):
        core.new_waiter_elsewhere(event_loop.running_backend())


@pytest.mark.anyio
async def test_an_event_of_another_library_than_asyncio_postpones_nothing() -> None:
    """Scopes deliver a cancellation again by themselves."""
    AnyioBackend.postpone(AnyioWaiter(None, leaving=False), RuntimeError())
    assert not late_cancellation.owed


def test_a_channel_that_has_yielded_elsewhere_waits_as_the_first_one_of_a_select() -> None:
    """Each channel of a select wakes its tasks in the way of the event loop that runs."""
    one, other = (Core[int](Anycast, "", limit=0, yield_every=1, auto_close=False) for _ in "12")
    loop = object()
    for core in (one, other):
        core.bind(loop)
    one._use_backend(AnyioBackend)
    other.bind_like(one)
    assert other.backend is AnyioBackend
