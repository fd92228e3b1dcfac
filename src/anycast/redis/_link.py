"""The way from a session to its server: commands in, answers out.

A `Link` has at most one connection that takes commands, drops the connection after any failure, and
opens a new connection at the next use. A link never retries a command that may have run, but raises
`UnreachableError` or `RefusedError`. The caller knows whether a retry is safe, and decides. The
link itself sends a command again only after the answer that another node of a cluster has the keys.

A `Route` tells to which server the link connects, and the link tells the route what happens:

- **The connection is lost**, or a command has no answer in time: the connection is dropped.
- **The server answers that another server may be the right server**, as in a failover: the
  connection is retired. It takes no more commands, and ends when the commands in flight are
  answered. A drop would leave their outcome unknown.
- **MOVED**: the same, and the command goes to the node that the answer names.
- **ASK**: this command alone goes to the node that the answer names, on a separate connection.
- **The route names another server** when the link looks again: the connection is dropped. The old
  server may go on, but what it stores is lost.

All keys of a channel are in the same slot of a cluster, so one connection serves all commands.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, Event, Lock, move_on_after, sleep

from anycast.redis._answers import (
    OutOfMemoryError,
    RedirectedError,
    RefusedError,
    UnavailableError,
    UnreachableError,
    WritesRefusedError,
)
from anycast.redis._cluster import ClusterRoute
from anycast.redis._connection import check_version, keys_of
from anycast.redis._routes import Dialer
from anycast.redis._sentinels import SentinelRoute
from anycast.redis._url import parse_url

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from anycast.redis._connection import Connection
    from anycast.redis._routes import Route
    from anycast.redis._url import Place

__all__ = [
    "SAFETY",
    "Hints",
    "Link",
    "OutOfMemoryError",
    "RefusedError",
    "Server",
    "UnavailableError",
    "UnreachableError",
    "WritesRefusedError",
]

# How many seconds pass between two checks whether the server is still the right server.
LOOK = 1.0
# How often a command follows the answer that another node has the keys.
MOST_REDIRECTS = 5


class Server:
    """Where the server is, and how to connect.

    Args:
        url: of the server, of its Sentinels, or of nodes of its cluster.

    Raises:
        TypeError: if the URL is not a str.
        ValueError: if a part of the URL is wrong. The text of the error never shows the password.
    """

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)

    def new_dialer(self, tasks: TaskGroup, seconds: float) -> Dialer:
        """Return what opens connections to the server."""
        return Dialer(self._url.access, tasks, seconds)

    def new_route(self, tasks: TaskGroup, seconds: float) -> Route:
        """Return what finds the server, for a link."""
        url = self._url
        if url.scheme == "redis+sentinel":
            sentinels = Dialer(url.sentinel_access, tasks, seconds)
            return SentinelRoute(url.places, url.service, sentinels, seconds)
        dialer = self.new_dialer(tasks, seconds)
        return ClusterRoute(url.places, dialer, seconds, asks=url.scheme == "redis+cluster")

    @property
    def database(self) -> int:
        """The number of the database."""
        return self._url.access.database

    def __str__(self) -> str:
        return ",".join(map(str, self._url.places))


class Link:
    """Sends commands on one connection, which is opened when needed.

    Args:
        server: the server to connect to.
        tasks: the task group in which connections run.
        timeout: how many seconds the server may take to answer.
    """

    def __init__(self, server: Server, tasks: TaskGroup, timeout: float) -> None:
        self._tasks = tasks
        self._timeout = timeout
        self._dialer = server.new_dialer(tasks, timeout)
        self._route = server.new_route(tasks, timeout)
        # Takes commands, if it is usable.
        self._connection: Connection | None = None
        # Every connection that may have commands in flight.
        self._connections: set[Connection] = set()
        self._closed = False
        # Held while a connection is opened, so that several calls open a single connection.
        self._opening = Lock()
        # End the tasks that watch connections.
        self._watches: set[CancelScope] = set()

    async def call(self, command: bytes, *arguments: bytes | float, blocks: float = 0) -> Any:
        """Send a command and return the server's answer. Several commands may be in flight.

        Args:
            command: the name of the command.
            arguments: of the command.
            blocks: how many seconds the command may block at the server before the answer.

        Raises:
            UnreachableError: if the server gave no usable answer.
            UnavailableError: if the command was not run, and another try may succeed.
            RefusedError: if the answer was an error. The cause is the error of coredis.
        """
        seconds = self._timeout + blocks
        for _ in range(MOST_REDIRECTS):
            connection = await self.connect(next(iter(keys_of(command, arguments)), None))
            try:
                return await connection.call(command, *arguments, seconds=seconds)
            except RedirectedError as told:
                if not told.once:
                    self._retire(connection)
                place = self._route.moved(told, connection.place)
                if told.once:
                    return await self._call_aside(place, command, *arguments, seconds=seconds)
            except UnavailableError as error:
                if error.elsewhere:
                    self._route.doubt()
                    self._retire(connection)
                raise
            except UnreachableError:
                self._route.doubt()
                self._drop(connection)
                raise
        raise UnavailableError(f"{command.decode()} was redirected too often")

    async def connect(self, key: bytes | None) -> Connection:
        """Return the connection that takes commands, and open it if needed.

        Args:
            key: of the next command. A cluster has a server for each key.

        Raises:
            UnavailableError: if another try may succeed.
            RefusedError: if the server refuses the connection for good.
        """
        connection = self._connection
        if connection is not None and connection.usable:
            return connection
        try:
            return await self._open(key)
        except UnavailableError:
            raise
        except UnreachableError as error:
            # Only the connection was asked for its version or its role: no command of a caller ran.
            raise UnavailableError(str(error)) from error

    def close(self) -> None:
        """Abort every connection. Later calls raise `UnreachableError`."""
        self._closed = True
        self._route.close()
        for scope in self._watches:
            scope.cancel()
        for connection in tuple(self._connections):
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        connection.abort()
        self._connections.discard(connection)
        if self._connection is connection:
            self._connection = None

    def _retire(self, connection: Connection) -> None:
        connection.retire()
        if self._connection is connection:
            self._connection = None

    async def _open(self, key: bytes | None) -> Connection:
        async with self._opening:
            # Another task may have opened a connection while this task waited for the lock.
            if self._connection is not None and self._connection.usable:
                return self._connection
            if self._connection is not None:
                # The connection was lost.
                self._route.doubt()
                self._connection = None
            try:
                self._check_open()
                connection = await self._dial(await self._route.find(key))
            finally:
                if self._closed:
                    # The route may have opened a connection after the link was closed.
                    self._route.close()
            try:
                await self._route.check(connection)
                check_version(connection.raw.server_version)
            except BaseException:
                self._drop(connection)
                raise
            self._connection = connection
            if self._route.watched:
                self._tasks.start_soon(self._watch, connection)
            return connection

    async def _dial(self, place: Place) -> Connection:
        try:
            connection = await self._dialer.open(place)
        except UnreachableError:
            self._route.doubt()
            raise
        # Connections that have ended by themselves are forgotten here.
        self._connections = {each for each in self._connections if each.raw.usable}
        self._connections.add(connection)
        try:
            self._check_open()
        except UnreachableError:
            self._drop(connection)
            raise
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise UnreachableError("the channel was left")

    async def _call_aside(
        self, place: Place, command: bytes, *arguments: bytes | float, seconds: float
    ) -> Any:
        """Send a command to the node to which the slot of its keys is moving."""
        connection = await self._dial(place)
        try:
            return await connection.call(command, *arguments, seconds=seconds, asking=True)
        finally:
            self._drop(connection)

    async def _watch(self, connection: Connection) -> None:
        """Look now and then whether the server is still the right server."""
        with CancelScope() as scope:
            self._watches.add(scope)
            while connection is self._connection and not self._closed:
                await sleep(LOOK)
                await self._look(connection)
        self._watches.discard(scope)

    async def _look(self, connection: Connection) -> None:
        """Drop a connection if the server is not the right server any more."""
        # If no server tells, the connection stays, because the connection works.
        with suppress(UnreachableError, RefusedError):
            if await self._route.find(None) != connection.place:
                # An answer of this server is worth nothing any more.
                self._drop(connection)


# After so many seconds without a hint, a pump asks the server anyway: the hint may be lost, as
# `common.lua` says.
SAFETY = 2.0
# After how many seconds the wait for a hint is tried again, if the server could not let it wait.
PAUSE = 0.1


class Hints:
    """Waits for hints, which come in a list, on a separate link.

    Args:
        link: used for this alone, because a blocking command blocks the whole connection.
        key: of the list.
    """

    def __init__(self, link: Link, key: bytes) -> None:
        self._link = link
        self._key = key
        self._closed = Event()

    async def wait(self, seconds: float) -> bool:
        """Wait for a hint, for at most ``seconds``.

        An unreachable server raises nothing here: the next script meets the same failure, and
        handles the failure. If the server refuses only to let clients wait, the pause keeps the
        caller from asking without end.

        Returns:
            Whether a hint came. That hint is taken from the list, out of the sight of other
            processes.
        """
        try:
            return await self._link.call(b"BLPOP", self._key, seconds, blocks=seconds) is not None
        except UnreachableError:
            with move_on_after(PAUSE):
                await self._closed.wait()
            return False

    def close(self) -> None:
        """Stop waiting at once."""
        self._closed.set()
        self._link.close()
