"""The task that carries messages to the server.

One batch is in flight at a time, and it is repeated until its outcome is known, so its
messages can be numbered without gaps: the server knows the last number that it stored for
this process, and stores none twice, however often it gets a batch, and however late.

When the channel is full the pump waits for a hint that there is room. The hint it took may
have been for others, too: the script passes it on if room is left. So does a call without
messages, when all senders gave up meanwhile.
"""

from __future__ import annotations

from logging import WARNING
from typing import TYPE_CHECKING

from anycast._log import logger
from anycast.redis import _scripts
from anycast.redis._commands import GoneError
from anycast.redis._link import SAFETY, RefusedError, UnreachableError
from anycast.redis._pending_request import RequestState
from anycast.redis._send_errors import outcome_unknown, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anycast._log import BlockingLog
    from anycast.redis._commands import Commands
    from anycast.redis._link import Hints
    from anycast.redis._outbox import Item, Outbox


class SendPump:
    """Carries what is in the outbox to the server, in order.

    Args:
        outbox: what to send.
        commands: how to send it.
        room: where hints that there is room come.
        log: where to tell of senders that block.
        on_closed: called when the channel turns out to be closed; it shuts the outbox.
    """

    def __init__(
        self,
        outbox: Outbox,
        commands: Commands,
        room: Hints,
        log: BlockingLog,
        on_closed: Callable[[], object],
    ) -> None:
        self._outbox = outbox
        self._commands = commands
        self._room = room
        self._log = log
        self._on_closed = on_closed
        self._next = 1
        self._hinted = False
        self._stopping = False

    async def run(self) -> None:
        """Send until `stop` is called.

        Raises:
            UnreachableError: if the server was away for too long.
            GoneError: if the channel is not there any more.
        """
        while not self._stopping:
            if not self._outbox and not self._hinted:
                await self._outbox.wakeup.wait()
            elif not await self._send(*self._outbox.next_batch()) and not self._stopping:
                self._hinted = await self._room.wait(SAFETY)

    def stop(self) -> None:
        """Let `run` return once it knows what became of the messages on the wire."""
        self._stopping = True
        self._outbox.wakeup.set()
        self._room.close()

    async def _send(self, items: list[Item], bodies: list[bytes]) -> bool:
        """Send messages, and return whether there was room for all of it."""
        hinted, self._hinted = self._hinted, False
        try:
            hindrance, stored = await self._commands.run(_scripts.SEND, self._next, hinted, *bodies)
        except RefusedError as error:
            self._outbox.fail(items, refused(error))
            return True
        except UnreachableError as error:
            self._outbox.fail(items, outcome_unknown(error))
            raise
        except GoneError as error:
            self._outbox.fail(items, refused(error))
            raise
        self._next += stored
        self._outbox.settle_batch(items, stored)
        if hindrance == b"closed":
            self._on_closed()
        self._log_blocking(items)
        return bool(hindrance != b"full")

    def _log_blocking(self, items: Iterable[Item]) -> None:
        """Log which senders go on, and which must wait."""
        for item in items:
            if item.blocked and item.state is RequestState.DONE:
                self._log.resumed(item.sender)
            elif not item.blocked and item.state is RequestState.QUEUED:
                item.blocked = True
                if logger.isEnabledFor(WARNING):
                    self._log.blocked(item.sender)
