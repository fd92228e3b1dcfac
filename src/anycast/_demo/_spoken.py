"""A small run that shows each message as it is sent and received."""

from __future__ import annotations

# ruff: noqa: T201  a demo prints
from typing import TYPE_CHECKING

from anyio import WouldBlock

from anycast._demo._options import Plan
from anycast._demo._run import Run
from anycast._demo._terminal import BOLD, columns, paint

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast._interface.sender import Sender

PLAN = Plan(messages=6, senders=2, receivers=2, limit=1)
HEADINGS = ("sender A", "sender B", "receiver 1", "receiver 2")
WIDTH = 18  # the width of a column, in characters; less if the terminal is narrow
LEAST_WIDTH = 14  # if the terminal is narrower still, each line begins with its heading


class SpokenRun(Run):
    """A run of two senders and two receivers, each with a column of the output."""

    def __init__(self, backend: str) -> None:
        super().__init__(backend, PLAN)
        self._width = min(WIDTH, (columns() - 1) // len(HEADINGS))

    def start(self, tick: Callable[[], bool]) -> None:
        if self._width >= LEAST_WIDTH:
            line = "".join(f"  {heading:{self._width - 2}}" for heading in HEADINGS).rstrip()
            print(paint(line, BOLD), flush=True)
        super().start(tick)

    async def _send(self, sender: Sender[int], message: int) -> None:
        column = message % PLAN.senders
        try:
            sender.send_nowait(message)
        except WouldBlock:
            self._say(column, f"{_name(message)} must wait")
            await sender.send(message)
        self._say(column, f"{_name(message)} sent")

    def _count(self, number: int, message: int) -> None:
        super()._count(number, message)
        self._say(PLAN.senders + number, f"{_name(message)} received")

    def _say(self, column: int, text: str) -> None:
        """Print the text in the column of a task, and flush the output."""
        if self._width >= LEAST_WIDTH:
            print(" " * (2 + self._width * column) + text, flush=True)
        else:
            print(f"{HEADINGS[column]}: {text}", flush=True)


def _name(message: int) -> str:
    """Return the name of a message: the letter of the sender, and a count from 1."""
    return f"{'AB'[message % PLAN.senders]}{message // PLAN.senders + 1}"
