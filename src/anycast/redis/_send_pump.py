"""The task that carries messages to the server.

One batch is in flight at a time, and the pump repeats the batch until the outcome is known. So the
messages of this process are numbered without gaps. Only while no try can have run, a task may take
its messages out of the batch. The server keeps the number of the last message that it stored for
this process, and stores each message once, however often a batch arrives. Each try has a number,
too. A try that arrives after a later try has no effect: messages that found no room may be
withdrawn by then, and other messages then have their numbers.

When the channel is full, the pump waits for a hint that there is room. The hint that the pump
takes may be meant for other processes, too: the script passes the hint on if room is left. If all
senders gave up in the meantime, the pump passes the hint on by a script without messages. The same
script takes back the note for operators that senders of this process are blocked.
"""

from __future__ import annotations

from logging import WARNING
from typing import TYPE_CHECKING

from anycast._log import logger
from anycast.redis import _scripts
from anycast.redis._commands import GoneError
from anycast.redis._link import (
    SAFETY,
    RefusedError,
    UnavailableError,
    UnreachableError,
    WritesRefusedError,
)
from anycast.redis._outbox import Flight
from anycast.redis._pending_request import RequestState
from anycast.redis._send_errors import outcome_unknown, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anycast._log import BlockingLog
    from anycast.redis._commands import Commands
    from anycast.redis._link import Hints
    from anycast.redis._outbox import Item, Outbox
    from anycast.redis._retries import Retries


class EmptyError(Exception):
    """Every task has left a batch, and the pump stops."""


class SendPump:
    """Carries the messages of the outbox to the server, in order.

    Args:
        outbox: holds the messages.
        commands: run the script that sends.
        room: brings hints that there is room.
        log: for senders that block.
        on_closed: called when the server answers that the channel is closed; shuts the outbox.
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
        # The number of the next message.
        self._next = 1
        # Whether the pump took a hint that is neither used nor passed on yet.
        self._hinted = False
        # Whether the server may have a note that senders of this process are blocked.
        self._noted = False
        self._stopping = False

    async def run(self) -> None:
        """Send until `stop` is called.

        Raises:
            UnreachableError: if the server was away for too long.
            GoneError: if the server lost the channel.
        """
        while not self._stopping:
            if not self._outbox and not self._hinted and not self._noted:
                # `Outbox.put` and `stop` wake the pump.
                await self._outbox.wakeup.wait()
            elif not await self._send(Flight(self._outbox)) and not self._stopping:
                # Full: a hint, `stop` or the time wakes the pump, which then tries again.
                self._hinted = await self._room.wait(SAFETY)

    def stop(self) -> None:
        """Let `run` return once the outcome of the batch that is being sent is known."""
        self._stopping = True
        self._outbox.wakeup.set()
        self._room.close()

    async def _send(self, flight: Flight) -> bool:
        """Send messages, and return whether there was room for all of them."""
        hinted, self._hinted = self._hinted, False
        noted, self._noted = self._noted, False

        def compose() -> Iterable[bytes | float]:
            batch, waiting = flight.batch(), len(self._outbox)
            sizes = waiting, len(batch.headers) // 2
            return self._next, hinted, noted, *sizes, *batch.headers, *batch.bodies

        def not_run(retries: Retries) -> bool:
            if flight.cancel():
                return True
            if self._stopping:
                raise EmptyError
            # The tries go on without messages: the log tells when the server is back. Messages that
            # come later have their own time.
            flight.refill()
            retries.restart()
            return False

        try:
            obstacle, stored = await self._commands.run_in_order(_scripts.SEND, compose, not_run)
        except EmptyError:
            return True
        except (RefusedError, WritesRefusedError) as error:
            # Only these messages fail: the server works, and may store later messages.
            self._outbox.fail(flight.batch().items, refused(error))
            return True
        except (UnavailableError, GoneError) as error:
            # The server has certainly not stored the messages.
            self._outbox.fail(flight.batch().items, refused(error))
            raise
        except UnreachableError as error:
            self._outbox.doubt(flight.batch().items, outcome_unknown(error))
            raise
        items = flight.batch().items
        # The stored messages keep their numbers, and the unsent messages get the next numbers
        # again.
        self._next += stored
        self._outbox.settle_batch(items, stored)
        if obstacle == b"closed":
            self._on_closed()
        full: bool = obstacle == b"full"
        self._noted = full
        self._log_blocking(items, full=full)
        return not full

    def _log_blocking(self, items: Iterable[Item], *, full: bool) -> None:
        """Log which senders are blocked now, and which blocked senders go on."""
        for item in items:
            if item.blocked and item.state is RequestState.DONE:
                self._log.resumed(item.sender)
            elif full and not item.blocked and item.state is RequestState.QUEUED:
                item.blocked = True
                if logger.isEnabledFor(WARNING):
                    self._log.blocked(item.sender)
