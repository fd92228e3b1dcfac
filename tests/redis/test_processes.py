"""The cost of a crash: processes that are killed in the midst of their work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from anyio import create_task_group, fail_after, open_process, sleep
from anyio.streams.text import TextReceiveStream

from redis_tools import DEADLINE, channel, stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import Process

    from servers import Server

pytestmark = pytest.mark.anyio

WORKER = Path(__file__).parents[1] / "support" / "redis_worker.py"
LEASE = 0.5
TASKS = PREFETCH = 4  # of each worker
# The messages that a worker may have in hand when it dies: a message in each task, and twice the
# messages of a request. (The worker may have worked on the messages of one request while it told
# the server of the request before.)
IN_HAND = TASKS + 2 * (TASKS + PREFETCH)


class Worker:
    """A process that works, and the lines that the process has written."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[str] = []

    def said(self, word: str) -> list[int]:
        """Return the numbers in the lines with a word."""
        return [int(line.split()[1]) for line in self.lines if line.startswith(f"{word} ")]

    async def listen(self, heard: Callable[[Worker], object]) -> None:
        """Read the lines until the process ends."""
        assert self.process.stdout
        rest = ""
        async for text in TextReceiveStream(self.process.stdout):
            *lines, rest = (rest + text).split("\n")
            self.lines += lines
            heard(self)
        await self.process.wait()
        await self.process.aclose()


class Crew:
    """Processes that work on a channel, some of which are killed."""

    def __init__(self, server: Server, name: str, backend: str) -> None:
        self.server = server
        self.name = name
        self.backend = backend
        self.workers: list[Worker] = []
        self.killed: list[Worker] = []

    async def start(self, role: str, *numbers: int) -> Worker:
        """Start another process."""
        arguments = [self.backend, self.server.url, self.name, role, LEASE, *numbers]
        command = [sys.executable, str(WORKER), *map(str, arguments)]
        # Not measured by coverage: the start would be slow, and the result the same.
        env = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
        worker = Worker(await open_process(command, stderr=subprocess.DEVNULL, env=env))
        self.workers.append(worker)
        return worker

    def kill(self, worker: Worker) -> None:
        """Kill a process, unless the process was killed, or has just ended."""
        if worker not in self.killed:
            with suppress(ProcessLookupError):
                worker.process.kill()
                self.killed.append(worker)

    def all_said(self, word: str) -> list[int]:
        """Return the numbers that any of them said after a word."""
        return [number for worker in self.workers for number in worker.said(word)]


@pytest.fixture
def crew(server: Server, name: str, anyio_backend_name: str) -> Crew:
    """Provide a crew that has yet to start."""
    return Crew(server, name, anyio_backend_name)


async def test_workers_that_are_killed(crew: Crew, server: Server, name: str) -> None:
    """No message is lost, and no more come twice than were in their hands."""
    count, per_life, most_kills = 3000, 300, 4

    async def work_and_die() -> None:
        worker = await crew.start("receive")
        await worker.listen(kill_in_time)
        if worker.process.returncode:
            await work_and_die()

    def kill_in_time(worker: Worker) -> None:
        if len(worker.lines) >= per_life and len(crew.killed) < most_kills:
            crew.kill(worker)

    with fail_after(DEADLINE):
        jobs = channel(server, name, limit=200, lease=LEASE, max_deliveries=None)
        async with jobs, create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(work_and_die)
            await jobs.new_sender().send_many(range(count))
            await jobs.aclose()
    times = Counter(crew.all_said("got"))
    assert set(times) == set(range(count))
    assert crew.killed
    assert sum(times.values()) - count <= len(crew.killed) * IN_HAND
    assert stored(server, name) == 0


@pytest.mark.slow
async def test_a_worker_killed_every_second(crew: Crew, server: Server, name: str) -> None:
    """20,000 messages through four workers: none is lost, and only messages in hand come twice."""
    count = 20_000
    at_work: list[Worker] = []

    async def work_and_die() -> None:
        worker = await crew.start("receive")
        await worker.listen(note_that_it_works)
        if worker in at_work:
            at_work.remove(worker)
        if worker.process.returncode:
            await work_and_die()

    def note_that_it_works(worker: Worker) -> None:
        if worker not in at_work:
            at_work.append(worker)

    async def kill_one_every_second() -> None:
        due = 0
        while True:
            await sleep(1.0)
            done = sum(len(worker.lines) for worker in crew.workers)
            if at_work and done >= due:  # on a busy machine they take long to start
                crew.kill(at_work[0])
                due = done + 500

    with fail_after(4 * DEADLINE):
        jobs = channel(server, name, limit=200, lease=LEASE, max_deliveries=None)
        async with jobs, create_task_group() as killer:
            killer.start_soon(kill_one_every_second)
            async with create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(work_and_die)
                await jobs.new_sender().send_many(range(count))
                await jobs.aclose()
            killer.cancel_scope.cancel()
    times = Counter(crew.all_said("got"))
    assert set(times) == set(range(count))
    assert crew.killed
    assert sum(times.values()) - count <= len(crew.killed) * IN_HAND
    assert stored(server, name) == 0


async def test_senders_that_are_killed(crew: Crew, server: Server, name: str) -> None:
    """Each message whose send returned is there once, and the last one may be there."""
    received: list[int] = []

    async def receive(jobs: Any) -> None:
        received.extend([number async for number in jobs.new_receiver()])

    def kill_in_time(worker: Worker) -> None:
        if len(worker.lines) >= 100:
            crew.kill(worker)

    with fail_after(DEADLINE):
        async with channel(server, name, limit=200) as jobs, create_task_group() as tasks:
            tasks.start_soon(receive, jobs)
            async with create_task_group() as senders:
                for number in range(3):
                    worker = await crew.start("send", number * 10_000, 5_000)
                    senders.start_soon(worker.listen, kill_in_time)
            await jobs.aclose()
    assert len(received) == len(set(received))
    assert set(crew.all_said("sent")) <= set(received)
    assert set(received) <= set(crew.all_said("try"))
