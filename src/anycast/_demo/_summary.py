"""The texts about a plan and its runs: heading, table and verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anycast._demo._terminal import BAD, BOLD, GOOD, columns, paint, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anycast._demo._options import Plan
    from anycast._demo._run import Run
    from anycast._demo._storm import StormRun

HEADINGS = (
    "backend",
    "messages",
    "seconds",
    "per second",
    "lost",
    "duplicated",
    "receivers' shares, %",
)
STORM_HEADINGS = ("channel", "backend", "per second", "lost", "duplicated")
LEGEND = (
    "lost: a receive that took the message was cancelled",
    "duplicated: a send that delivered the message was cancelled, and so repeated",
)
FAULTS = ("lost", "duplicated")  # in colour: green for 0, red for more
SHARES = 4  # receivers' shares per line of the table


def heading(plan: Plan) -> str:
    """Return a sentence that describes the plan."""
    counts = {"message": plan.messages, "sender": plan.senders, "receiver": plan.receivers}
    words = [f"{count:,} {word}{'s' * (count != 1)}" for word, count in counts.items()]
    return ", ".join([*words, f"limit {plan.limit}"])


def summary(runs: Sequence[Run]) -> list[str]:
    """Return the lines of a table with a row for each run."""
    return table([HEADINGS, *(line for run in runs for line in _lines(run))])


def storm_summary(runs: Sequence[StormRun]) -> list[str]:
    """Return the lines of a table with a row for each run of the storm."""
    rows = [
        (
            run.contender,
            run.backend,
            f"{run.plan.messages / run.seconds:,.0f}",
            f"{run.lost:,}",
            f"{run.duplicated:,}",
        )
        for run in runs
    ]
    return [*table([STORM_HEADINGS, *rows]), "", *map(wrapped, LEGEND)]


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table; the first row has the headings.

    Words are aligned to the left, and numbers to the right. If the terminal is too narrow for the
    table, each cell is a line of its own, after the heading.
    """
    headings, *others = rows
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + 2 * (len(widths) - 1) > columns():
        return _one_above_the_other(headings, others)
    numeric = [all(map(_is_number, column)) for column in zip(*others, strict=True)]
    shape = list(zip(headings, widths, numeric, strict=True))
    rule = tuple("-" * width for width in widths)
    return [_aligned(row, shape) for row in (headings, rule, *others)]


def verdict(runs: Sequence[Run]) -> str:
    """Return a sentence that says whether each message of the runs was received once."""
    lost, duplicated = sum(run.lost for run in runs), sum(run.duplicated for run in runs)
    if lost or duplicated:
        return paint(wrapped(f"anycast is FAULTY: {lost:,} lost, {duplicated:,} duplicated."), BAD)
    return paint(wrapped("anycast: nothing was lost, and nothing came twice."), GOOD)


def _lines(run: Run) -> list[tuple[str, ...]]:
    """Return the lines of a run's row: a line has room for `SHARES` shares, more lines follow."""
    shares = [f"{100 * received / run.plan.messages:4.1f}" for received in run.received]
    first, *others = (" ".join(shares[at : at + SHARES]) for at in range(0, len(shares), SHARES))
    messages = run.plan.messages
    cells = (
        run.backend,
        f"{messages:,}",
        f"{run.seconds:.2f}",
        f"{messages / run.seconds:,.0f}",
        f"{run.lost:,}",
        f"{run.duplicated:,}",
    )
    return [(*cells, first), *(("",) * len(cells) + (other,) for other in others)]


def _is_number(cell: str) -> bool:
    return not cell.strip("0123456789,.")


def _aligned(row: Sequence[str], shape: Sequence[tuple[str, int, bool]]) -> str:
    cells = [
        _painted(heading, cell, f"{cell:{'>' if number else '<'}{width}}")
        for cell, (heading, width, number) in zip(row, shape, strict=True)
    ]
    return "  ".join(cells).rstrip()


def _one_above_the_other(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    width = max(map(len, headings))
    lines: list[str] = []
    for row in rows:
        for heading, cell in zip(headings, row, strict=True):
            fits = width + 2 + len(cell) <= columns()
            start = f"{heading:{width}}  " if fits else f"{heading}\n  "
            lines += [start + _painted(heading, cell, cell)] * bool(cell)
        lines.append("")
    return lines[:-1]


def _painted(heading: str, cell: str, text: str) -> str:
    """Return the text of a cell, in a colour if the cell counts faults."""
    if heading == cell:
        return paint(text, BOLD)
    if heading in FAULTS and cell and _is_number(cell):
        return paint(text, GOOD if cell == "0" else BAD)
    return text
