"""Runs the scripts of a channel on the server, and retries where a retry is safe."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any

from coredis.exceptions import NoScriptError, StreamConsumerError

from anycast.redis._answers import RefusedError, UnreachableError
from anycast.redis._outages import Outages
from anycast.redis._retries import FIRST_PAUSE, LONGEST_PAUSE, Retries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from anycast.redis._keys import Keys
    from anycast.redis._link import Link
    from anycast.redis._scripts import Script

# How a server tells the line at which a script failed.
WHERE = re.compile(r" script:(?: \w+,)? on @user_script:(\d+)\.")

__all__ = ["FIRST_PAUSE", "LONGEST_PAUSE", "Commands", "GoneError"]


class GoneError(Exception):
    """The server lost this channel: by a flush, by a deletion, or because the server is new."""

    def __init__(self) -> None:
        super().__init__("the server does not have the channel any more")


class Commands:
    """Runs scripts for the session of a process in a channel.

    Args:
        link: the link that all scripts share.
        keys: of the channel.
        me: identifies the session, and names the first consumer of this process in the group.
        timeout: how many seconds the server may be unreachable before that is an error, or
            `math.inf`.
        label: names the channel, for the log.
    """

    def __init__(
        self, link: Link, keys: Keys, me: bytes, timeout: float, label: str = "anycast"
    ) -> None:
        self._link = link
        self._keys = keys
        self._timeout = timeout
        self._outages = Outages(label)
        # Whether the scripts store messages: `Retries` has the meaning.
        self._sends = False
        # Number the tries of `run_in_order`.
        self._tries = count(1)
        self.me = me
        # Distinguishes this channel from earlier and later channels of the same name. INIT
        # returns this mark. Every other script gets the mark, and answers "gone" if the channel
        # at the server has a different mark.
        self.born = b""

    def use(self, link: Link) -> None:
        """Use another link from now on."""
        self._link = link

    def over(self, link: Link, *, sends: bool = False) -> Commands:
        """Return commands for the same session that use another link.

        Args:
            link: the other link.
            sends: whether the scripts store messages. Only these scripts give up on a server that
                works but refuses to write.
        """
        other = Commands(link, self._keys, self.me, self._timeout)
        other.born = self.born
        other._outages = self._outages
        other._sends = sends
        return other

    def stop_logging(self) -> None:
        """Log no more of the outages of the server: the channel has failed."""
        self._outages.stop()

    def new_retries(self) -> Retries:
        """Return the pauses between the tries of a script."""
        # The script that opens the channel stores something, too.
        return Retries(self._timeout, self._outages, sends=self._sends or not self.born)

    async def run(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run an idempotent script, and retry until the server has answered.

        Returns:
            The answer of the script.

        Raises:
            UnreachableError: if the server did not answer within the timeout, or refused a later
                try. The script may have run.
            UnavailableError: if the script has certainly not run within the timeout.
            WritesRefusedError: only with ``sends``: if the server works, but refuses to write.
            RefusedError: if the server did not run the script, and no earlier try may have run.
            GoneError: if the server lost the channel.
        """
        return await self.retry(script, self.born, self.me, *arguments)

    async def run_in_order(
        self,
        script: Script,
        compose: Callable[[], Iterable[bytes | float]],
        not_run: Callable[[Retries], bool],
    ) -> list[Any]:
        """Run a script as `run` does, and number the tries: the third argument is the number.

        So the server can refuse a try that comes after a later try: the network may have kept it.

        Args:
            script: the script.
            compose: returns the further arguments of a try, which is then sent at once. After a try
                that may have run, the next try must have the same effect.
            not_run: called after a failed try if the script has certainly not run so far. The
                arguments of the next try may be different. Returns whether the tries end when the
                time is over.
        """

        async def ask() -> list[Any]:
            await self._link.connect(self._keys.all[0])
            return await self.once(script, self.born, self.me, next(self._tries), *compose())

        return await self._repeat(ask, not_run)

    async def once(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run a script that is unsafe to retry, with these arguments alone; raise as `run`."""
        return _unless_gone(await self._evaluate(script, *arguments))

    async def retry(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run a script as `run` does, but with these arguments alone."""
        return await self._repeat(lambda: self.once(script, *arguments))

    async def _repeat(
        self,
        ask: Callable[[], Awaitable[list[Any]]],
        not_run: Callable[[Retries], bool] = lambda _: True,
    ) -> list[Any]:
        with self.new_retries() as retries:
            while True:
                try:
                    return await ask()
                except UnreachableError as error:
                    retries.failed(error)
                    if retries.unknown or not_run(retries):
                        retries.check(error)
                    await retries.rest()
                except RefusedError as error:
                    if retries.unknown:
                        raise UnreachableError(str(error)) from error
                    raise

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
            raise RefusedError(_with_line(script, str(error))) from error.__cause__
        return answer


def _unless_gone(answer: list[Any]) -> list[Any]:
    if answer[0] == b"gone":
        raise GoneError
    return answer


def _with_line(script: Script, told: str) -> str:
    """Return an error with the line of the script that failed, which names command and key."""
    found = WHERE.search(told)
    if found is None:
        return told
    line = script.text.decode().splitlines()[int(found[1]) - 1].strip()
    return f"{told[: found.start()].removesuffix('.')}, in: {line}"
