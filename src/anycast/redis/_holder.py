"""The scripts about the messages that this process has, and the consumer that has the messages.

The server knows this process by a consumer of the group. The lease of a process is one lease on all
messages of its consumer. If the lease runs out, for example because the event loop hung, other
processes get all these messages. The server then refuses every script of the consumer for ever.
This process goes on under a new consumer, which has no messages yet. So a script that comes late
can never touch a message that another process has meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anycast.redis import _scripts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anycast.redis._commands import Commands
    from anycast.redis._retries import Retries
    from anycast.redis._scripts import Script


class LostError(Exception):
    """The lease of the process has run out, and its messages are lost to other processes."""


class Holder:
    """Runs the scripts about the messages of this process.

    Args:
        commands: run scripts. Their ``me`` is the first consumer, which INIT has made known.
        on_lost: called once when the lease of a consumer has run out.
    """

    def __init__(self, commands: Commands, on_lost: Callable[[], object]) -> None:
        self._commands = commands
        self._on_lost = on_lost
        self._me = commands.me
        # How many consumers this process has had.
        self._consumers = 1
        # Whether no script of the consumer was answered yet: the next script makes the consumer
        # known.
        self._new = False

    @property
    def me(self) -> str:
        """The name of the consumer, by which operators know this process."""
        return self._me.decode()

    def new_retries(self) -> Retries:
        """Return the pauses between the tries of a script."""
        return self._commands.new_retries()

    async def run(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run an idempotent script; return and raise as `Commands.run`.

        Raises:
            LostError: if the lease of this process has run out.
        """
        return await self._ask(self._commands.retry, script, *arguments)

    async def run_once(self, script: Script, *arguments: bytes | float) -> list[Any]:
        """Run a script that is unsafe to retry; return and raise as `run`."""
        return await self._ask(self._commands.once, script, *arguments)

    async def leave(self) -> None:
        """Detach this process from the channel; raise as `Commands.run`."""
        born, status = self._commands.born, b"more"
        while status == b"more":
            (status,) = await self._commands.retry(_scripts.LEAVE, born, self._me)

    async def _ask(
        self,
        ask: Callable[..., Awaitable[list[Any]]],
        script: Script,
        *arguments: bytes | float,
    ) -> list[Any]:
        me = self._me
        answer = await ask(script, self._commands.born, me, self._new, *arguments)
        # Several scripts are under way at once. Only the first that is refused changes something,
        # and what other scripts of this consumer brought is lost, too.
        if me != self._me:
            raise LostError
        if answer[0] == b"lost":
            self._consumers += 1
            self._me, self._new = b"%b-%d" % (self._commands.me, self._consumers), True
            self._on_lost()
            raise LostError
        self._new = False
        return answer
