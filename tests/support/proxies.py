"""A proxy between a channel and its server, which can lose the answers of the server."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from anyio import (
    BrokenResourceError,
    CancelScope,
    ClosedResourceError,
    EndOfStream,
    Event,
    Lock,
    connect_tcp,
    create_task_group,
    create_tcp_listener,
)
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint

from redis_tools import until

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from anyio.abc import SocketStream

GONE = (BrokenResourceError, ClosedResourceError, EndOfStream)


def port_of(listener: Any) -> int:
    """Return the port on which a listener listens."""
    port: int = listener.extra(SocketAttribute.local_port)  # noqa: S610  this is no Django
    return port


class Proxy:
    """Passes on what comes, both ways.

    Args:
        port: the server's.
        piece: how many bytes of an answer to pass on at once.
        most: how many bytes the server may answer to a request. The rest of a longer answer never
            arrives.
    """

    def __init__(self, port: int, piece: int = 65_536, most: float = math.inf) -> None:
        self._port = port
        self._piece = piece
        self._most = most
        self._cuts = 0
        self._nonsense = Event()
        self._free = Event()
        self._free.set()
        self.held = False

    @property
    def url(self) -> str:
        """The address of the proxy."""
        return f"redis://127.0.0.1:{port_of(self._listener)}"

    def cut_next_reply(self) -> None:
        """Cut the connection when the server next answers a script, and lose the answer."""
        self._cuts += 1

    def talk_nonsense(self) -> None:
        """Answer nonsense from now on, and at once to a client that waits."""
        self._nonsense.set()

    def hold(self) -> None:
        """Keep back the next requests, until `go_on`; `held` is set when a request is kept back."""
        self.held = False
        self._free = Event()

    def go_on(self) -> None:
        """Pass on what was kept back, and what comes."""
        self._free.set()

    async def cancel_held(self, scope: CancelScope) -> None:
        """Cancel a scope as soon as a request is kept back, and then let the request go on."""
        await until(lambda: self.held)
        scope.cancel()
        await checkpoint()
        self.go_on()

    async def __aenter__(self) -> Self:
        self._listener = await create_tcp_listener(local_host="127.0.0.1")
        self._tasks = await create_task_group().__aenter__()
        self._tasks.start_soon(self._listener.serve, self._serve)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._tasks.cancel_scope.cancel()
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            await self._listener.aclose()

    async def _serve(self, client: SocketStream) -> None:
        async with client, await connect_tcp("127.0.0.1", self._port) as server:
            scripts = [0]  # asked for on this connection, and not answered
            answered = [0]  # in bytes, since the last request
            saying = Lock()  # one answer at a time

            async def forward() -> None:
                async for data in client:
                    scripts[0] += data.count(b"EVALSHA")
                    answered[0] = 0
                    self.held = not self._free.is_set()
                    await self._free.wait()
                    await server.send(data)

            async with create_task_group() as tasks:

                async def pump() -> None:
                    with suppress(*GONE):
                        await forward()
                    tasks.cancel_scope.cancel()

                async def babble() -> None:
                    await self._nonsense.wait()
                    with suppress(*GONE):  # the connection may have been cut before
                        async with saying:
                            await client.send(b"?nonsense\r\n")

                tasks.start_soon(pump)
                tasks.start_soon(babble)
                with suppress(*GONE):
                    async for data in server:
                        if self._cuts and scripts[0]:
                            self._cuts -= 1
                            break
                        answered[0] += len(data)
                        if answered[0] > self._most:
                            await Event().wait()
                        async with saying:
                            for start in range(0, len(data), self._piece):
                                await client.send(data[start : start + self._piece])
                tasks.cancel_scope.cancel()
