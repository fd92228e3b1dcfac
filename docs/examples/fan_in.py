"""Many TCP connections fan in to one slow consumer, which slows all of them down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from anycast import Anycast

if TYPE_CHECKING:
    from anyio.abc import SocketStream

    from anycast import Receiver, Sender

CLIENTS, LINES = 5, 100


async def serve(connection: SocketStream, lines: Sender[str]) -> None:
    """Pass on what one connection says; read no more of it while the channel is full."""
    async with connection:
        stream = BufferedByteReceiveStream(connection)
        try:
            while True:
                line = await stream.receive_until(b"\n", 1000)
                await lines.send(line.decode())  # blocks: the client's own sends block, too
        except (anyio.EndOfStream, anyio.IncompleteRead):
            return  # the client has closed the connection


async def speak(port: int, name: str) -> None:
    """Be a client that says more than anybody wants to hear."""
    async with await anyio.connect_tcp("127.0.0.1", port) as connection:
        for number in range(LINES):
            await connection.send(f"{name} {number}\n".encode())


async def consume(lines: Receiver[str], count: int) -> dict[str, list[int]]:
    """Take so many lines, one after another, whoever sent them."""
    heard: dict[str, list[int]] = {}
    with lines:
        for _ in range(count):
            name, _, number = (await lines.receive()).partition(" ")
            heard.setdefault(name, []).append(int(number))
    return heard


async def main() -> None:
    """Run a server, its clients, and the consumer."""
    lines = Anycast[str](name="lines", limit=8)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        sender = lines.new_sender()
        tasks.start_soon(listener.serve, lambda connection: serve(connection, sender))
        for number in range(CLIENTS):
            tasks.start_soon(speak, port, f"client-{number}")
        heard = await consume(lines.new_receiver(), CLIENTS * LINES)
        tasks.cancel_scope.cancel()  # the server would go on for ever
    for name, numbers in sorted(heard.items()):
        assert numbers == list(range(LINES))  # all, in order, once
        print(name, "was heard", len(numbers), "times")


if __name__ == "__main__":
    anyio.run(main)
