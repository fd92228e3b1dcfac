"""What the terminal of the demo can show: colours, and the number of characters in a line."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap

GOOD, BAD, BOLD = "32", "1;31", "1"  # parameters of the escape sequence for colours


def columns() -> int:
    """Return the width of the terminal, or 80 if the output is not a terminal."""
    return shutil.get_terminal_size().columns


def wrapped(text: str) -> str:
    """Return a text in lines that fit the terminal, of at most 80 characters."""
    return textwrap.fill(text, min(columns(), 80))


def paint(text: str, colour: str) -> str:
    """Return a text in a colour, or the plain text if the output has no colours.

    The output has colours if it is a terminal, and if the variable ``NO_COLOR`` of the environment
    is empty.
    """
    return f"\x1b[{colour}m{text}\x1b[0m" if _has_colours() else text


def _has_colours() -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()
