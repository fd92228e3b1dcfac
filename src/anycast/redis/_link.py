"""Connections to the server, each used by tasks of the channel's own.

coredis offers a client with a pool. A pool has slots, and a blocking command that is
cancelled, times out or loses its connection keeps its slot for ever; a task that is
cancelled while it waits for a slot can take another's wake-up along. So no pool is used
here, nor the retries of the client, which made one entry two: a `Link` owns at most one
connection, drops it after any failure, and opens another when it is next used. What failed
is said by one of three errors; to try again is the business of whoever knows whether that
is safe.
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
# Whoever answers that it is a replica now is no server for us any more, and an answer that
# makes no sense does not tell what was done.
NO_ANSWER = (ConnectionError, TimeoutError, InvalidResponse, ReadOnlyError, TryAgainError)
SCHEMES = ("redis", "rediss", "unix")
SCHEMES_TEXT = "redis://, rediss:// or unix://"


class UnreachableError(Exception):
    """No answer: whether the server has done it is unknown, and another try may succeed."""


class RefusedError(Exception):
    """The server answered that it did not do it."""


class Server:
    """Where the server is, and how to connect to it.

    Args:
        url: its URL.

    Raises:
        ValueError: if the URL is of no kind that is known. The text tells no password.
    """

    def __init__(self, url: str) -> None:
        scheme = urlsplit(url).scheme
        if scheme not in SCHEMES:
            raise ValueError(f"`url` must begin with {SCHEMES_TEXT}, not {scheme!r}")
        # Never entered: it only reads the URL.
        self._pool: ConnectionPool[Any] = ConnectionPool.from_url(url, decode_components=True)
        if self._pool.location is None:
            raise ValueError("`url` must name a host, or the path of a socket")

    def new_connection(self) -> BaseConnection:
        """Return a connection that has yet to be run."""
        options = {**self._pool.connection_kwargs, "connect_timeout": None}
        connection: BaseConnection = self._pool.connection_class(self._pool.location, **options)
        return connection

    def __str__(self) -> str:
        return str(self._pool.location)


class _Connection:
    """One connection while it runs, and what became of it."""

    def __init__(self, raw: BaseConnection) -> None:
        self.raw = raw
        self.error: Exception | None = None
        self.settled = Event()
        self._scope = CancelScope(shield=True)

    async def run(self) -> None:
        """Run the connection until it breaks or is aborted."""
        with self._scope:
            try:
                await self.raw.run(task_status=self)
            except RedisError as error:
                self.error = error
        self.settled.set()

    def started(self, value: None = None) -> None:
        """Take note that the connection is established."""
        del value
        self.settled.set()

    def abort(self) -> None:
        """End it at once."""
        self._scope.cancel()


class Link:
    """At most one connection, made when it is needed.

    Args:
        server: where to connect.
        tasks: where connections run.
        timeout: how many seconds the server may take to answer.
    """

    def __init__(self, server: Server, tasks: TaskGroup, timeout: float) -> None:
        self._server = server
        self._tasks = tasks
        self._timeout = timeout
        self._connection: _Connection | None = None
        self._closed = False
        self._opening = Lock()

    async def call(self, command: bytes, *arguments: bytes | float, blocks: float = 0) -> Any:
        """Send one command and return the server's answer; several may be under way.

        Args:
            command: its name.
            arguments: what follows.
            blocks: how many seconds the server was told to wait before it answers.

        Raises:
            UnreachableError: if there was no answer.
            RefusedError: if the answer was an error. Its cause is what coredis makes of it.
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
        except Exception as error:  # what ended the connection, whatever it was
            self._drop(connection)
            raise UnreachableError(f"{self._server}: {error!r}") from error

    def close(self) -> None:
        """Cut the connection, and open none any more."""
        self._closed = True
        if self._connection is not None:
            self._drop(self._connection)

    def _drop(self, connection: _Connection) -> None:
        connection.abort()
        if self._connection is connection:
            self._connection = None

    async def _open(self) -> _Connection:
        async with self._opening:
            if not self._closed and (self._connection is None or not self._connection.raw.usable):
                self._connection = await self._connect()
            if self._connection is not None and self._closed:  # meanwhile
                self._drop(self._connection)
            if self._connection is None:
                raise UnreachableError("the channel was left")
            return self._connection

    async def _connect(self) -> _Connection:
        connection = _Connection(self._server.new_connection())
        self._tasks.start_soon(connection.run)
        try:
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
        elif isinstance(error, ResponseError) and not isinstance(error, BusyLoadingError):
            raise RefusedError(str(error)) from error
        else:
            why = f": {error}" if isinstance(error, InvalidResponse) else ""
            raise UnreachableError(f"{self._server} cannot be reached{why}") from error


def check_version(version: str | None) -> None:
    """Check that a server is recent enough.

    Raises:
        RefusedError: if it is not.
    """
    numbers = tuple(int(part) for part in (version or "").split(".")[:2] if part.isdecimal())
    if numbers < OLDEST:
        raise RefusedError(f"the server must be Redis >= 7.0 or Valkey, not version {version}")


SAFETY = 2.0  # seconds after which a hint is taken to be lost


class Hints:
    """A list in which hints come, and a connection of its own on which to wait for them.

    Args:
        link: the connection; nothing else is ever sent on it.
        key: the list.
    """

    def __init__(self, link: Link, key: bytes) -> None:
        self._link = link
        self._key = key

    async def wait(self, seconds: float) -> bool:
        """Wait for a hint, so many seconds at most.

        Whatever goes wrong here can wait for the next script, which will meet it, too.

        Returns:
            Whether one came, and no other process will get it.
        """
        with suppress(UnreachableError):
            return await self._link.call(b"BLPOP", self._key, seconds, blocks=seconds) is not None
        return False

    def close(self) -> None:
        """Stop waiting, at once."""
        self._link.close()
