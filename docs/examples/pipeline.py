"""A pipeline of three stages: read, parse with many workers, add up. Memory stays bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from anycast import Anycast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast import Receiver, Sender

LINES = [f"sensor-{number % 3} {number}" for number in range(1, 1001)]


async def read(lines: Iterable[str], raw: Sender[str]) -> None:
    """Read lines, no faster than they are parsed."""
    with raw:
        await raw.send_many(lines)  # asks for a line only when the one before is sent


async def parse(raw: Receiver[str], readings: Sender[tuple[str, int]]) -> None:
    """Turn lines into readings; several tasks do this at once."""
    with raw, readings:
        async for line in raw:
            sensor, _, value = line.partition(" ")
            await readings.send((sensor, int(value)))


async def add_up(readings: Receiver[tuple[str, int]]) -> dict[str, int]:
    """Add up what each sensor has measured."""
    totals: dict[str, int] = {}
    with readings:
        async for sensor, value in readings:
            totals[sensor] = totals.get(sensor, 0) + value
    return totals


async def main() -> None:
    """Connect the stages; each channel closes when the stage before it is done."""
    raw = Anycast[str](name="raw", limit=10, auto_close=True)
    readings = Anycast[tuple[str, int]](name="readings", limit=10, auto_close=True)
    # Each task gets ends of its own, made before the first task runs: so no channel
    # closes before everybody is there.
    parsers = [(raw.new_receiver(), readings.new_sender()) for _ in range(4)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, LINES, raw.new_sender())
        for ends in parsers:
            tasks.start_soon(parse, *ends)
        totals = await add_up(readings.new_receiver())
    print(sorted(totals.items()))
    # No more than the limit, and the one that the last stage waits for:
    assert readings.statistics().peak_buffer_used <= 11


if __name__ == "__main__":
    anyio.run(main)
