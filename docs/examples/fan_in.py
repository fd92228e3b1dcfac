"""Many TCP connections fan in to a single consumer, which slows all clients down."""

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
    """Send the lines of a connection into the channel. Stop reading while the channel is full."""
    async with connection:
        stream = BufferedByteReceiveStream(connection)
        try:
            while True:
                line = await stream.receive_until(b"\n", 1000)
                await lines.send(line.decode())  # while this blocks, the client's sends block, too
        except (anyio.EndOfStream, anyio.IncompleteRead):
            return  # the client has closed the connection


async def speak(port: int, name: str) -> None:
    """Act as a client that sends faster than the consumer receives."""
    async with await anyio.connect_tcp("127.0.0.1", port) as connection:
        for number in range(LINES):
            await connection.send(f"{name} {number}\n".encode())


async def consume(lines: Receiver[str], count: int) -> dict[str, list[int]]:
    """Receive this number of lines, and return the numbers of the lines for each client."""
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
        tasks.cancel_scope.cancel()  # stop the server, which would run for ever
    for name, numbers in sorted(heard.items()):
        assert numbers == list(range(LINES))  # every line, once and in order
        print(name, "was heard", len(numbers), "times")


if __name__ == "__main__":
    anyio.run(main)
