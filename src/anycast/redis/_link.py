"""Connections to the server, used only by the tasks that a session starts.

A `Link` owns at most one connection, drops the connection after any failure, and opens a new
connection at the next use. A link never retries, but raises `UnreachableError` or `RefusedError`.
The caller knows whether a retry is safe, and decides.

This module uses the connections of coredis without the client and the pool of coredis, for two
reasons:

- A pool has slots. A blocking command that is cancelled, times out or loses its connection keeps
  the slot for ever. A task that is cancelled while waiting for a slot can consume the wake-up of
  another task.
- The client retries commands, and a retry stored a message twice.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from anyio import CancelScope, Event, Lock, move_on_after
from coredis import ConnectionPool
from coredis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004  its name there
    InvalidResponse,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from coredis.connection import BaseConnection

OLDEST = (7, 0)  # versions of Redis; Valkey began with 7.2
# These leave unknown whether the server ran the command, or say that another try may succeed:
# the connection broke or timed out, the answer makes no sense, or the server is a replica now.
NO_ANSWER = (ConnectionError, TimeoutError, InvalidResponse, ReadOnlyError, TryAgainError)
SCHEMES = ("redis", "rediss", "unix")
SCHEMES_TEXT = "redis://, rediss:// or unix://"


class UnreachableError(Exception):
    """No usable answer: whether the command ran is unknown, and another try may succeed."""


class RefusedError(Exception):
    """The server answered with an error: the command was not run."""


class Server:
    """The address of the server, and how to connect.

    Args:
        url: of the server.

    Raises:
        ValueError: if the URL has an unknown scheme or lacks a host or path. The text of the
            error never shows the password.
    """

    def __init__(self, url: str) -> None:
        scheme = urlsplit(url).scheme
        if scheme not in SCHEMES:
            raise ValueError(f"`url` must begin with {SCHEMES_TEXT}, not {scheme!r}")
        # The pool only parses the URL and is never entered; the module's docstring says why.
        self._pool: ConnectionPool[Any] = ConnectionPool.from_url(url, decode_components=True)
        if self._pool.location is None:
            raise ValueError("`url` must name a host, or the path of a socket")

    def new_connection(self) -> BaseConnection:
        """Return a connection that is not running yet."""
        # `Link` bounds how long connecting takes, so coredis need not.
        options = {**self._pool.connection_kwargs, "connect_timeout": None}
        connection: BaseConnection = self._pool.connection_class(self._pool.location, **options)
        return connection

    def __str__(self) -> str:
        return str(self._pool.location)


class _Connection:
    """A running connection, and how the attempt to connect ended."""

    def __init__(self, raw: BaseConnection) -> None:
        # The connection of coredis.
        self.raw = raw
        # What ended the connection, if that was an error of coredis.
        self.error: Exception | None = None
        # Set once the connection is established, or has ended. Wakes the task that connects.
        self.settled = Event()
        # Shielded from a cancellation of the task group: only `abort` closes the connection.
        self._scope = CancelScope(shield=True)

    async def run(self) -> None:
        """Run the connection until the connection breaks or is aborted."""
        with self._scope:
            try:
                await self.raw.run(task_status=self)
            except RedisError as error:
                self.error = error
        self.settled.set()

    def started(self, value: None = None) -> None:
        """Note that the connection is established; coredis calls this."""
        del value
        self.settled.set()

    def abort(self) -> None:
        """Close the connection at once."""
        self._scope.cancel()


class Link:
    """Sends commands on at most one connection, which is opened when needed.

    Args:
        server: the server to connect to.
        tasks: the task group in which connections run.
        timeout: how many seconds the server may take to answer.
    """

    def __init__(self, server: Server, tasks: TaskGroup, timeout: float) -> None:
        self._server = server
        self._tasks = tasks
        self._timeout = timeout
        self._connection: _Connection | None = None
        self._closed = False
        # Held while a connection is opened, so that several calls open a single connection.
        self._opening = Lock()

    async def call(self, command: bytes, *arguments: bytes | float, blocks: float = 0) -> Any:
        """Send a command and return the server's answer. Several commands may be in flight.

        Args:
            command: the name of the command.
            arguments: of the command.
            blocks: how many seconds the command may block at the server before the answer.

        Raises:
            UnreachableError: if the server gave no usable answer.
            RefusedError: if the answer was an error. The cause is the error of coredis.
        """
        connection = self._connection
        if connection is None or not connection.raw.usable:
            connection = await self._open()
        try:
            return await connection.raw.create_request(
                command, *arguments, decode=False, timeout=self._timeout + blocks
            )
        except NO_ANSWER as error:
            self._drop(connection)
            raise UnreachableError(f"{self._server}: {error}") from error
        except RedisError as error:
            raise RefusedError(str(error)) from error
        except Exception as error:
            # coredis raises here whatever ended the connection, so any error may come.
            self._drop(connection)
            raise UnreachableError(f"{self._server}: {error!r}") from error

    def close(self) -> None:
        """Abort the connection. Later calls raise `UnreachableError`."""
        self._closed = True
        if self._connection is not None:
            self._drop(self._connection)

    def _drop(self, connection: _Connection) -> None:
        connection.abort()
        if self._connection is connection:
            self._connection = None

    async def _open(self) -> _Connection:
        async with self._opening:
            # Another task may have opened a connection while this task waited for the lock.
            if not self._closed and (self._connection is None or not self._connection.raw.usable):
                self._connection = await self._connect()
            if self._connection is not None and self._closed:
                # The link was closed while the connection was opened.
                self._drop(self._connection)
            if self._connection is None:
                raise UnreachableError("the channel was left")
            return self._connection

    async def _connect(self) -> _Connection:
        connection = _Connection(self._server.new_connection())
        self._tasks.start_soon(connection.run)
        try:
            # After the timeout, `_check` finds the connection unusable, and raises.
            with move_on_after(self._timeout):
                await connection.settled.wait()
            self._check(connection)
        except BaseException:
            connection.abort()
            raise
        return connection

    def _check(self, connection: _Connection) -> None:
        error = connection.error
        if connection.raw.usable:
            check_version(connection.raw.server_version)
        # A server that is loading its data is away for a while. Any other error that the server
        # answers, such as a wrong password, is final.
        elif isinstance(error, ResponseError) and not isinstance(error, BusyLoadingError):
            raise RefusedError(str(error)) from error
        else:
            why = f": {error}" if isinstance(error, InvalidResponse) else ""
            raise UnreachableError(f"{self._server} cannot be reached{why}") from error


def check_version(version: str | None) -> None:
    """Check that a server is recent enough.

    Raises:
        RefusedError: if the server is too old.
    """
    numbers = tuple(int(part) for part in (version or "").split(".")[:2] if part.isdecimal())
    if numbers < OLDEST:
        raise RefusedError(f"the server must be Redis >= 7.0 or Valkey, not version {version}")


# After so many seconds without a hint, a pump asks the server anyway: the hint may be lost, as
# `common.lua` says.
SAFETY = 2.0


class Hints:
    """Waits for hints, which come in a list, on a separate link.

    Args:
        link: used for this alone, because a blocking command blocks the whole connection.
        key: of the list.
    """

    def __init__(self, link: Link, key: bytes) -> None:
        self._link = link
        self._key = key

    async def wait(self, seconds: float) -> bool:
        """Wait for a hint, for at most ``seconds``.

        An unreachable server raises nothing here: the next script meets the same failure, and
        handles the failure.

        Returns:
            Whether a hint came. That hint is taken from the list, out of the sight of other
            processes.
        """
        with suppress(UnreachableError):
            return await self._link.call(b"BLPOP", self._key, seconds, blocks=seconds) is not None
        return False

    def close(self) -> None:
        """Stop waiting at once."""
        self._link.close()
