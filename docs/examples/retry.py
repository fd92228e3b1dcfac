"""Try a job again after a growing pause, and put the job aside after the last try."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from anycast import Anycast, ReceiverStoppedError

if TYPE_CHECKING:
    from anycast import Receiver, Sender

TRIES = 3
PAUSE = 0.001  # seconds before the second try; doubled before each further try


async def handle(job: str, delivery: int) -> None:
    """Do the job. Some jobs fail once, and others always."""
    if job == "always fails" or (job == "fails once" and delivery == 1):
        raise OSError(f"cannot reach the server for {job!r}")


async def work(jobs: Receiver[str], done: Sender[str], failed: Sender[tuple[str, str]]) -> None:
    """Work until the channel of jobs has ended."""
    while True:
        lease = jobs.lease()
        try:
            async with lease as job:
                try:
                    await handle(job, lease.deliveries)
                    await done.send(job)
                except OSError as error:
                    if lease.deliveries < TRIES:
                        await anyio.sleep(PAUSE * 2 ** (lease.deliveries - 1))
                        raise  # the job goes back to the channel
                    await failed.send((job, str(error)))
        except OSError:
            continue
        except ReceiverStoppedError:
            return


async def main() -> None:
    """Run two workers until every job is done or was put aside."""
    jobs, done = Anycast[str](name="jobs"), Anycast[str](name="done")
    failed = Anycast[tuple[str, str]](name="failed")
    await jobs.new_sender().send_many(["works", "fails once", "always fails"])
    jobs.close()  # a job that goes back is still delivered
    async with anyio.create_task_group() as workers:
        for _ in range(2):
            workers.start_soon(work, jobs.new_receiver(), done.new_sender(), failed.new_sender())
    print("done:", sorted(await done.new_receiver().receive_many(10)))
    print("failed:", await failed.new_receiver().receive_many(10))


if __name__ == "__main__":
    anyio.run(main)
