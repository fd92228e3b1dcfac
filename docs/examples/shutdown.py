"""Stop on Ctrl-C or SIGTERM: accept no more jobs, finish the accepted jobs, then end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import anyio

from anycast import Anycast, SenderError

if TYPE_CHECKING:
    from anyio.abc import TaskStatus

    from anycast import Channel, Receiver, Sender

GRACE = 10  # seconds


async def stop_on_signal(jobs: Channel[int], *, task_status: TaskStatus[None]) -> None:
    """Close the channel on the first signal. A send that is blocked then raises at once."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            print("stopping:", signal.Signals(number).name)
            jobs.close()
            return


async def accept(jobs: Sender[int]) -> int:
    """Accept jobs until the channel is closed; return how many were accepted."""
    number = 0
    try:
        while True:
            await jobs.send(number)
            number += 1
            if number == 20:
                signal.raise_signal(signal.SIGTERM)  # so the example ends by itself
    except SenderError:
        return number  # the last job was not sent: a real program can reject the job here


async def work(jobs: Receiver[int], done: list[int]) -> None:
    """Work on jobs until the channel is closed and empty."""
    async for job in jobs:
        await anyio.sleep(0.001)
        done.append(job)


async def main() -> None:
    """Run until a signal comes, then finish the remaining jobs within `GRACE` seconds."""
    jobs, done = Anycast[int](name="jobs", limit=5), list[int]()
    async with anyio.create_task_group() as workers:
        await workers.start(stop_on_signal, jobs)
        for _ in range(3):
            workers.start_soon(work, jobs.new_receiver(), done)
        accepted = await accept(jobs.new_sender())
        workers.cancel_scope.deadline = anyio.current_time() + GRACE
    assert sorted(done) == list(range(accepted))
    print("every job that was accepted is done")


if __name__ == "__main__":
    anyio.run(main)
