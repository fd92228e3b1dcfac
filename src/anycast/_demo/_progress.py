"""How far a run has come."""

from __future__ import annotations

# ruff: noqa: T201  a demo prints
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from anycast._demo._options import Plan

BAR = 24  # characters
PLAIN_LINES = 4  # at most


class Running(Protocol):
    """What is to be told of a run of any kind."""

    backend: str
    plan: Plan
    received: list[int]


class Progress:
    """On a terminal a line that is drawn anew, elsewhere a plain line for each quarter.

    Args:
        run: what to look at.
    """

    def __init__(self, run: Running) -> None:
        self._run = run
        self._plain_lines = 0
        self._in_place = sys.stderr.isatty()

    def show(self) -> None:
        """Tell how far the run is, if that is news."""
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
        """Tell how far it came, and leave the line."""
        self.show()
        if self._in_place:
            print(file=sys.stderr)

    def __str__(self) -> str:
        done, most = sum(self._run.received), self._run.plan.messages
        bar = "#" * (BAR * done // most)
        return (
            f"  {self._run.backend:8} [{bar:.<{BAR}}] {100 * done // most:3} %"
            f"  {done:{len(f'{most:,}')},} of {most:,}"
        )
