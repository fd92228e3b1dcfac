"""The calls of an operator to the server, and the errors of these calls.

An operator is no process of the channel: no script notes the operator in `processes`. A call is
repeated until the server answers, within the timeout. Some scripts must not run twice, since a
second run would count differently. The calls of these scripts have numbers, as the sends of a
process have, and the server answers a repeated call as before. So these calls go one by one.
"""

from __future__ import annotations

from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from anyio import Lock

from anycast._interface.errors import ChannelError
from anycast.redis import _scripts
from anycast.redis._commands import Commands, GoneError
from anycast.redis._key_search import delete_keys, find_keys, producer_pattern
from anycast.redis._keys import Keys
from anycast.redis._link import RefusedError, UnreachableError
from anycast.redis._standalone_link import StandaloneLink

if TYPE_CHECKING:
    from anycast._interface.channel import Channel
    from anycast.redis._link import Server
    from anycast.redis._scripts import Script

# What the scripts answer when they refuse.
REFUSALS = {
    b"missing": (
        "{channel}: {server} has no such channel in database {server.database}"
        " (`channels` lists the names)"
    ),
    b"version": "{channel}: another version of anycast made the channel: its format is {0}",
    b"ended": "{channel} is closed and has ended, so nobody receives: reopen it first",
    b"used": (
        "{channel} is in use (processes: {0}; the last lease runs out in {1} s): stop the processes"
        " first, or delete the channel all the same by `--force`, in Python `force=True`"
    ),
}
GONE = "{channel}: the server lost the messages: reopen or destroy the channel"


class AdminCalls:
    """Runs the scripts of an operator of a channel.

    Args:
        channel: the channel, for the errors. The channel is never entered.
        server: the server that keeps the channel.
        user: what makes the calls, for errors.
        timeout: how many seconds the server may be away before that is an error.
    """

    def __init__(self, channel: Channel[Any], server: Server, user: object, timeout: float) -> None:
        self._channel = channel
        self._server = server
        self._timeout = timeout
        # The name of this operator, under which the server keeps the number of the last call.
        self._me = token_hex(8)
        self._keys = Keys(channel.name, self._me)
        # How many calls had a number, and the lock that lets these calls go one by one.
        self._numbered = 0
        self._turn = Lock()
        self.line = StandaloneLink(server, user, timeout)

    async def run(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run an idempotent script, and return its answer without the word "ok".

        Raises:
            ChannelError: if the script refuses, or the server is away or refuses.
            RuntimeError: if the link is not open, or was opened in another event loop.
        """
        try:
            status, *answer = await self._commands().retry(script, *arguments)
        except GoneError as error:
            raise self._error(GONE) from error
        except (UnreachableError, RefusedError) as error:
            raise ChannelError(f"{self._channel}: {error}", self._channel) from error
        if status != b"ok":
            texts = [part.decode() if isinstance(part, bytes) else part for part in answer]
            raise self._error(REFUSALS[status], *texts)
        return answer

    async def run_once(self, script: Script, *arguments: bytes | float) -> tuple[int, int]:
        """Run a script that must not run twice, and return its two numbers; raise as `run`."""
        async with self._turn:
            self._numbered += 1
            first, second = await self.run(script, self._numbered, *arguments)
        return first, second

    async def destroy(self, *, force: bool) -> None:
        """Delete every key of the channel; raise as `run`.

        The scripts know the key of a single producer. The keys of all producers are found before
        the channel is destroyed, so no key of a later channel with the same name is deleted.
        """
        try:
            pattern = producer_pattern(self._channel.name)
            producers = await find_keys(self._commands(), pattern)
        except (UnreachableError, RefusedError) as error:
            raise ChannelError(f"{self._channel}: {error}", self._channel) from error
        await self.run_once(_scripts.ADMIN_DESTROY, force)
        # The keys that are left if the server is away now expire within a day.
        with suppress(UnreachableError, RefusedError):
            await delete_keys(self.line.link, [*producers, self._keys.all[-1]])

    def _commands(self) -> Commands:
        label = str(self._channel)
        return Commands(self.line.link, self._keys, self._me.encode(), self._timeout, label)

    def _error(self, text: str, *parts: object) -> ChannelError[Any]:
        filled = text.format(*parts, channel=self._channel, server=self._server)
        return ChannelError(filled, self._channel)
