"""Helpers that run the demo, and read its output."""

from __future__ import annotations

import re
from importlib.util import find_spec

from anycast._demo import main

BACKENDS = [name for name in ("asyncio", "trio", "uvloop") if find_spec(name)]


def run(*arguments: object) -> int:
    """Run the demo, with few messages unless the arguments say otherwise."""
    return main(["--messages", "40", *map(str, arguments)])


def row(output: str, backend: str) -> list[str]:
    """Return the cells of a backend's row of the summary, a cell for each share."""
    (line,) = (line for line in table(output, 1) if line.startswith(f"{backend} "))
    return line.split()


def storm_rows(output: str) -> list[list[str]]:
    """Return the cells of the rows of the storm: channel, backend, speed, lost, duplicated."""
    return [re.split(r" {2,}", line) for line in table(output, 2)]


def table(output: str, number: int) -> list[str]:
    """Return the lines of a table, the first of which has number 1, without the headings."""
    rows = re.split(r"\n-------.*\n", output)[number]
    return rows.partition("\n\n")[0].splitlines()
