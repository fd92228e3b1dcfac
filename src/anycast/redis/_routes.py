"""Where a link connects to: what the ways to find a server have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from anycast.redis._answers import RefusedError, UnavailableError, UnreachableError
from anycast.redis._connection import open_connection

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from anycast.redis._answers import RedirectedError
    from anycast.redis._connection import Connection
    from anycast.redis._url import Access, Place

# How many seconds a server may take to tell where another server is. There are several servers to
# ask, so a server that hangs must not take the time of the remaining servers.
LONGEST_QUESTION = 1.0


class Route(ABC):
    """Finds the server to connect to. A link tells the route what the link meets.

    Args:
        dialer: opens connections to the servers that the route asks.
    """

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer

    watched = False
    """Whether the right server may become another server without a word from the old server."""

    @abstractmethod
    async def find(self, key: bytes | None) -> Place:
        """Return the address of the server that has a key.

        Raises:
            UnavailableError, RefusedError: if the address cannot be found.
        """

    async def check(self, connection: Connection) -> None:  # noqa: B027  nothing to check
        """Check that a new connection leads to the right server.

        Raises:
            UnreachableError: if the check fails.
        """

    def moved(self, told: RedirectedError, asked: Place) -> Place:
        """Record that a server has named another server; return the address of the other server.

        Raises:
            UnavailableError: if the address is unknown, or only nodes of a cluster should say so.
        """
        del asked
        raise UnavailableError(str(told))

    def doubt(self) -> None:  # noqa: B027  a route that always asks has nothing to note
        """Note that the server is away, or may be the wrong server."""

    def close(self) -> None:
        """Close the connection to the server that was asked."""
        self._dialer.close()


class Dialer:
    """Opens connections to servers, and asks them questions.

    Args:
        access: how to connect.
        tasks: the task group in which connections run.
        seconds: how long a server may take to accept a connection, or to answer.
    """

    def __init__(self, access: Access, tasks: TaskGroup, seconds: float) -> None:
        self._access = access
        self._tasks = tasks
        self._seconds = seconds
        # The last connection for questions.
        self._kept: Connection | None = None

    async def open(self, place: Place) -> Connection:
        """Open a connection; raise as `open_connection`."""
        return await open_connection(self._access, place, self._tasks, self._seconds)

    async def ask_any(self, places: list[Place], *command: bytes) -> tuple[Place, Any]:
        """Ask one server after another, until a server answers.

        Args:
            places: the addresses of the servers. A server that does not answer goes to the end.
            command: with its arguments.

        Returns:
            The address of the server that has answered, and the answer.

        Raises:
            RefusedError: if every server refuses.
            UnavailableError: if no server answers.
        """
        errors: list[Exception] = []
        for place in tuple(places):
            try:
                return place, await self._ask(place, *command)
            except (UnreachableError, RefusedError) as error:
                errors.append(error)
                places.remove(place)
                places.append(place)
        told = "; ".join(map(str, errors))
        if all(isinstance(error, RefusedError) for error in errors):
            raise RefusedError(told)
        raise UnavailableError(told)

    async def _ask(self, place: Place, command: bytes, *arguments: bytes) -> Any:
        seconds = min(self._seconds, LONGEST_QUESTION)
        connection = self._kept
        if connection is None or not connection.usable or connection.place != place:
            self.close()
            connection = await open_connection(self._access, place, self._tasks, seconds)
            self._kept = connection
        try:
            return await connection.call(command, *arguments, seconds=seconds)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection for questions."""
        if self._kept is not None:
            self._kept.abort()
            self._kept = None
