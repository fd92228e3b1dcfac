"""The progress of a run, on the standard error stream."""

from __future__ import annotations

# ruff: noqa: T201  a demo prints
import sys
from typing import TYPE_CHECKING, Protocol

from anycast._demo._terminal import columns

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from anycast._demo._options import Plan

BAR = 24  # characters; fewer if the terminal is narrow
PLAIN_LINES = 4  # at most this many lines, where the stream is not a terminal


class Running(Protocol):
    """The part of a run that `Progress` shows."""

    backend: str
    plan: Plan
    received: list[int]


class Progress:
    """Shows the progress: a line that is updated in place, or a plain line for each quarter.

    A terminal gets the updated line, and any other stream gets the plain lines.

    Args:
        run: the run to show.
    """

    def __init__(self, run: Running) -> None:
        self._run = run
        self._plain_lines = 0
        self._in_place = sys.stderr.isatty()

    def show(self) -> None:
        """Show the progress: always on a terminal, else at each new quarter."""
        plain_lines = PLAIN_LINES * sum(self._run.received) // self._run.plan.messages
        if self._in_place:
            print(f"\r{self}", end="", file=sys.stderr, flush=True)
        elif plain_lines > self._plain_lines:
            print(self, file=sys.stderr, flush=True)
        self._plain_lines = plain_lines

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Show the last state, and end the line of a terminal."""
        self.show()
        if self._in_place:
            print(file=sys.stderr)

    def __str__(self) -> str:
        done, most = sum(self._run.received), self._run.plan.messages
        percent = 100 * done // most
        counts = f"{percent:3} %  {done:{len(f'{most:,}')},} of {most:,}"
        start = f"  {self._run.backend:8} "
        width = min(BAR, columns() - len(start) - len(counts) - 4)  # brackets, a space, the cursor
        if width < 1:
            return start + counts
        bar = "#" * (width * done // most)
        return f"{start}[{bar:.<{width}}] {counts}"
