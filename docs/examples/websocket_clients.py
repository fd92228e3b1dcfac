"""A web service that sends every message of a topic to every client, and drops slow clients."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from anycast import Anycast, Broadcast, ReceiverLaggedError, SenderError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from anycast import Receiver, Sender

LIMIT = 5  # unread messages of a client
PATIENCE = 10.0  # seconds that a client has for taking a message
OVER, NO_TOPIC, TOO_SLOW = 1000, 1008, 1013  # codes that close a websocket

topics = {name: Broadcast[str](name=name, limit=LIMIT) for name in ("news", "weather")}


async def serve(websocket: WebSocket) -> None:
    """Serve a client until the client leaves, is too slow, or the topic is over."""
    topic = topics.get(websocket.path_params["topic"])
    if topic is None:
        await websocket.close(NO_TOPIC, "no such topic")
        return
    ending: tuple[int, str] | None = None  # stays None if the client leaves
    with topic.new_receiver(overflow="drop_oldest") as updates:
        await websocket.accept()  # a client that is accepted misses nothing
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(publish, websocket, topic.new_sender(), tasks.cancel_scope)
            ending = await forward(updates, websocket)
            tasks.cancel_scope.cancel()
    if ending is not None:
        with anyio.move_on_after(PATIENCE), suppress(WebSocketDisconnect):
            await websocket.close(*ending)


async def publish(websocket: WebSocket, sender: Sender[str], client: anyio.CancelScope) -> None:
    """Send to the topic what a client sends, until the client leaves or the topic is over."""
    try:
        while True:
            await sender.send(await websocket.receive_text())  # never waits for a slow client
    except WebSocketDisconnect:
        client.cancel()
    except SenderError:
        return  # the topic is over: `forward` sends what is left


async def forward(updates: Receiver[str], websocket: WebSocket) -> tuple[int, str] | None:
    """Send every message to a client; return why this ends, or None if the client has left."""
    try:
        async for update in updates:
            with anyio.fail_after(PATIENCE):
                await websocket.send_text(update)
    except ReceiverLaggedError as error:
        return TOO_SLOW, f"too slow: {error.lost} messages lost"
    except TimeoutError:
        return TOO_SLOW, "too slow: no message taken"
    except WebSocketDisconnect:
        return None
    return OVER, "the topic is over"


async def end(request: Request) -> Response:
    """End a topic: every client gets the messages that are left, and then the end."""
    if (topic := topics.get(request.path_params["topic"])) is None:
        return Response(status_code=404)
    topic.close()
    return Response(status_code=204)


app = Starlette(
    routes=[
        WebSocketRoute("/{topic}", serve),
        Route("/{topic}", end, methods=["DELETE"]),
    ]
)


class Client:
    """A client in the same process, without a server. The client reads once `reads` is set."""

    def __init__(self, topic: str) -> None:
        self.scope = {"type": "websocket", "path": f"/{topic}", "headers": [], "query_string": b""}
        self.accepted, self.reads = anyio.Event(), anyio.Event()
        self.events = Anycast[Message](limit=math.inf)
        self.events.new_sender().send_nowait({"type": "websocket.connect"})
        self.got: list[str] = []
        self.closed: tuple[int, str] | None = None

    def say(self, text: str) -> None:
        """Send a message to the service."""
        self.events.new_sender().send_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        """Disconnect."""
        self.events.new_sender().send_nowait({"type": "websocket.disconnect", "code": 1001})

    async def run(self) -> None:
        """Be served by the application, as a web server does."""
        await app(self.scope, self.events.new_receiver().receive, self._send)

    async def _send(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            self.accepted.set()
        elif message["type"] == "websocket.send":
            if not self.reads.is_set():
                await self.reads.wait()
            self.got.append(message["text"])
        else:
            self.closed = message["code"], message["reason"]


async def main() -> None:
    """Serve a client that reads, and a client that reads nothing for a while."""
    ada, bob = Client("news"), Client("news")
    ada.reads.set()
    async with anyio.create_task_group() as tasks:
        for client in (ada, bob):
            tasks.start_soon(client.run)
            await client.accepted.wait()
        sender = topics["news"].new_sender()
        for number in range(10):
            await sender.send(f"message {number}")  # never waits for Bob
            await anyio.wait_all_tasks_blocked()
        bob.reads.set()
        topics["news"].close()
    print("Ada:", len(ada.got), "messages, then", ada.closed)
    print("Bob:", len(bob.got), "message, then", bob.closed)


if __name__ == "__main__":
    anyio.run(main)
