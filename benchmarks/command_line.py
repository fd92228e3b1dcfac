"""What the command lines of all benchmarks share."""

from __future__ import annotations

import argparse
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WIDTH = 170  # where there is no terminal
LINES = 20  # of progress there


def positive(text: str) -> int:
    """Return a number of at least 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be >= 1, not {text}")
    return int(text)


def regex(text: str) -> re.Pattern[str]:
    """Return a compiled regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"must be a regular expression: {error}") from None


def make_console() -> Console:
    """Return where to print, wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


@contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    """Show how far it is; what is given is to be called before each step, with its name."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    # Drawn between the steps and by no thread, so that it takes no time from them.
    with Progress(*columns, console=console, auto_refresh=False) as bar:
        task = bar.add_task("", total=total)

        def step(what: str) -> None:
            done = int(bar.tasks[task].completed)
            if not console.is_terminal and done % max(total // LINES, 1) == 0:
                console.print(f"{done} of {total}: {what}")
            bar.update(task, description=what, advance=1, refresh=True)

        yield step
