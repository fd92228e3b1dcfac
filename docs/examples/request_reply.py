"""Ask a service task, and wait for its answer: each request carries the channel for the reply."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from anycast import Anycast, SenderError, open_channel

if TYPE_CHECKING:
    from anycast import Receiver, Sender


@dataclass(frozen=True)
class Request:
    """A question, and the sender for the answer or the error."""

    word: str
    reply: Sender[int | Exception]


async def serve(requests: Receiver[Request]) -> None:
    """Answer requests, one after another."""
    async for request in requests:
        if request.reply.statistics().open_receivers == 0:
            continue  # the task that asked has given up while the request waited
        await anyio.sleep(0.001 * len(request.word))
        answer = len(request.word) if request.word else ValueError("`word` must not be empty")
        with suppress(SenderError):  # the task that asked has given up
            request.reply.send_nowait(answer)  # there is room: a single answer comes


async def ask(requests: Sender[Request], word: str) -> int:
    """Return the answer of the service, or raise its error."""
    sender, receiver = open_channel[int | Exception](1)
    with receiver:  # also closes the channel, as `receiver` is its only receiver
        await requests.send(Request(word, sender))
        answer = await receiver.receive()
    if isinstance(answer, Exception):
        raise answer
    return answer


async def main() -> None:
    """Give up on an answer that takes too long, then ask three more questions."""
    requests = Anycast[Request](name="requests")
    async with anyio.create_task_group() as tasks, requests:
        tasks.start_soon(serve, requests.new_receiver())
        sender = requests.new_sender()
        with anyio.move_on_after(0.01) as scope:
            await ask(sender, 100 * "long")
        print("given up" if scope.cancelled_caught else "answered")
        for word in ("one", "three", ""):
            try:
                print(word, await ask(sender, word))
            except ValueError as error:
                print("error:", error)


if __name__ == "__main__":
    anyio.run(main)
