"""The program that serves websockets: which clients get and lose messages, and its end.

The clients are in the same process: each test drives the application as a web server does.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib import import_module, reload
from typing import TYPE_CHECKING, Any

import pytest

from helpers import settle, task_group

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytest.importorskip("starlette", reason="the group `docs` is not installed")
pytestmark = pytest.mark.anyio


@pytest.fixture
def program() -> Any:
    """Return the program, with new topics."""
    return reload(import_module("docs.examples.websocket_clients"))


@asynccontextmanager
async def served(
    program: Any, count: int, topic: str = "news", *, reads: bool = True
) -> AsyncGenerator[list[Any]]:
    """Serve so many clients; at the end wait until the application is done with all of them."""
    async with task_group() as tasks:
        clients = [program.Client(topic) for _ in range(count)]
        for client in clients:
            if reads:
                client.reads.set()
            tasks.start_soon(client.run)
        await settle()
        yield clients


async def send(program: Any, count: int) -> list[str]:
    """Send so many messages to a topic, and let the clients read after each; return them."""
    texts = [f"message {number}" for number in range(count)]
    for text in texts:
        await program.topics["news"].new_sender().send(text)
        await settle()
    return texts


async def end(program: Any, topic: str) -> int:
    """Ask the application to end a topic; return the status of the answer."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def answer(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope: dict[str, Any] = {
        "type": "http",
        "method": "DELETE",
        "path": f"/{topic}",
        "query_string": b"",
    }
    await program.app({**scope, "headers": []}, receive, answer)
    return statuses[0]


async def test_every_client_gets_every_message_and_then_the_end(program: Any) -> None:
    """An accepted client misses no message."""
    async with served(program, 3) as clients:
        texts = await send(program, 2 * program.LIMIT)
        assert await end(program, "news") == 204
    assert [client.got for client in clients] == [texts] * 3
    assert {client.closed for client in clients} == {(1000, "the topic is over")}


async def test_a_client_that_never_reads_is_dropped(program: Any) -> None:
    """The other clients get every message, and the topic forgets the client."""
    program.PATIENCE = 0.01
    async with served(program, 3) as clients:
        async with served(program, 1, reads=False) as [never]:
            texts = await send(program, 2 * program.LIMIT)
        assert program.topics["news"].statistics().open_receivers == 3
        await end(program, "news")
    assert (never.got, never.closed) == ([], (1013, "too slow: no message taken"))
    assert [client.got for client in clients] == [texts] * 3


async def test_a_client_that_reads_too_slowly_is_dropped(program: Any) -> None:
    """The client is told how many messages are lost; the other clients lose nothing."""
    async with served(program, 2) as clients:
        async with served(program, 1, reads=False) as [slow]:
            texts = await send(program, 1 + program.LIMIT + 3)
            slow.reads.set()
        await end(program, "news")
    assert (slow.got, slow.closed) == (texts[:1], (1013, "too slow: 3 messages lost"))
    assert [client.got for client in clients] == [texts] * 2


async def test_a_slow_client_gets_what_is_left_when_the_topic_ends(program: Any) -> None:
    """A topic that is over has unread messages for a client, and then the end."""
    async with served(program, 1, reads=False) as [client]:
        texts = await send(program, 1 + program.LIMIT)
        await end(program, "news")
        client.reads.set()
    assert (client.got, client.closed) == (texts, (1000, "the topic is over"))


async def test_what_a_client_sends_reaches_every_client(program: Any) -> None:
    """Every client of the same topic gets the message, the client itself included."""
    async with served(program, 2) as clients, served(program, 1, "weather") as [other]:
        clients[0].say("hello")
        await settle()
        for topic in program.topics:
            await end(program, topic)
    assert [client.got for client in clients] == [["hello"]] * 2
    assert other.got == []


async def test_what_a_client_sends_after_the_end_is_ignored(program: Any) -> None:
    """A topic that is over accepts no message; the client gets what is left."""
    async with served(program, 1, reads=False) as [client]:
        texts = await send(program, 2)
        await end(program, "news")
        client.say("too late")
        await settle()
        client.reads.set()
    assert (client.got, client.closed) == (texts, (1000, "the topic is over"))


@pytest.mark.parametrize("reads", [True, False])
async def test_a_client_that_leaves_is_forgotten(program: Any, reads: bool) -> None:
    """The client is forgotten even while a message waits for the client."""
    async with served(program, 1, reads=reads) as [client]:
        await send(program, 1)
        client.leave()
    assert program.topics["news"].statistics().open_receivers == 0
    assert client.closed is None


class BrokenConnection:
    """The error of a server that sends a message to a client that is gone."""

    def is_set(self) -> bool:
        """Let the program wait."""
        return False

    async def wait(self) -> None:
        """Fail as the server does."""
        raise BrokenPipeError


async def test_a_client_whose_connection_breaks_is_forgotten(program: Any) -> None:
    """A server raises an `OSError` when a message cannot be sent."""
    async with served(program, 1) as [client]:
        client.reads = BrokenConnection()
        await send(program, 1)
    assert program.topics["news"].statistics().open_receivers == 0


async def test_a_topic_that_is_over_turns_a_client_away(program: Any) -> None:
    """The client is accepted, and told at once."""
    await end(program, "news")
    async with served(program, 1) as [client]:
        pass
    assert (client.got, client.closed) == ([], (1000, "the topic is over"))


async def test_an_unknown_topic_is_refused(program: Any) -> None:
    """The websocket is refused before it is accepted."""
    async with served(program, 1, "sports") as [client]:
        pass
    assert client.closed == (1008, "no such topic")
    assert not client.accepted.is_set()
    assert await end(program, "sports") == 404
