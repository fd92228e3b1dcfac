"""The demo that ``python -m anycast`` runs on every installed backend.

The demo has four parts. The first part has two senders and two receivers, and shows each message
when the message is sent and when it is received. The second part shows the same for a broadcast
channel with a fast and two slow receivers. The third part sends many more messages, and prints a
table with the share of each receiver. The fourth part cancels senders and receivers at random, and
compares the channel with the queues and channels that are installed.

Each message is a number that is sent once, so the demo counts lost and duplicated messages from the
received numbers.
"""

from __future__ import annotations

# ruff: noqa: T201  a demo prints
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anycast._demo._broadcast import EXPLANATION, BroadcastRun
from anycast._demo._ctrl_c import CtrlC, Interrupted
from anycast._demo._options import parse
from anycast._demo._pipes import KINDS, OURS
from anycast._demo._progress import Progress
from anycast._demo._run import Run
from anycast._demo._spoken import SpokenRun
from anycast._demo._storm import StormRun
from anycast._demo._summary import heading, storm_summary, summary, verdict
from anycast._demo._terminal import wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anycast._demo._options import Plan, Wish

__all__ = ["main"]

FAULTY = 1
INTERRUPTED = 130  # the exit code that shells report after SIGINT: 128 + 2
UNREAD = 141  # the exit code that shells report after SIGPIPE: 128 + 13


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo as the main program of a process.

    The handler of Ctrl-C is replaced, and stays replaced after the demo.

    Args:
        arguments: the command line; by default the command line of the process.

    Returns:
        The exit code: 0; 1 if a channel lost a message or delivered a message twice; 130 after
        Ctrl-C; 141 if the reader of the output closed the output before the end, as ``head`` does.

    Raises:
        SystemExit: with code 2 if an option is wrong, and 0 after ``--help`` or ``--version``.
    """
    ctrl_c = CtrlC()
    # Hide the warnings of blocked senders: the demo itself shows that a sender must wait.
    logging.getLogger("anycast").setLevel(logging.ERROR)
    wish = parse(arguments)
    code = UNREAD
    try:
        if wish.redis is not None:
            from anycast._demo._on_redis import run_on_redis  # noqa: PLC0415  needs the extra

            code = run_on_redis(wish.redis, wish.backends, wish.plan, ctrl_c)
        else:
            code = _run_in_memory(wish, ctrl_c)
        sys.stdout.flush()
    except* Interrupted:
        print("Interrupted.", file=sys.stderr)
        code = INTERRUPTED
    except* BrokenPipeError:
        # Python flushes stdout at exit: redirect stdout, so that this flush succeeds.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return code


def _run_in_memory(wish: Wish, ctrl_c: CtrlC) -> int:
    """Run the parts of the demo, and return the exit code."""
    small: list[Run] = [SpokenRun(backend) for backend in wish.backends]
    news: list[Run] = [BroadcastRun(backend) for backend in wish.backends]
    print(wrapped(heading(small[0].plan)), flush=True)
    _run_aloud(small, ctrl_c)
    print("", wrapped(f"A broadcast: {heading(news[0].plan)}"), sep="\n")
    print(wrapped(EXPLANATION), flush=True)
    _run_aloud(news, ctrl_c)
    large = _run_at_length(wish.backends, wish.plan, ctrl_c)
    print("", *summary(large), sep="\n", flush=True)
    storms = _run_storms(wish, ctrl_c)
    ours = [*small, *news, *large, *(run for run in storms if run.contender == OURS)]
    print("", *storm_summary(storms), "", verdict(ours), sep="\n")
    return FAULTY if any(run.lost or run.duplicated for run in ours) else 0


def _run_aloud(runs: Sequence[Run], ctrl_c: CtrlC) -> None:
    """Run the first or the second part on each backend, and show every message."""
    for run in runs:
        print(f"\non {run.backend}", flush=True)
        run.start(tick=lambda: ctrl_c.pressed)
        ctrl_c.check()


def _run_at_length(backends: Sequence[str], plan: Plan, ctrl_c: CtrlC) -> list[Run]:
    """Run the third part, with the plan of the options, on each backend; show the progress."""
    runs = [Run(backend, plan) for backend in backends]
    print("", wrapped(heading(plan)), sep="\n", flush=True)
    for run in runs:
        with Progress(run) as progress:
            run.start(tick=partial(_show_and_ask, progress, ctrl_c))
        ctrl_c.check()
    return runs


def _run_storms(wish: Wish, ctrl_c: CtrlC) -> list[StormRun]:
    """Run the fourth part for each kind of channel on each backend."""
    runs = [
        StormRun(kind, backend, wish.plan.messages, wish.seed)
        for backend in wish.backends
        for kind in KINDS[backend]
    ]
    print("", wrapped(f"A storm: {heading(runs[0].plan)}"), sep="\n")
    again = f"{runs[0].cancellations:,} times a task is cancelled, and starts anew"
    print(wrapped(again), flush=True)
    for run in runs:
        run.start(tick=lambda: ctrl_c.pressed)
        ctrl_c.check()
    return runs


def _show_and_ask(progress: Progress, ctrl_c: CtrlC) -> bool:
    progress.show()
    return ctrl_c.pressed
