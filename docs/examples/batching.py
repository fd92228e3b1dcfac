"""Write rows to a database in batches: when a batch is full, or when its first row gets old."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from anycast import Anycast

if TYPE_CHECKING:
    from anycast import Receiver

SIZE = 100  # rows in a batch, at most
AGE = 0.05  # seconds that a row waits, at most


async def write(rows: Receiver[int], written: list[list[int]]) -> None:
    """Write batches until the channel has ended. Await your database in place of `append`."""
    while True:
        try:
            written.append(await rows.receive_many(SIZE, within=AGE))
        except anyio.EndOfStream:
            return


async def main() -> None:
    """Send a burst of rows, then a single row, then a few rows before the end."""
    rows, written = Anycast[int](name="rows", limit=1000), list[list[int]]()
    sender = rows.new_sender()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write, rows.new_receiver(), written)
        await sender.send_many(range(250))
        await rows.join()  # every row was taken; the last 50 rows only once the first is old enough
        await sender.send_many(range(250, 257))
        rows.close()  # the last batch need not get old
    print([len(batch) for batch in written])


if __name__ == "__main__":
    anyio.run(main)
