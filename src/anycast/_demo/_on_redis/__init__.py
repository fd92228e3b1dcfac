"""The demo that ``python -m anycast --redis`` runs: a channel, many processes, and a crash.

Some processes send messages, and workers receive the messages. In the middle the demo kills a
worker that has messages in hand, as a crash would, and starts a new worker in its place. The server
delivers these messages again, to other workers. Each message is a number that is sent once, so the
demo counts lost and repeated messages from the numbers that the workers report.
"""

from __future__ import annotations

# ruff: noqa: T201  a demo prints
import signal
from typing import TYPE_CHECKING

from anycast._demo._on_redis._crew import CrewRun
from anycast._demo._on_redis._server import serving
from anycast._demo._progress import Progress
from anycast._demo._summary import table
from anycast._demo._terminal import BAD, GOOD, paint, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anycast._demo._ctrl_c import CtrlC
    from anycast._demo._options import Plan

FAULTY = 1
HEADINGS = ("backend", "sent", "processed", "seconds", "killed", "lost", "delivered again")


def run_on_redis(url: str, backends: Sequence[str], plan: Plan, ctrl_c: CtrlC) -> int:
    """Run on each backend, and return the exit code.

    Args:
        url: the URL of the server; if empty, a server is started.
        backends: where to run.
        plan: the numbers of messages and of processes, and the limit.
        ctrl_c: ends the run early when Ctrl-C is pressed.

    Raises:
        Interrupted: if Ctrl-C was pressed. Every process that was started is stopped.
        SystemExit: if a server could not be found, started or reached, or if a process failed.
            The error is printed.
    """
    signal.signal(signal.SIGTERM, ctrl_c.press)  # stop all processes after SIGTERM, too
    runs: list[CrewRun] = []
    with serving(url) as server:
        processes = f"processes: {plan.senders} that send, {plan.receivers} that work"
        print(wrapped(f"{plan.messages:,} messages, {processes}, on {server.what}"))
        again = "One worker is killed with messages in hand; they are delivered again."
        print(wrapped(again), flush=True)
        for backend in backends:
            run = CrewRun(backend, plan, server.url)
            run.look()
            runs.append(run)
            with Progress(run) as progress:
                run.start(progress, ctrl_c)
            ctrl_c.check()
    print("", *table([HEADINGS, *(run.row for run in runs)]), "", sep="\n")
    lost = sum(run.lost for run in runs)
    print(paint(f"FAULTY: {lost:,} lost.", BAD) if lost else paint("Nothing was lost.", GOOD))
    return FAULTY if lost else 0
