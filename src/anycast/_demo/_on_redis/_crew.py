"""The processes of one run, seen from the process that starts them.

Once this process has seen that the server is there it uses no event loop: a thread for each
child reads what it says, which is the number of each message that it has received. A child
ends when its standard input does, so none survives this process.
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

from anycast._demo._on_redis._channel import new_channel
from anycast._demo._options import BACKENDS
from anycast._demo._run import TICK
from anycast._interface.errors import ChannelError

if TYPE_CHECKING:
    from anycast._demo._ctrl_c import CtrlC
    from anycast._demo._options import Plan
    from anycast._demo._progress import Progress


PATIENCE = 2.0  # seconds to wait for the server to be there


class Child:
    """One process, and what it has said."""

    def __init__(self, run: CrewRun, *arguments: object) -> None:
        self._run = run
        command = [sys.executable, "-m", "anycast._demo._on_redis._child", *map(str, arguments)]
        self._process = subprocess.Popen(  # noqa: S603  ourselves
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._thread = Thread(target=self._listen)
        self._thread.start()

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()

    def clear_away(self) -> None:
        """End it, and return when nothing is left of it."""
        self._process.kill()
        self._thread.join()
        self._process.communicate()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._run.note(int(line))  # it is whole: each is written at once


class CrewRun:
    """Sends the numbers below ``plan.messages``, each once, and counts what workers process.

    Args:
        backend: where every process runs; a key of `BACKENDS`.
        plan: how much, and by how many processes.
        url: the server.
    """

    def __init__(self, backend: str, plan: Plan, url: str) -> None:
        self.backend = backend
        self.plan = plan
        self.received = [0]
        self._common = backend, url, f"demo-{token_hex(4)}", plan.limit
        self._seconds = math.nan
        self._killed = 0
        self._again = 0
        self._came = bytearray(plan.messages)
        self._lock = Lock()
        self._workers: list[Child] = []
        self._others: list[Child] = []

    @property
    def lost(self) -> int:
        """How many messages never came."""
        return self._came.count(0)

    @property
    def again(self) -> int:
        """How many times a message came that had come before."""
        return self._again

    @property
    def row(self) -> tuple[str, ...]:
        """The run as a row of the table."""
        processed = len(self._came) - self.lost
        numbers = (self.plan.messages, processed, self._killed, self.lost, self.again)
        sent, done, killed, lost, again = (f"{number:,}" for number in numbers)
        return self.backend, sent, done, f"{self._seconds:.2f}", killed, lost, again

    def note(self, number: int) -> None:
        """Take note that a worker has processed a message."""
        with self._lock:
            self._again += self._came[number]
            self.received[0] += not self._came[number]
            self._came[number] = 1

    def look(self) -> None:
        """Look whether the server is there, so that not every process needs to say so.

        Raises:
            SystemExit: if it is not, after saying why.
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
        """Run to the end, or until Ctrl-C; nothing that was started is left.

        Raises:
            SystemExit: if a process failed, which has said why.
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
        self._workers = [self._worker() for _ in range(plan.receivers)]
        self._others = [
            Child(self, "send", *self._common, first, plan.messages, plan.senders)
            for first in range(plan.senders)
        ]

    def _worker(self) -> Child:
        return Child(self, "work", *self._common)

    def _over(self) -> bool:
        """Do what is due, and return whether everything is done."""
        if not self._killed and self.received[0] >= self.plan.messages // 2:
            self._workers[0].kill()
            self._killed = 1
            self._workers.append(self._worker())
        if any((child.exit_code or 0) > 0 for child in (*self._workers, *self._others)):
            sys.exit("error: a process failed")  # it has said why
        senders = self._others[: self.plan.senders]
        if senders == self._others and all(child.exit_code is not None for child in senders):
            self._others.append(Child(self, "close", *self._common))
        return all(child.exit_code is not None for child in (*self._workers, *self._others))
