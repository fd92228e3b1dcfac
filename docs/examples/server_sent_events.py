"""A web service that sends news to browsers as server-sent events, and drops slow browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

from anycast import Broadcast, ReceiverLaggedError

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

PATIENCE = 10.0  # seconds that a browser has for taking an event

news = Broadcast[str](name="news", limit=5, overflow="drop_oldest")


class Events:
    """The stream of events, as an ASGI application. A browser that is dropped connects again."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            with anyio.fail_after(PATIENCE):
                await send(message)

        with news.new_receiver() as updates:
            events = updates.map("data: {}\n\n".format)
            response = StreamingResponse(events, media_type="text/event-stream")
            try:
                await response(scope, receive, send_in_time)
            except* ReceiverLaggedError:  # the response has a task group, in some versions
                with anyio.move_on_after(PATIENCE):
                    await send({"type": "http.response.body"})  # the end of the response
            except* TimeoutError:
                pass  # the server closes the connection


app = Starlette(routes=[Route("/news", Events())])


async def browse(reads: anyio.Event, got: list[bytes]) -> None:
    """Read all events in the same process, without a server. The browser waits for `reads`."""

    async def receive() -> Message:
        await anyio.sleep_forever()  # the browser never leaves
        raise AssertionError

    async def send(message: Message) -> None:
        if body := message.get("body"):
            if not reads.is_set():
                await reads.wait()
            got.append(body)

    scope = {"type": "http", "method": "GET", "path": "/news", "headers": [], "query_string": b""}
    await app(scope, receive, send)


async def main() -> None:
    """Serve a browser that reads, and a browser that reads nothing for a while."""
    ada, bob = list[bytes](), list[bytes]()
    now, later = anyio.Event(), anyio.Event()
    now.set()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(browse, now, ada)
        tasks.start_soon(browse, later, bob)
        await anyio.wait_all_tasks_blocked()
        sender = news.new_sender()
        for number in range(10):
            await sender.send(f"event {number}")  # never waits for Bob
            await anyio.wait_all_tasks_blocked()
        later.set()
        news.close()
    print("Ada:", len(ada), "events, the last:", ada[-1])
    print("Bob:", len(bob), "event, the last:", bob[-1])


if __name__ == "__main__":
    anyio.run(main)
