"""The processes of a run, as the parent process sees them.

The parent uses an event loop only to check that the server answers. After that, a thread for each
child reads the standard output of the child. A worker prints the number of each message that the
worker has received. The first worker stops with a message in the hands of each task, and is then
killed: the messages in hand were reported, so the counts show that the server delivers these
messages again. A child exits when its standard input ends, so every child ends at the latest
when the parent ends.
"""

from __future__ import annotations

import math
import subprocess
import sys
from secrets import token_hex
from threading import Lock, Thread
from time import perf_counter, sleep
from typing import TYPE_CHECKING

import anyio

from anycast._demo._on_redis._channel import STOPPED, new_channel
from anycast._demo._options import BACKENDS
from anycast._demo._run import TICK
from anycast._interface.errors import ChannelError

if TYPE_CHECKING:
    from anycast._demo._ctrl_c import CtrlC
    from anycast._demo._options import Plan
    from anycast._demo._progress import Progress


PATIENCE = 2.0  # seconds to wait for an answer of the server
PART = 4  # the worker to be killed stops after this part of its share of the messages: a quarter


class Child:
    """A child process, and the thread that reads its output."""

    def __init__(self, run: CrewRun, *arguments: object) -> None:
        self._run = run
        command = [sys.executable, "-m", "anycast._demo._on_redis._child", *map(str, arguments)]
        self._process = subprocess.Popen(  # noqa: S603  the program is this Python
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._thread = Thread(target=self._listen)
        self._thread.start()

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while the process runs."""
        return self._process.poll()

    def kill(self) -> None:
        """Kill the process, as a crash would."""
        self._process.kill()

    def clear_away(self) -> None:
        """Kill the process, and wait until the process and its thread have ended."""
        self._process.kill()
        self._thread.join()
        self._process.communicate()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._run.note(int(line))  # a child writes each line by a single call


class CrewRun:
    """Sends each number below ``plan.messages`` once, and counts the messages of the workers.

    Args:
        backend: where every process runs; a key of `BACKENDS`.
        plan: the numbers of messages and of processes, and the limit.
        url: the URL of the server.
    """

    def __init__(self, backend: str, plan: Plan, url: str) -> None:
        self.backend = backend
        self.plan = plan
        self.received = [0]  # how many messages were reported; a list, for `Progress`
        self._common = backend, url, f"demo-{token_hex(4)}", plan.limit
        self._seconds = math.nan
        self._stopped = False  # whether the worker to be killed has stopped
        self._killed = 0
        self._again = 0
        self._came = bytearray(plan.messages)  # 1 for each message that was reported
        self._lock = Lock()  # the threads of all children call `note`
        self._workers: list[Child] = []
        self._others: list[Child] = []  # the senders, then the process that closes the channel

    @property
    def lost(self) -> int:
        """How many messages were never received."""
        return self._came.count(0)

    @property
    def again(self) -> int:
        """How many times a message was received again."""
        return self._again

    @property
    def row(self) -> tuple[str, ...]:
        """The run as a row of the table."""
        processed = len(self._came) - self.lost
        numbers = (self.plan.messages, processed, self._killed, self.lost, self.again)
        sent, done, killed, lost, again = (f"{number:,}" for number in numbers)
        return self.backend, sent, done, f"{self._seconds:.2f}", killed, lost, again

    def note(self, number: int) -> None:
        """Count a message that a worker has reported, or note that a worker has stopped."""
        if number == STOPPED:
            self._stopped = True
            return
        with self._lock:
            self._again += self._came[number]
            self.received[0] += not self._came[number]
            self._came[number] = 1

    def look(self) -> None:
        """Check that the server answers, so that a missing server is reported only once.

        Raises:
            SystemExit: if the server does not answer; the exit prints the reason.
        """
        runner, options = BACKENDS[self.backend]
        try:
            anyio.run(self._look, backend=runner, backend_options=options)
        except (ChannelError, ValueError) as error:
            sys.exit(f"error: {error}")

    async def _look(self) -> None:
        _, url, name, limit = self._common
        async with new_channel(url, name, limit, PATIENCE):
            pass

    def start(self, progress: Progress, ctrl_c: CtrlC) -> None:
        """Run to the end, or until Ctrl-C; then stop every process that was started.

        Raises:
            SystemExit: if a process failed. The process has printed the reason.
        """
        started = perf_counter()
        try:
            self._start_all()
            while not self._over() and not ctrl_c.pressed:
                progress.show()
                sleep(TICK)
            self._seconds = perf_counter() - started
        finally:
            for child in (*self._workers, *self._others):
                child.clear_away()

    def _start_all(self) -> None:
        plan = self.plan
        most = plan.messages // plan.receivers // PART
        self._workers = [self._worker(most), *(self._worker() for _ in range(plan.receivers - 1))]
        self._others = [
            Child(self, "send", *self._common, first, plan.messages, plan.senders)
            for first in range(plan.senders)
        ]

    def _worker(self, *most: int) -> Child:
        return Child(self, "work", *self._common, *most)

    def _over(self) -> bool:
        """Kill a worker, close the channel at the end, and return whether all is done."""
        if not self._killed and (self._stopped or self.received[0] == self.plan.messages):
            self._workers[0].kill()
            self._killed = 1
            self._workers.append(self._worker())
        if any((child.exit_code or 0) > 0 for child in (*self._workers, *self._others)):
            sys.exit("error: a process failed")  # the process has printed the reason
        senders = self._others[: self.plan.senders]
        sent = all(child.exit_code is not None for child in senders)
        if self._killed and sent and senders == self._others:
            self._others.append(Child(self, "close", *self._common))
        return all(child.exit_code is not None for child in (*self._workers, *self._others))
