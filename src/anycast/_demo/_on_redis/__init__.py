"""What ``python -m anycast --redis`` runs: one channel, many processes, and a crash.

Some processes send, others work, and halfway one of the workers is killed, as a crash would;
another takes its place. What was lost or came again is counted from the messages themselves.
"""

from __future__ import annotations

# ruff: noqa: T201  a demo prints
import signal
from typing import TYPE_CHECKING

from anycast._demo._on_redis._crew import CrewRun
from anycast._demo._on_redis._server import serving
from anycast._demo._progress import Progress
from anycast._demo._summary import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anycast._demo._ctrl_c import CtrlC
    from anycast._demo._options import Plan

FAULTY = 1
HEADINGS = ("backend", "sent", "processed", "seconds", "killed", "lost", "delivered again")


def run_on_redis(url: str, backends: Sequence[str], plan: Plan, ctrl_c: CtrlC) -> int:
    """Run on each backend, and return the exit code.

    Args:
        url: the server, or nothing to start one.
        backends: where to run.
        plan: how much, and by how many processes.
        ctrl_c: what ends it early.

    Raises:
        Interrupted: if Ctrl-C was pressed; all that was started is stopped.
        SystemExit: if there is no server to be had, or a process failed, after saying so.
    """
    signal.signal(signal.SIGTERM, ctrl_c.press)  # who asks for less, too, leaves nothing behind
    runs: list[CrewRun] = []
    with serving(url) as server:
        print(
            f"{plan.messages:,} messages, {plan.senders} sending processes,"
            f" {plan.receivers} working ones, on {server.what}",
            flush=True,
        )
        for backend in backends:
            run = CrewRun(backend, plan, server.url)
            run.look()
            runs.append(run)
            with Progress(run) as progress:
                run.start(progress, ctrl_c)
            ctrl_c.check()
    print("", *table([HEADINGS, *(run.row for run in runs)]), "", sep="\n")
    lost = sum(run.lost for run in runs)
    print(f"FAULTY: {lost:,} lost." if lost else "Nothing was lost.")
    return FAULTY if lost else 0
