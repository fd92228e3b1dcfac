"""Measure websocket clients, with and without a client that never reads.

``python -m benchmarks.on_broadcast.websockets --help``. The server is the program
``docs/examples/websocket_clients.py``, run by uvicorn in a process of its own, and the clients talk
to the server over sockets. The server never drops the client that never reads, so the client is
there for the whole run.

Delays: each message carries the time of its send. Runs with and without the client that never reads
take turns, each with a new server. Memory: a client sends and receives many messages, one after the
other, beside a client that never reads.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import uvicorn
from docs.examples import websocket_clients as program
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from multiprocessing.connection import Connection

HOST, TOPIC = "127.0.0.1", "news"
PAYLOAD = 4_096  # characters of a message
RATE = 10  # messages in a second
FILL = 1_500  # messages that fill the buffers of the connection of a client that never reads


@dataclass
class Run:
    """What was measured in a run."""

    delays: list[float]
    """The delay of each message, in milliseconds."""
    grown: float
    """The growth of the memory of the server, in MB."""
    lost: int = 0
    """The messages that receivers in the server lost."""

    @property
    def p50(self) -> float:
        """The delay that half of the messages stay below."""
        return median(self.delays)

    @property
    def p99(self) -> float:
        """The delay that 99 of 100 messages stay below."""
        return quantiles(self.delays, n=100)[98]


Work = Callable[["Server"], Coroutine[Any, Any, Run]]


class Server:
    """The server: a process of its own."""

    def __init__(self, listening: socket.socket) -> None:
        context = get_context("spawn")
        self.port: int = listening.getsockname()[1]
        self.lost, sending = context.Pipe(duplex=False)
        self.process = context.Process(target=serve, args=(listening, sending), daemon=True)
        self.process.start()

    def connect(self, *, reads: bool = True) -> connect:
        """Connect a client."""
        connection = None if reads else small_socket(self.port)
        url = f"ws://{HOST}:{self.port}/{TOPIC}"
        return connect(
            url, sock=connection, compression=None, max_queue=1, ping_interval=None, proxy=None
        )

    def memory(self) -> float:
        """Return the memory that is in use, in MB. Needs the `/proc` of Linux."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1_024

    def stop(self) -> int:
        """Stop; return how many messages receivers lost."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGINT)
        lost: int = self.lost.recv()
        self.process.join()
        return lost


def serve(listening: socket.socket, lost: Connection) -> None:
    """Run the server until SIGINT."""
    program.PATIENCE = math.inf
    config = uvicorn.Config(program.app, log_level="warning", ws_ping_interval=None)
    with suppress(KeyboardInterrupt):  # uvicorn stops in good order, and raises
        uvicorn.Server(config).run(sockets=[listening])
    lost.send(program.topics[TOPIC].statistics().messages_lost)


def small_socket(port: int) -> socket.socket:
    """Return a connection that stores few bytes which nobody reads."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect((HOST, port))
    connection.setblocking(False)  # noqa: FBT003  positional only
    return connection


@asynccontextmanager
async def idlers(server: Server, count: int) -> AsyncGenerator[None]:
    """Connect clients that never read."""
    clients = [await server.connect(reads=False) for _ in range(count)]
    yield
    for client in clients:
        client.transport.abort()


def message() -> str:
    """Return a message that carries the time."""
    return f"{perf_counter_ns()} ".ljust(PAYLOAD, ".")


async def listen(client: ClientConnection, messages: int) -> list[float]:
    """Return the delay of each message, in milliseconds."""
    delays: list[float] = []
    for _ in range(messages):
        sent = int(str(await client.recv()).partition(" ")[0])
        delays.append((perf_counter_ns() - sent) / 1e6)
    return delays


async def broadcast(server: Server, clients: int, messages: int, idle: int) -> Run:
    """Send at a steady rate to so many clients that read, and to idle clients."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(idlers(server, idle))
        await flood(server, FILL, idle=0)
        readers = [await stack.enter_async_context(server.connect()) for _ in range(clients)]
        before = server.memory()
        async with asyncio.TaskGroup() as tasks:
            listening = [tasks.create_task(listen(reader, messages)) for reader in readers]
            for _ in range(messages):
                await readers[0].send(message())
                await asyncio.sleep(1 / RATE)
        grown = server.memory() - before
    return Run([*chain.from_iterable(task.result() for task in listening)], grown)


async def flood(server: Server, messages: int, idle: int) -> Run:
    """Send as fast as a client reads, beside idle clients."""
    async with server.connect() as client, idlers(server, idle):
        before, delays = server.memory(), list[float]()
        for _ in range(messages):
            await client.send(message())
            delays += await listen(client, 1)
        return Run(delays, server.memory() - before)


def run(work: Work) -> Run:
    """Measure with a new server."""
    with closing(socket.create_server((HOST, 0))) as listening:
        server = Server(listening)
        found = asyncio.run(work(server))
        return replace(found, lost=server.stop())


def delays(clients: int, messages: int, repeats: int) -> Table:
    """Measure the delays in turns, and return the medians of the runs."""
    found: dict[int, list[Run]] = {0: [], 1: []}
    for repeat in range(repeats):
        for idle in (0, 1) if repeat % 2 == 0 else (1, 0):
            work = partial(broadcast, clients=clients - idle, messages=messages, idle=idle)
            found[idle].append(run(work))
    shown = Table("that never read", "p50, ms", "p99, ms", "p99 of each run, ms", "lost")
    for idle, runs in found.items():
        shown.add_row(
            f"{idle} of {clients}",
            f"{median(one.p50 for one in runs):.1f}",
            f"{median(one.p99 for one in runs):.1f}",
            " ".join(f"{one.p99:.1f}" for one in runs),
            f"{median(one.lost for one in runs):.0f}",
        )
    return shown


def memory(messages: int) -> Table:
    """Measure the memory of the server."""
    shown = Table("that never read", "messages", "of all, MB", "lost", "memory, MB")
    for idle in (0, 1):
        found = run(partial(flood, messages=messages, idle=idle))
        size = messages * PAYLOAD / 2**20
        shown.add_row(
            str(idle), f"{messages:,}", f"{size:.0f}", f"{found.lost:,}", f"{found.grown:+.1f}"
        )
    return shown


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--messages", type=int, default=50, help="of a run that measures delays")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each kind")
    parser.add_argument("--flood", type=int, default=10_000, help="messages to measure memory with")
    options = parser.parse_args()
    console = Console()
    console.print(delays(options.clients, options.messages, options.repeats))
    console.print(memory(options.flood))


if __name__ == "__main__":
    main()
