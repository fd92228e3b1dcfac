"""What a channel asks of its server: scripts, tried again where that is safe."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from anyio import sleep
from coredis.exceptions import NoScriptError, StreamConsumerError

from anycast.redis._link import RefusedError, UnreachableError

if TYPE_CHECKING:
    from anycast.redis._keys import Keys
    from anycast.redis._link import Link
    from anycast.redis._scripts import Script

FIRST_PAUSE = 0.02  # seconds before another try; doubled each time
LONGEST_PAUSE = 0.5


class GoneError(Exception):
    """The server does not have this channel any more: flushed, deleted, or an empty server."""

    def __init__(self) -> None:
        super().__init__("the server does not have it any more")


class Commands:
    """Runs scripts on behalf of one process's part in a channel.

    Args:
        link: the connection, which all scripts share.
        keys: the channel's keys.
        me: this process's name in the channel.
        timeout: how many seconds the server may be unreachable before that is an error.
    """

    def __init__(self, link: Link, keys: Keys, me: bytes, timeout: float) -> None:
        self._link = link
        self._keys = keys
        self._timeout = timeout
        self.me = me
        self.born = b""

    def over(self, link: Link) -> Commands:
        """Return the same on another connection."""
        other = Commands(link, self._keys, self.me, self._timeout)
        other.born = self.born
        return other

    async def run(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run a script that may as well run twice, until it is known to have run.

        Returns:
            What it answered.

        Raises:
            UnreachableError: if that took too long. It may have run.
            RefusedError: if the server did not run it.
            GoneError: if the channel is not there any more.
        """
        return await self.retry(script, self.born, self.me, *arguments)

    async def run_once(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run a script that must not be repeated blindly; raise what `run` raises."""
        return _unless_gone(await self._evaluate(script, self.born, self.me, *arguments))

    async def retry(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Do as `run` does, with no arguments but these."""
        deadline, pause = monotonic() + self._timeout, FIRST_PAUSE
        while True:
            try:
                return _unless_gone(await self._evaluate(script, *arguments))
            except UnreachableError:
                if monotonic() + pause > deadline:
                    raise
            await sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _evaluate(self, script: Script, *arguments: bytes | float) -> list[Any]:
        keys = self._keys.all
        try:
            try:
                answer: list[Any] = await self._link.call(
                    b"EVALSHA", script.sha, len(keys), *keys, *arguments
                )
            except RefusedError as error:
                if not isinstance(error.__cause__, NoScriptError):
                    raise
                answer = await self._link.call(b"EVAL", script.text, len(keys), *keys, *arguments)
        except RefusedError as error:
            if isinstance(error.__cause__, StreamConsumerError) or "NOGROUP" in str(error):
                raise GoneError from error
            raise
        return answer


def _unless_gone(answer: list[Any]) -> list[Any]:
    if answer[0] == b"gone":
        raise GoneError
    return answer
