"""A small run that shows each message as it is sent and received."""

from __future__ import annotations

# ruff: noqa: T201  a demo prints
from typing import TYPE_CHECKING

from anyio import WouldBlock

from anycast._demo._options import Plan
from anycast._demo._run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast._interface.sender import Sender

PLAN = Plan(messages=6, senders=2, receivers=2, limit=1)
HEADINGS = ("sender A", "sender B", "receiver 1", "receiver 2")
WIDTH = 18  # the width of a column, in characters


class SpokenRun(Run):
    """A run of two senders and two receivers, each with a column of the output."""

    def __init__(self, backend: str) -> None:
        super().__init__(backend, PLAN)

    def start(self, tick: Callable[[], bool]) -> None:
        print("".join(f"  {heading:{WIDTH - 2}}" for heading in HEADINGS).rstrip(), flush=True)
        super().start(tick)

    async def _send(self, sender: Sender[int], message: int) -> None:
        column = message % PLAN.senders
        try:
            sender.send_nowait(message)
        except WouldBlock:
            _say(column, f"{_name(message)} must wait")
            await sender.send(message)
        _say(column, f"{_name(message)} sent")

    def _count(self, number: int, message: int) -> None:
        super()._count(number, message)
        _say(PLAN.senders + number, f"{_name(message)} received")


def _name(message: int) -> str:
    """Return the name of a message: the letter of the sender, and a count from 1."""
    return f"{'AB'[message % PLAN.senders]}{message // PLAN.senders + 1}"


def _say(column: int, text: str) -> None:
    """Print the text in the column of a task, and flush the output."""
    print(" " * (2 + WIDTH * column) + text, flush=True)
