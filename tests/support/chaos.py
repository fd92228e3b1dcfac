"""The chaos run: processes send and work, while they, their server and their connections fail.

All events of a run are drawn from a seed. The run ends with the channel closed and empty, and then
the account is checked message by message, as `chaos_account` says.

    python tests/support/chaos.py --seconds 600 --seed 7 --place cluster --backend trio
"""

from __future__ import annotations

# ruff: noqa: T201  it tells what it does
import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from chaos_account import Account, Actor
from groups import Cluster, Watched, crash, has_replica, wait_for
from servers import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

WORKER = Path(__file__).with_name("chaos_worker.py")
NAME = "chaos"
KEY = f"anycast:{{{NAME}}}:meta"
RECEIVERS, SENDERS = 3, 2
LEASE = 3.0
DEADLINE = 120.0  # seconds for what is left, when the troubles are over

# For the library faketime: read the shift at each look at the clock, and leave timers alone.
CLOCK = {"FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}

# What may be used of a server only if its options allow.
DEBUG = {"enable-debug-command": "yes"}


class UnplannedFailoverError(Exception):
    """Sentinels failed over by themselves, on a busy machine, which may lose messages.

    Such a run does not judge the channel.
    """


class Single:
    """A server that keeps everything on its disk.

    Args:
        random: decides how far the clock of the server jumps.
        folder: of the file that sets this clock.
    """

    def __init__(self, random: Random, folder: Path) -> None:
        self._random = random
        self._shift = folder / "shift-of-the-clock"
        self._shift.write_text("+0s\n")
        library = _clock_library()
        clock = {} if library is None else {**CLOCK, "LD_PRELOAD": library}
        self._server = Server(appendonly="yes", appendfsync="always", **DEBUG)
        self._server.environment = {**clock, "FAKETIME_TIMESTAMP_FILE": str(self._shift)}
        self.url = self._server.url
        self.running: AbstractContextManager[object] = self._server
        self.troubles: list[Callable[[], object]] = [self.restart, self.sleep]
        if clock:
            self.troubles.append(self.jump)

    def server(self) -> Server:
        """Return the server that has the channel."""
        return self._server

    def restart(self) -> None:
        """Kill the server, and start the server again from its disk."""
        self._server.kill()
        self._server.start()

    def sleep(self) -> None:
        """Block the server for a moment."""
        self._server.ask("DEBUG", "SLEEP", 0.5)

    def jump(self) -> None:
        """Let the clock of the server jump, forward or back, by up to several leases."""
        # The server may read the file at any moment.
        new = self._shift.with_suffix(".new")
        new.write_text(f"{self._random.uniform(-4, 4) * LEASE:+.3f}s\n")
        new.replace(self._shift)


def _clock_library() -> str | None:
    """Return the library that shifts the clock of a server, if there is one that can."""
    if os.environ.get("ANYCAST_SERVER") == "redis":
        return None  # Debian's server does not start with the library
    found = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return next(map(str, found), None)


class ByCluster:
    """A cluster, whose channel moves about."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._cluster = Cluster()
        self.url = self._cluster.url
        self.running: AbstractContextManager[object] = self._cluster
        self.troubles: list[Callable[[], object]] = [self.fail_over, self.move]

    def server(self) -> Server:
        """Return the node that has the channel."""
        return self._cluster.owner(KEY)

    def fail_over(self) -> None:
        """Let the replica take over, which has every change by then."""
        replica = self._cluster.replica_of(self.server())
        replica.ask("CLUSTER", "FAILOVER")
        self._cluster.wait_for_owner(KEY, replica)
        wait_for(lambda: has_replica(replica))

    def move(self) -> None:
        """Move the slot of the channel to another primary."""
        source = self.server()
        ids = [fields for fields in self._cluster.shown_by(source) if "master" in fields[2]]
        ports = [int(fields[1].partition("@")[0].rpartition(":")[2]) for fields in ids]
        target = self._random.choice([port for port in ports if port != source.port])
        self._cluster.move_slot(KEY, source, self._cluster.node(target))


class BySentinels:
    """A primary that Sentinels watch, and that crashes."""

    def __init__(self) -> None:
        self._watched = Watched(down_after=3.0)
        self.url = self._watched.url
        self.running: AbstractContextManager[object] = self._watched
        self.troubles: list[Callable[[], object]] = [self.crash]
        self._primary = self._watched.servers[0]

    def server(self) -> Server:
        """Return the primary, which changes only if this run may crash the primary."""
        if self._watched.primary() is not self._primary:
            raise UnplannedFailoverError
        return self._primary

    def crash(self) -> None:
        """Kill the primary when its replica has every change, and bring it back as a replica."""
        old = self.server()
        self._watched.fail_over(crash)
        self._primary = self._watched.primary()
        old.start()
        wait_for(lambda: has_replica(self.server()))


class Chaos:
    """The processes of a run, and what happens to them.

    Args:
        place: where the channel is.
        backend: of the processes.
        random: decides what happens.
        folder: gets the records.
    """

    def __init__(self, place: Any, backend: str, random: Random, folder: Path) -> None:
        self._place = place
        self._backend = backend
        self._random = random
        self._folder = folder
        self.actors: list[Actor] = []
        # How often each event happened.
        self.troubles: Counter[str] = Counter()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        anywhere = (self.kill, self.kill, self.hang, self.flush, self.cut, self.pause, self.steal)
        self._choices = [*anywhere, *place.troubles, *place.troubles]

    def run(self, seconds: float) -> None:
        """Let everything happen for so many seconds, and then let the work be finished."""
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                self._fill_up()
                time.sleep(self._random.random())
                trouble = self._random.choice(self._choices)
                self.troubles[trouble.__name__] += 1
                trouble()
            self._finish()
        finally:
            for process in self._processes.values():
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        for actor in self.actors:
            actor.lines = self._file(actor, "out").read_text().splitlines(keepends=True)

    def _fill_up(self) -> None:
        for role, most in (("receive", RECEIVERS), ("send", SENDERS)):
            for name, process in self._alive(role).items():
                assert process.poll() is None, f"{name} has ended: {self._errors_of(name)}"
            while len(self._alive(role)) < most:
                self._start(role)

    def _finish(self) -> None:
        for name in self._alive("send"):
            self._kill(name)
        if not self._alive("receive"):
            self._start("receive")
        self._start("close")
        for name, process in list(self._processes.items()):
            try:
                code = process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"{name} does not end") from None
            assert code == 0, f"{name} has failed: {self._errors_of(name)}"
        left = self._place.server().ask("XLEN", KEY.replace("meta", "stream"))
        assert left == 0, f"{left} messages are left"

    def _alive(self, role: str) -> dict[str, subprocess.Popen[bytes]]:
        return {name: each for name, each in self._processes.items() if name.startswith(role)}

    def _start(self, role: str) -> None:
        number = len(self.actors)
        actor = Actor(f"{role}-{number}")
        self.actors.append(actor)
        what = (self._backend, role, self._place.url, NAME, LEASE, number * 1_000_000)
        command = [sys.executable, str(WORKER), *map(str, what)]
        # Not measured by coverage: the start would be slow, and the result the same.
        env = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
        with self._file(actor, "out").open("wb") as out, self._file(actor, "err").open("wb") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err, env=env)  # noqa: S603
        self._processes[actor.name] = process

    def _file(self, actor: Actor, kind: str) -> Path:
        return self._folder / f"{actor.name}.{kind}"

    def _errors_of(self, name: str) -> str:
        return (self._folder / f"{name}.err").read_text()[-2000:]

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait()
        actor = next(actor for actor in self.actors if actor.name == name)
        actor.killed = time.monotonic()

    # The troubles.

    def kill(self) -> None:
        """Kill a process."""
        roles = [*self._alive("receive"), *self._alive("send")]
        self._kill(self._random.choice(roles))

    def hang(self) -> None:
        """Stop a worker until its lease has run out, and let the worker go on."""
        process = self._random.choice(list(self._alive("receive").values()))
        process.send_signal(signal.SIGSTOP)
        time.sleep(LEASE * (0.5 + self._random.random()))
        process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Let the server forget the scripts."""
        self._place.server().ask("SCRIPT", "FLUSH")

    def cut(self) -> None:
        """Break every connection to the server."""
        with suppress(RuntimeError):  # no such worker
            self._place.server().ask("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")

    def pause(self) -> None:
        """Let the server answer no client for a moment."""
        self._place.server().ask("CLIENT", "PAUSE", 300, "ALL")

    def steal(self) -> None:
        """Take the hints that wake processes."""
        self._place.server().ask("DEL", KEY.replace("meta", "ready"), KEY.replace("meta", "room"))


def run(place: str, backend: str, seed: int, seconds: float) -> tuple[Chaos, Account]:
    """Run in a place for so many seconds, and return what happened, and the account."""
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="anycast-chaos-") as name:
        folder = Path(name)
        makers: dict[str, Callable[[], Any]] = {
            "single": lambda: Single(random, folder),
            "sentinel": BySentinels,
            "cluster": lambda: ByCluster(random),
        }
        where = makers[place]()
        with where.running:
            chaos = Chaos(where, backend, random, folder)
            chaos.run(seconds)
    return chaos, Account(chaos.actors, LEASE)


def main() -> None:
    """Run as the command line says; the exit status is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description="Let everything fail, and check each message.")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--place", choices=["single", "sentinel", "cluster"], default="single")
    parser.add_argument("--backend", choices=["asyncio", "trio"], default="asyncio")
    told = parser.parse_args()
    print(f"--place {told.place} --backend {told.backend} --seed {told.seed}", flush=True)
    chaos, account = run(told.place, told.backend, told.seed, told.seconds)
    faults = list(account.faults())
    print(f"{len(account.sent)} messages sent, {account.repeated} came again after they were done,")
    print(f"{len(account.deaths)} deaths; troubles: {dict(chaos.troubles)}")
    print("\n".join(faults[:20]) or "no promise was broken")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
