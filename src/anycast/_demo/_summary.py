"""The texts about a plan and its runs: heading, table and verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anycast._demo._options import Plan
    from anycast._demo._run import Run

HEADINGS = (
    "backend",
    "messages",
    "seconds",
    "per second",
    "lost",
    "duplicated",
    "receivers' shares, %",
)
SHARES = 4  # receivers' shares per line of the table


def heading(plan: Plan) -> str:
    """Return a line that describes the plan."""
    counts = {"message": plan.messages, "sender": plan.senders, "receiver": plan.receivers}
    words = [f"{count:,} {word}{'s' * (count != 1)}" for word, count in counts.items()]
    return ", ".join([*words, f"limit {plan.limit}"])


def summary(runs: Sequence[Run]) -> list[str]:
    """Return the lines of a table with a row for each run."""
    return table([HEADINGS, *(line for run in runs for line in _lines(run))])


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table; the first row has the headings."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    headings, *others = rows
    lines = [headings, tuple("-" * width for width in widths), *others]
    return [_aligned(row, widths) for row in lines]


def verdict(runs: Sequence[Run]) -> str:
    """Return a line that says whether each message of the runs was received once."""
    lost, duplicated = sum(run.lost for run in runs), sum(run.duplicated for run in runs)
    if lost or duplicated:
        return f"FAULTY: {lost:,} lost, {duplicated:,} duplicated."
    return "Nothing was lost, and nothing came twice."


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


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    """Return a row as a line: words are aligned to the left, numbers to the right."""
    name, *numbers, shares = row
    cells = (f"{number:>{width}}" for number, width in zip(numbers, widths[1:-1], strict=True))
    return "  ".join((f"{name:{widths[0]}}", *cells, shares)).rstrip()
