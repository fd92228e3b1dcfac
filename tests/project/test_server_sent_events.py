"""The program that sends server-sent events: which browsers are dropped, how a stream ends."""

from __future__ import annotations

from importlib import import_module, reload
from typing import Any

import anyio
import pytest

from helpers import settle, task_group

pytest.importorskip("starlette", reason="the group `docs` is not installed")
pytestmark = pytest.mark.anyio


@pytest.fixture
def program() -> Any:
    """Return the program, with a new channel."""
    return reload(import_module("docs.examples.server_sent_events"))


async def send(program: Any, count: int) -> list[bytes]:
    """Send so many texts, and let the browsers read after each; return the events."""
    for number in range(count):
        await program.news.new_sender().send(f"event {number}")
        await settle()
    return [f"data: event {number}\n\n".encode() for number in range(count)]


async def test_a_browser_that_never_reads_is_dropped(program: Any) -> None:
    """The other browser gets every event, and the channel forgets the browser that is dropped."""
    program.PATIENCE = 0.01
    reads, got, none = anyio.Event(), list[bytes](), list[bytes]()
    reads.set()
    async with task_group() as tasks:
        tasks.start_soon(program.browse, reads, got)
        async with task_group() as dropped:
            dropped.start_soon(program.browse, anyio.Event(), none)
            await settle()
            events = await send(program, 10)
        assert program.news.statistics().open_receivers == 1
        program.news.close()
    assert (got, none) == (events, [])


async def test_the_response_of_a_slow_browser_ends(program: Any) -> None:
    """The response ends at the gap, in good order: the end of the response is sent."""
    answers: list[dict[str, Any]] = []
    reads = anyio.Event()

    async def answer(message: dict[str, Any]) -> None:
        if message.get("body"):
            await reads.wait()
        answers.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/news", "headers": []}
    async with task_group() as tasks:
        tasks.start_soon(program.app, {**scope, "query_string": b""}, anyio.sleep_forever, answer)
        await settle()
        events = await send(program, 10)
        reads.set()
    assert [message.get("body") for message in answers] == [None, events[0], None]
    assert not answers[-1].get("more_body")
