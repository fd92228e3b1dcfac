"""Call a service at most so many times a second, from any number of tasks."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from anycast import Anycast

if TYPE_CHECKING:
    from anycast import Receiver, Sender

PERIOD = 0.01  # seconds: one call in a period
BURST = 3  # calls that may come at once after a quiet time


async def give_permits(permits: Sender[None]) -> None:
    """Give a permit in each period. Permits that nobody needs are kept, up to `BURST`."""
    while True:
        with suppress(anyio.WouldBlock):  # there are `BURST` permits already
            permits.send_nowait(None)
        await anyio.sleep(PERIOD)


async def call(name: str, permits: Receiver[None], calls: list[str]) -> None:
    """Wait for a permit, then call. The task that has waited longest goes first."""
    await permits.receive()
    calls.append(name)


async def main() -> None:
    """Let eight tasks call: three at once, and the others one after another."""
    permits, calls = Anycast[None](name="permits", limit=BURST), list[str]()
    await permits.new_sender().send_many([None] * BURST)
    async with anyio.create_task_group() as background:
        background.start_soon(give_permits, permits.new_sender())
        started = anyio.current_time()
        async with anyio.create_task_group() as callers:
            for name in "ABCDEFGH":
                callers.start_soon(call, name, permits.new_receiver(), calls)
        assert anyio.current_time() - started > 3 * PERIOD
        background.cancel_scope.cancel()
    print(len(calls), "calls, one for each task:", "".join(sorted(calls)))


if __name__ == "__main__":
    anyio.run(main)
