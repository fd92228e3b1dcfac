"""A connection to one server, run by a task of its own.

This module uses the connections of coredis without the client and the pool of coredis, for two
reasons:

- A pool has slots. A blocking command that is cancelled, times out or loses its connection keeps
  the slot for ever. A task that is cancelled while waiting for a slot can consume the wake-up of
  another task.
- The client retries commands, and a retry stored a message twice.
"""

from __future__ import annotations

from os.path import commonprefix
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, Event, move_on_after
from coredis.connection import TCPLocation
from coredis.exceptions import RedisError

from anycast.redis._answers import (
    RefusedError,
    UnavailableError,
    judge,
    judge_connecting,
)

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from coredis.connection import BaseConnection

    from anycast.redis._url import Access, Place

OLDEST = (7, 0)  # versions of Redis; Valkey began with 7.2


class Connection:
    """A running connection, and how the attempt to connect ended.

    Args:
        raw: the connection of coredis.
        place: the address of the server.
    """

    def __init__(self, raw: BaseConnection, place: Place) -> None:
        self.raw = raw
        self.place = place
        # The error of coredis that ended the connection, if there was such an error.
        self.error: Exception | None = None
        # Set once the connection is established, or has ended. Wakes the task that connects.
        self.settled = Event()
        # How many requests wait for their answers.
        self._in_flight = 0
        # Whether the connection ends with the last answer that a request waits for.
        self._retired = False
        # Shielded from a cancellation of the task group: only `abort` closes the connection.
        self._scope = CancelScope(shield=True)

    @property
    def usable(self) -> bool:
        """Whether the connection is established and takes requests."""
        return self.raw.usable and not self._retired

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
        """Close the connection at once. Requests in flight raise `UnreachableError`."""
        self._scope.cancel()

    def retire(self) -> None:
        """Take no more requests, and close the connection when every request is answered."""
        self._retired = True
        if not self._in_flight:
            self.abort()

    async def call(
        self, command: bytes, *arguments: bytes | float, seconds: float, asking: bool = False
    ) -> Any:
        """Send a command, and return the answer of the server.

        Args:
            command: the name of the command.
            arguments: of the command.
            seconds: how long to wait for the answer.
            asking: whether to send ASKING before the command, for a slot that is moving.

        Raises:
            UnreachableError, UnavailableError, RefusedError: as `judge` returns them. The cause is
                the error of coredis.
        """
        self._in_flight += 1
        try:
            if asking:
                self.raw.create_request(b"ASKING", decode=False)
            return await self.raw.create_request(command, *arguments, decode=False, timeout=seconds)
        except Exception as error:
            # coredis raises here the error that ended the connection, so any error may come.
            raise judge(error, self.place, _request(command, arguments)) from error
        finally:
            self._in_flight -= 1
            if self._retired:
                self.retire()


def _request(command: bytes, arguments: tuple[bytes | float, ...]) -> str:
    """Return the words that name a request in an error.

    The server does not tell which of several keys an error is about. So the words show what is
    common to the keys: all keys of a channel begin alike.
    """
    name = command.decode()
    keys = [key.decode(errors="backslashreplace") for key in keys_of(command, arguments)]
    if not keys:
        return name
    return f"{name} of {keys[0] if len(keys) == 1 else commonprefix(keys) + '*'}"  # noqa: RUF071  no paths


def keys_of(command: bytes, arguments: tuple[Any, ...]) -> tuple[bytes, ...]:
    """Return the keys of a command."""
    match command:
        case b"EVAL" | b"EVALSHA":
            _, count, *others = arguments
            return tuple(others[:count])
        case b"BLPOP":
            return arguments[:-1]
        case _:
            return ()


async def open_connection(
    access: Access, place: Place, tasks: TaskGroup, seconds: float
) -> Connection:
    """Open a connection.

    Args:
        access: how to connect.
        place: the address of the server.
        tasks: the task group in which the connection runs.
        seconds: how long to wait.

    Raises:
        UnavailableError: if another try may succeed.
        RefusedError: if the server refuses the connection for good.
    """
    connection = Connection(access.new_connection(place), place)
    tasks.start_soon(connection.run)
    try:
        # After that time, `_check` finds the connection unusable, and raises.
        with move_on_after(seconds):
            await connection.settled.wait()
        _check(connection, access, seconds)
    except BaseException:
        connection.abort()
        raise
    return connection


def _check(connection: Connection, access: Access, seconds: float) -> None:
    """Raise the reason unless a connection is established."""
    if connection.usable:
        return
    if (error := connection.error) is None:
        raise UnavailableError(
            f"{connection.place} cannot be reached: no answer to one try within {seconds:g} s"
        )
    # The cause is left out: a server that does not know the command HELLO repeats the command with
    # the password.
    plain = access.tls is None and isinstance(connection.place, TCPLocation)
    raise judge_connecting(error, connection.place, plain=plain)


def check_version(version: str | None) -> None:
    """Check that a server is recent enough.

    Raises:
        RefusedError: if the server is too old.
    """
    numbers = tuple(int(part) for part in (version or "").split(".")[:2] if part.isdecimal())
    if numbers < OLDEST:
        raise RefusedError(f"the server must be Redis >= 7.0 or Valkey, not version {version}")
