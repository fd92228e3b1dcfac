"""Runs the scripts of a channel on the server, and retries where a retry is safe."""

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

# Seconds before a retry. Each further pause is twice as long, up to the longest.
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.5


class GoneError(Exception):
    """The server lost this channel: by a flush, by a deletion, or because the server is new."""

    def __init__(self) -> None:
        super().__init__("the server does not have it any more")


class Commands:
    """Runs scripts for the session of a process in a channel.

    Args:
        link: the link that all scripts share.
        keys: of the channel.
        me: identifies the session, and names the consumer of this process in the group.
        timeout: how many seconds the server may be unreachable before that is an error.
    """

    def __init__(self, link: Link, keys: Keys, me: bytes, timeout: float) -> None:
        self._link = link
        self._keys = keys
        self._timeout = timeout
        self.me = me
        # Distinguishes this channel from earlier and later channels of the same name. INIT
        # returns this mark. Every other script gets the mark, and answers "gone" if the channel
        # at the server has a different mark.
        self.born = b""

    def over(self, link: Link) -> Commands:
        """Return commands for the same session that use another link."""
        other = Commands(link, self._keys, self.me, self._timeout)
        other.born = self.born
        return other

    async def run(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run an idempotent script, and retry until the server has answered.

        Returns:
            The answer of the script.

        Raises:
            UnreachableError: if the server did not answer within the timeout. The script may
                have run.
            RefusedError: if the server did not run the script.
            GoneError: if the server lost the channel.
        """
        return await self.retry(script, self.born, self.me, *arguments)

    async def run_once(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run a script that is unsafe to retry; return and raise as `run`."""
        return _unless_gone(await self._evaluate(script, self.born, self.me, *arguments))

    async def retry(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run a script as `run` does, but with these arguments alone."""
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
            # A server that has seen the text of a script runs the script by the hash. After a
            # restart, or SCRIPT FLUSH, the server must see the text again.
            try:
                answer: list[Any] = await self._link.call(
                    b"EVALSHA", script.sha, len(keys), *keys, *arguments
                )
            except RefusedError as error:
                if not isinstance(error.__cause__, NoScriptError):
                    raise
                answer = await self._link.call(b"EVAL", script.text, len(keys), *keys, *arguments)
        except RefusedError as error:
            # The stream or its group is missing: somebody deleted them.
            if isinstance(error.__cause__, StreamConsumerError) or "NOGROUP" in str(error):
                raise GoneError from error
            raise
        return answer


def _unless_gone(answer: list[Any]) -> list[Any]:
    if answer[0] == b"gone":
        raise GoneError
    return answer
