"""The task that fetches messages from the server.

The pump asks only while there is demand. If the server has no message and tasks wait, the pump
waits for a hint. A command that blocks fetches only hints, never messages, so a broken connection
loses a hint at most. A hint that comes when the demand has gone is passed on: the pump asks for
zero messages, and the script TAKE leaves a new hint if messages are there.

The answer that brings messages can be lost, too. So each request has a number, and tells the number
of the last request whose answer has come. If the server has carried out a later request, the answer
to that request was lost, and the server first gives the messages of that request back. A request
that reaches the server late, after a later request, has no effect.

A request bounds the bytes of its answer: `_answer_size` says why.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anyio import move_on_after

from anycast._log import logger
from anycast.redis import _scripts
from anycast.redis._answer_size import AnswerSize
from anycast.redis._delivery import Delivery
from anycast.redis._headers import read_headers
from anycast.redis._holder import LostError
from anycast.redis._link import SAFETY, UnavailableError, UnreachableError
from anycast.redis._printable import printable
from anycast.redis._settlements import LONGEST_LOGGED, log_burial, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anycast.redis._delivery import HeldLeases
    from anycast.redis._holder import Holder
    from anycast.redis._inbox import Inbox
    from anycast.redis._link import Hints
    from anycast.redis._options import Options
    from anycast.redis._retries import Retries
    from anycast.redis._settlements import Settlements

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of the server to a request for messages.

    Args:
        status: "ok", "closed" or "ended".
        wait: after how many seconds to ask again, if no hint comes before.
        came: whether messages came.
    """

    status: bytes
    wait: float
    came: bool


class ReceivePump(Generic[T]):
    """Fills the inbox on demand.

    Args:
        label: the channel's name, for the log.
        inbox: gets the messages, and tells the demand.
        leases: get the messages, too.
        settlements: get the messages that cannot be decoded.
        holder: runs the scripts.
        ready: brings hints that there may be messages.
        options: of the channel.
        give_back: gives a delivery back to the server.
        on_closed: called when the server tells that the channel is closed.
        on_ended: called at the end of the channel.
    """

    def __init__(  # noqa: PLR0913, PLR0917  the pump connects many parts
        self,
        label: str,
        inbox: Inbox[T],
        leases: HeldLeases[T],
        settlements: Settlements,
        holder: Holder,
        ready: Hints,
        options: Options[T],
        give_back: Callable[[Delivery[T]], object],
        on_closed: Callable[[], object],
        on_ended: Callable[[], object],
    ) -> None:
        self._label = label
        self._inbox = inbox
        self._leases = leases
        self._settlements = settlements
        self._holder = holder
        self._ready = ready
        self._options = options
        self._give_back = give_back
        self._on_closed = on_closed
        self._on_ended = on_ended
        # The number of the last request, and the number of the last request that was answered.
        self._requests = 0
        self._answered = 0
        self._size = AnswerSize(options.patience)
        # Whether the server has told that the channel is closed.
        self._closed = False
        self._stopping = False

    async def run(self) -> None:
        """Fetch messages until `stop` is called, or the channel ends.

        Raises:
            UnreachableError, RefusedError, GoneError: as `Commands.run`.
        """
        # Whether the pump took a hint that is neither used nor passed on yet.
        hinted = False
        retries = self._holder.new_retries()
        while not self._stopping:
            for delivery in self._inbox.surplus():
                self._give_back(delivery)
            demand, ahead = self._inbox.wanted()
            if not demand + ahead and not hinted:
                # Receivers wake the pump through the inbox, and so does `stop`.
                with move_on_after(self._inbox.lingers_for):
                    await self._inbox.wakeup.wait()
                continue
            retries.begin()
            try:
                answer = await self._take(demand, ahead)
            except LostError:
                continue
            except UnavailableError as error:
                # The script did not run.
                await retries.pause(error)
                continue
            except UnreachableError as error:
                await self._answer_lost(error, retries)
                continue
            retries.succeed()
            if answer.status == b"ended":
                self._on_ended()
                return
            hinted = False
            if answer.status == b"closed":
                self._closed = True
                self._on_closed()
            self._inbox.set_dry(dry=self._closed and demand > 0 and not answer.came)
            if not answer.came and self._inbox.lacking and not self._stopping:
                hinted = await self._ready.wait(min(SAFETY, answer.wait))

    def stop(self) -> None:
        """Let `run` return."""
        self._stopping = True
        self._inbox.wakeup.set()
        self._ready.close()

    async def _answer_lost(self, error: UnreachableError, retries: Retries) -> None:
        """Prepare another request after an answer that did not come.

        A server that is away answers nothing, and then this raises after the timeout. But a server
        that answers a short script may have sent more than the link can carry.
        """
        with suppress(LostError):
            await self._holder.run(_scripts.RENEW)
        if not self._size.shrink():
            await retries.pause(error)

    async def _take(self, demand: int, ahead: int) -> Answer:
        # Messages that go back come again before newer messages, so the order is kept.
        await self._settlements.give_back_first()
        self._requests += 1
        # The time is read before the script is sent, as `HeldLeases` requires.
        number, since = self._requests, monotonic()
        status, wait, buried, entries = await self._holder.run_once(
            _scripts.TAKE, number, self._answered, demand, ahead, self._size.most, self._closed
        )
        self._answered = number
        self._size.came(monotonic() - since)
        self._leases.renew(since)
        for entry_id, count in zip(buried[::2], buried[1::2], strict=True):
            log_burial(self._label, entry_id, count, "the process died or hung")
        deliveries = [*self._decoded(entries)]
        self._leases.hold(deliveries)
        if self._stopping:
            # The inbox has ended while the script ran.
            for delivery in deliveries:
                self._give_back(delivery)
        else:
            self._inbox.put(deliveries)
        return Answer(status, wait / 1000, bool(entries))

    def _decoded(self, entries: list[Any]) -> Iterator[Delivery[T]]:
        fields = iter(entries)
        for entry_id, body, headers, count in zip(fields, fields, fields, fields, strict=True):
            try:
                message = self._options.codec.decode(body)
                delivery = Delivery(entry_id, message, read_headers(headers), count)
            except Exception as error:  # noqa: BLE001  a codec may raise any exception
                reason = reason_of(error)
                logger.warning(
                    "%s: message %s cannot be decoded, and is given back: %s",
                    self._label,
                    entry_id.decode(),
                    printable(reason[:LONGEST_LOGGED]),
                )
                self._settlements.failed(Delivery(entry_id, None, {}, count), reason)
            else:
                yield delivery
