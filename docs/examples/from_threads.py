"""Send from threads: blocking code produces, tasks consume, and a full channel blocks a thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
from anyio import from_thread, to_thread

from anycast import Anycast

if TYPE_CHECKING:
    from anycast import Receiver, Sender


def read_sensor(name: str, readings: Sender[str]) -> None:
    """Read a device with a blocking driver, in a thread."""
    for number in range(3):
        time.sleep(0.001)  # the driver blocks
        from_thread.run(readings.send, f"{name} {number}")  # blocks the thread while it is full
    from_thread.run_sync(readings.close)


async def show(readings: Receiver[str]) -> None:
    """Show the readings of all sensors, sorted, when all sensors are done."""
    for reading in sorted([reading async for reading in readings]):
        print(reading)


async def main() -> None:
    """Read two sensors in two threads."""
    readings = Anycast[str](name="readings", limit=10, auto_close=True)
    senders = {name: readings.new_sender() for name in ("kitchen", "garden")}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(show, readings.new_receiver())
        for name, sender in senders.items():
            tasks.start_soon(to_thread.run_sync, read_sensor, name, sender)


if __name__ == "__main__":
    anyio.run(main)
