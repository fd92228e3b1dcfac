"""Small programs whose tasks select among operations of two channels, or merge them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import invariants
from anycast import (
    Anycast,
    Operation,
    ReceiverClosedError,
    ReceiverStoppedError,
    SenderError,
    merge,
    select,
)
from combinations import same
from helpers import drain
from ledger import Ledger
from programs import Destroyed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anycast._anycast.core import Core
    from programs import Setup

SELECTS = {
    "x": (("s", "a"), ("r", "b")),
    "y": (("r", "a"), ("s", "b")),
    "z": (("r", "a"), ("r", "b")),
    "w": (("s", "a"), ("s", "b")),
    "v": (("s", "a"), ("r", "a")),
    "d": (("r", "a"), ("r", "a")),
}


def pair(name: str, message: int) -> tuple[str, int]:
    """Make a message that shows from which channel the message came."""
    return name, message


class Side:
    """A channel, and the account of its messages."""

    def __init__(self, setup: Setup) -> None:
        self.channel = Anycast[int](limit=setup.limit, yield_every=setup.yield_every)
        self.sender = self.channel.new_sender()
        self.receiver = self.channel.new_receiver()
        self.ledger = Ledger(self.channel)
        self.sent: list[int] = []  # as recorded by the tasks, here and below
        self.received: list[int] = []

    def check(self, unsure: set[int]) -> None:
        """Check, when all tasks have ended, that each message is accounted for."""
        assert not any(self.channel._core.queues())
        assert not self.sender.waiters  # type: ignore[attr-defined]
        assert not self.receiver.waiters  # type: ignore[attr-defined]
        received = [*self.received, *drain(self.channel.new_receiver())]
        self.ledger.check()
        assert sorted(received) == sorted(self.ledger.received) == sorted(self.ledger.sent)
        assert set(self.sent) <= set(self.ledger.sent) <= {*self.sent, *unsure}


class SelectProgram:
    """Two channels, and tasks that each follow a script of one letter per `select`.

    ``s`` and ``r`` send to and receive from the first channel, without a `select`, and ``m``
    receives from both through a `merge`. ``n`` receives from both through a map of that
    merge, and from the second channel through a merge as well, in a `merge`.
    """

    def __init__(self, setup: Setup, _: Callable[[], Awaitable[None]]) -> None:
        self._sides = {"a": Side(setup), "b": Side(setup)}
        self._messages = 0
        self._destroyed = Destroyed()
        self._cut_off = False  # whether a receiver was closed before the end of its channel
        first = self._sides["a"]
        paired = [side.receiver.map(partial(pair, name)) for name, side in self._sides.items()]
        self._merged = merge(*paired)
        self._nested = merge(self._merged.map(same), merge(paired[1]))
        self.endings = [
            *(side.channel.close for side in self._sides.values()),
            first.sender.close,
            self._close_receiver,
        ]

    async def run(self, script: str, _: int) -> None:
        """Do the operations of a task, until an operation finds a channel or an endpoint closed."""
        try:
            for letter in script:
                if letter in SELECTS:
                    await self._select(SELECTS[letter])
                elif letter in "mn":
                    receiver = self._merged if letter == "m" else self._nested
                    with self._destroyed.noting():
                        name, message = await receiver.receive()
                    self._sides[name].received.append(message)
                else:
                    await self._plain(letter)
        except ReceiverStoppedError as error:
            self._check_reason(error)
        except SenderError:
            pass

    def close(self) -> None:
        """Close what is still open, so that every task ends."""
        for side in self._sides.values():
            side.channel.close()

    def drain(self) -> None:
        """Take no message: no task joins."""

    @property
    def ledgers(self) -> list[tuple[Core[int], Ledger]]:
        """The ledger of the core of each channel."""
        return [(side.channel._core, side.ledger) for side in self._sides.values()]

    def watch(self) -> None:
        """Check what must hold between any two steps."""
        for side in self._sides.values():
            invariants.check(side.channel._core, extra=self._destroyed.tasks)

    def check(self) -> None:
        """Check, when all tasks have ended, that each message is accounted for."""
        self.watch()
        for side in self._sides.values():
            side.check(self._destroyed.messages)

    def _close_receiver(self) -> None:
        side = self._sides["a"]
        self._cut_off |= not side.channel._core.ended
        side.receiver.close()

    def _check_reason(self, error: ReceiverStoppedError[Any]) -> None:
        """Check that an error tells a receiver that was closed from a channel that has ended."""
        closed = type(error) is ReceiverClosedError
        assert closed or type(error) is ReceiverStoppedError
        end = getattr(error.receiver, "closed", None)
        if end is not None:
            assert closed == end
        elif not self._destroyed.tasks:  # a merge: see `MergeOperation`
            receiver: Any = self._sides["a"].receiver
            assert self._cut_off <= closed <= receiver.closed

    def _message(self) -> int:
        self._messages += 1
        return self._messages

    async def _plain(self, letter: str) -> None:
        side = self._sides["a"]
        if letter == "s":
            message = self._message()
            with self._destroyed.noting([message]):
                await side.sender.send(message)
            side.sent.append(message)
        else:
            with self._destroyed.noting():
                side.received.append(await side.receiver.receive())

    async def _select(self, names: tuple[tuple[str, str], ...]) -> None:
        message = self._message()
        operations: list[Operation[int | None]] = []
        for action, name in names:
            side = self._sides[name]
            operations.append(
                side.sender.sending(message) if action == "s" else side.receiver.receiving()
            )
        with self._destroyed.noting([message]):
            done = await select(*operations)
        action, name = names[operations.index(done)]
        received = done.result()
        side = self._sides[name]
        if action == "s":
            side.sent.append(message)
        else:
            assert received is not None
            side.received.append(received)
