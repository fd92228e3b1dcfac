"""How a task waits: what is chosen for an event loop, and what waking does not hide."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NoReturn

import pytest

from anycast import Anycast, _waiter
from anycast._core import Core


def test_an_unknown_event_loop_is_waited_in_with_events_of_anyio() -> None:
    """What a cancellation raises there is no error of asyncio or trio."""
    assert _waiter._choose(ZeroDivisionError) is _waiter.Anyio


def test_waking_does_not_hide_an_error_of_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """As asyncio raises in debug mode where another thread wakes the task."""

    def call_soon(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("not from this thread")

    async def main() -> None:
        waiter = Core[int](Anycast, "", limit=0, yield_every=1, auto_close=False).new_waiter()
        waiting = waiter.__await__()
        future: asyncio.Future[None] = next(waiting)
        future.add_done_callback(print)  # as a task would
        with monkeypatch.context() as patch:
            patch.setattr(asyncio.get_running_loop(), "call_soon", call_soon)
            with pytest.raises(RuntimeError, match=r"^not from this thread$"):
                _waiter.wake(waiter)
        del waiting

    asyncio.run(main())


@pytest.mark.anyio
async def test_a_waiter_that_is_done_before_it_is_awaited() -> None:
    """Awaiting it does not wait, and to wake it once more does no harm."""
    waiter = Core[int](Anycast, "", limit=0, yield_every=1, auto_close=False).new_waiter()
    assert not waiter.done()
    assert _waiter.wake(waiter)
    assert _waiter.wake(waiter)
    assert waiter.done()
    with suppress(asyncio.InvalidStateError):
        waiter.set_result(None)  # as a handler of a signal might
    await waiter
