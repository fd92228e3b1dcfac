"""Texts for a terminal: numbers with their units, tables, and lines that fit."""

from __future__ import annotations

import math
from shutil import get_terminal_size
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The units of a duration: the largest unit is used of which there are at least two.
UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
DOTS = "..."
# Lines are never shortened to fewer columns.
NARROWEST = 20


def bounded(count: int, limit: float | None) -> str:
    """Return a number and its bound; None and `math.inf` are no bound."""
    return f"{count}, no limit" if limit in {None, math.inf} else f"{count} of {limit}"


def duration(seconds: float | None) -> str:
    """Return a number of seconds in a unit that fits."""
    if seconds is None:
        return "none"
    for length, unit in UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.3g} s" if 0 < seconds < 1 else f"{seconds:.0f} s"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Return the lines of a table, with the columns side by side."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def shortened(line: str) -> str:
    """Return a line that fits into the terminal, with dots if the end is missing."""
    columns = max(NARROWEST, get_terminal_size().columns)
    if sum(map(_width, line)) <= columns:
        return line
    room, at = columns - len(DOTS), 0
    while room >= _width(line[at]):
        room, at = room - _width(line[at]), at + 1
    return line[:at] + DOTS


def _width(character: str) -> int:
    """Return how many columns of a terminal a character takes."""
    return 2 if east_asian_width(character) in {"W", "F"} else 1
