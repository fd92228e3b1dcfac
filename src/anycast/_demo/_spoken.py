"""A small run that shows each message when it is sent and when it is received."""

from __future__ import annotations

# ruff: noqa: T201  a demo prints
from typing import TYPE_CHECKING

from anyio import WouldBlock

from anycast._demo._options import Plan
from anycast._demo._run import Run
from anycast._demo._terminal import BOLD, columns, paint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anycast._interface.sender import Sender

PLAN = Plan(messages=6, senders=2, receivers=2, limit=1)
HEADINGS = ("sender A", "sender B", "receiver 1", "receiver 2")
WIDTH = 18  # the width of a column, in characters; less if the terminal is narrow
LEAST_WIDTH = 14  # if the terminal is narrower still, each line begins with its heading


class SpokenRun(Run):
    """A run in which each sender and each receiver has a column of the output.

    Args:
        backend: where to run; a key of `BACKENDS`.
        plan: the numbers of messages and of tasks, and the limit.
        headings: of the columns: first the senders, then the receivers.
    """

    def __init__(self, backend: str, plan: Plan = PLAN, headings: Sequence[str] = HEADINGS) -> None:
        super().__init__(backend, plan)
        self._headings = headings
        self._width = min(WIDTH, (columns() - 1) // len(headings))

    def start(self, tick: Callable[[], bool]) -> None:
        if self._width >= LEAST_WIDTH:
            line = "".join(f"  {heading:{self._width - 2}}" for heading in self._headings).rstrip()
            print(paint(line, BOLD), flush=True)
        super().start(tick)

    async def _send(self, sender: Sender[int], message: int) -> None:
        column, name = message % self.plan.senders, self._name(message)
        try:
            sender.send_nowait(message)
        except WouldBlock:
            self._say(column, f"{name} must wait")
            await sender.send(message)
        self._say(column, f"{name} sent")

    def _count(self, number: int, message: int) -> None:
        super()._count(number, message)
        self._say(self.plan.senders + number, f"{self._name(message)} received")

    def _say(self, column: int, text: str) -> None:
        """Print the text in the column of a task, and flush the output."""
        if self._width >= LEAST_WIDTH:
            print(" " * (2 + self._width * column) + text, flush=True)
        else:
            print(f"{self._headings[column]}: {text}", flush=True)

    def _name(self, message: int) -> str:
        """Return the name of a message: the letter of the sender, and a count from 1."""
        senders = self.plan.senders
        return f"{'AB'[message % senders]}{message // senders + 1}"
