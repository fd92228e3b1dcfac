"""What ``python -m anycast`` runs: the channel at work on every installed backend.

First two senders and two receivers, each message shown as it is sent and received; then
many more messages, and a table of who got how many. What was lost or came twice is counted
from the messages themselves, each of which is a number that is sent once.
"""

from __future__ import annotations

# ruff: noqa: T201  a demo prints
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anycast._demo._ctrl_c import CtrlC, Interrupted
from anycast._demo._options import parse
from anycast._demo._progress import Progress
from anycast._demo._run import Run
from anycast._demo._spoken import SpokenRun
from anycast._demo._summary import heading, summary, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anycast._demo._options import Plan

__all__ = ["main"]

FAULTY = 1
INTERRUPTED = 130  # what shells report of a program that Ctrl-C ended
UNREAD = 141  # and of one that had more to say than anybody read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo as the main program of a process, whose Ctrl-C it takes over for good.

    Args:
        arguments: the command line; by default that of the process.

    Returns:
        The exit code: 0; 1 if a message was lost or came twice; 130 after Ctrl-C; 141 if its
        output was closed before the end, as by ``head``.

    Raises:
        SystemExit: with code 2 if an option is wrong, and 0 after ``--help``.
    """
    ctrl_c = CtrlC()
    # That senders block is the point of it, and the demo shows it in its own way.
    logging.getLogger("anycast").setLevel(logging.ERROR)
    backends, plan, redis = parse(arguments)
    code = UNREAD
    try:
        if redis is not None:
            from anycast._demo._on_redis import run_on_redis  # noqa: PLC0415  needs the extra

            code = run_on_redis(redis, backends, plan, ctrl_c)
        else:
            code = _run_in_memory(backends, plan, ctrl_c)
        sys.stdout.flush()
    except* Interrupted:
        print("Interrupted.", file=sys.stderr)
        code = INTERRUPTED
    except* BrokenPipeError:
        with Path(os.devnull).open("w") as nowhere:  # or Python would try again as it exits
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return code


def _run_in_memory(backends: Sequence[str], plan: Plan, ctrl_c: CtrlC) -> int:
    """Run both parts, and return the exit code."""
    small = _run_aloud(backends, ctrl_c)
    large = _run_at_length(backends, plan, ctrl_c)
    print("", *summary(large), "", verdict(small + large), sep="\n")
    return FAULTY if any(run.lost or run.duplicated for run in small + large) else 0


def _run_aloud(backends: Sequence[str], ctrl_c: CtrlC) -> list[Run]:
    """Show every message of a small run on each backend."""
    runs: list[Run] = [SpokenRun(backend) for backend in backends]
    print(heading(runs[0].plan), flush=True)
    for run in runs:
        print(f"\non {run.backend}", flush=True)
        run.start(tick=lambda: ctrl_c.pressed)
        ctrl_c.check()
    return runs


def _run_at_length(backends: Sequence[str], plan: Plan, ctrl_c: CtrlC) -> list[Run]:
    """Run what the options ask for on each backend, telling how far it is."""
    runs = [Run(backend, plan) for backend in backends]
    print(f"\n{heading(plan)}", flush=True)
    for run in runs:
        with Progress(run) as progress:
            run.start(tick=partial(_show_and_ask, progress, ctrl_c))
        ctrl_c.check()
    return runs


def _show_and_ask(progress: Progress, ctrl_c: CtrlC) -> bool:
    progress.show()
    return ctrl_c.pressed
