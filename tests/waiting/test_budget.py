"""Each thread has a single budget, for all channels that its tasks use."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import Anycast
from anycast._waiting.budget import Budget, this_thread
from helpers import count_yields

if TYPE_CHECKING:
    from collections.abc import Callable


def in_a_thread(function: Callable[[], object]) -> None:
    """Call a function in a thread of its own."""
    thread = Thread(target=function)
    thread.start()
    thread.join()


def test_a_thread_has_one_budget() -> None:
    """All callers in a thread get the same budget, and another thread has another budget."""
    budgets: list[Budget] = []
    in_a_thread(lambda: budgets.append(this_thread.budget))
    assert this_thread.budget is this_thread.budget
    assert budgets[0] is not this_thread.budget


def test_a_channel_that_yields_in_another_thread() -> None:
    """The channel counts in the budget of that thread from then on."""
    channel = Anycast[int](yield_every=2)
    core = channel._core
    this_thread.budget.spent = 2
    counts: list[object] = []

    async def send() -> None:
        sender = channel.new_sender()
        counts.extend([await count_yields(sender.send(number)) > 0 for number in range(4)])
        counts.append(core.budget is this_thread.budget)

    in_a_thread(lambda: anyio.run(send))
    assert counts == [True, False, True, False, True]
    assert this_thread.budget.spent == 2


def test_a_channel_that_waits_in_another_thread() -> None:
    """The channel counts in the budget of that thread from then on."""
    channel = Anycast[int](limit=1, yield_every=9)
    core = channel._core
    counts: list[object] = []

    async def wait() -> None:
        with anyio.move_on_after(0):
            await channel.new_receiver().receive()
        counts.append(core.budget is this_thread.budget)

    in_a_thread(lambda: anyio.run(wait))
    assert counts == [True]
    assert core.budget is not this_thread.budget


def test_other_tasks_run_while_a_task_of_trio_yields(pytestconfig: pytest.Config) -> None:
    """These tasks need not yield, since the event loop has its turn before these tasks run."""
    trio = pytest.importorskip("trio")
    if pytestconfig.getoption("--plain-events"):
        pytest.skip("anyio does not tell whether a new task may run at once")

    async def main() -> None:
        sending: Any = Anycast[int](yield_every=2).new_sender().send(1)
        this_thread.budget.spent = 2
        sending.send(None)
        spent.append(this_thread.budget.spent)
        sending.close()

    spent: list[int] = []
    trio.run(main)
    assert spent == [0]
