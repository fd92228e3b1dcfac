"""A pipeline of three stages: read, parse in several tasks, add up. The memory is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from anycast import Anycast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast import Receiver, Sender

LINES = [f"sensor-{number % 3} {number}" for number in range(1, 1001)]


async def read(lines: Iterable[str], raw: Sender[str]) -> None:
    """Send the lines, no faster than the next stage parses lines."""
    with raw:
        # From a generator, `send_many` takes a line only after the line before was sent.
        await raw.send_many(lines)


async def parse(raw: Receiver[str], readings: Sender[tuple[str, int]]) -> None:
    """Parse lines into readings. Several tasks do this at once."""
    with raw, readings:
        async for line in raw:
            sensor, _, value = line.partition(" ")
            await readings.send((sensor, int(value)))


async def add_up(readings: Receiver[tuple[str, int]]) -> dict[str, int]:
    """Return the sum of the readings of each sensor."""
    totals: dict[str, int] = {}
    with readings:
        async for sensor, value in readings:
            totals[sensor] = totals.get(sensor, 0) + value
    return totals


async def main() -> None:
    """Connect the stages. Each channel closes when the stage before the channel is done."""
    raw = Anycast[str](name="raw", limit=10, auto_close=True)
    readings = Anycast[tuple[str, int]](name="readings", limit=10, auto_close=True)
    # Each task gets its own endpoints, which are made before the first task runs. Otherwise a
    # channel could close before the last task has made its endpoints.
    parsers = [(raw.new_receiver(), readings.new_sender()) for _ in range(4)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, LINES, raw.new_sender())
        for ends in parsers:
            tasks.start_soon(parse, *ends)
        totals = await add_up(readings.new_receiver())
    print(sorted(totals.items()))
    assert readings.statistics().peak_buffer_used <= 10  # the limit


if __name__ == "__main__":
    anyio.run(main)
