"""Generated schedules on real event loops: programs, and faults at chosen moments."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from event_loops import BACKENDS
from programs import OPERATIONS, Program, Setup
from select_programs import SELECTS, SelectProgram

if TYPE_CHECKING:
    from collections.abc import Callable

    from explorer import Explored, Kind

SETTLED = 50  # more turns of an event loop than any of these programs can use


class Fault(NamedTuple):
    """Something that goes wrong after some turns of the event loop.

    ``victim`` counts through all that can be cancelled or closed.
    """

    turns: int
    victim: int


class Plan(NamedTuple):
    """The scripts and the faults of a run."""

    scripts: list[str]
    setup: Setup
    faults: list[Fault]


def plans(letters: str) -> st.SearchStrategy[Plan]:
    """Return plans whose scripts are made of these letters."""
    return st.builds(
        Plan,
        st.lists(st.text(letters, min_size=1, max_size=4), min_size=1, max_size=5),
        st.builds(
            Setup,
            limit=st.sampled_from([0, 1, 2, math.inf]),
            yield_every=st.sampled_from([1, 2, 64]),
            ends=st.integers(1, 2),
            auto_close=st.booleans(),
        ),
        st.lists(st.builds(Fault, st.integers(0, 4), st.integers(0, 14)), max_size=4),
    )


async def run(plan: Plan, kind: Kind, *, native: bool) -> None:
    """Run the scripts and the faults of a plan, then close the channel, drain it and check."""
    program = kind(plan.setup, checkpoint)
    cancels: list[Callable[[], object]] = []

    async def follow(script: str, number: int) -> None:
        with anyio.CancelScope() as scope:
            cancels.append(scope.cancel)
            if native:
                task = asyncio.current_task()
                assert task is not None
                cancels.append(task.cancel)
            await program.run(script, number)

    async with anyio.create_task_group() as tasks:
        for number, script in enumerate(plan.scripts):
            tasks.start_soon(follow, script, number)
        for fault in plan.faults:
            await turn(program, fault.turns)
            victims: list[Callable[[], object]] = [*cancels, *program.endings]
            victims[fault.victim % len(victims)]()
            program.watch()
        await turn(program, SETTLED)
        program.close()
        await turn(program, SETTLED)
        program.drain()
    program.close()  # a task that was cancelled natively may have cancelled the task group
    program.check()


async def turn(program: Explored, turns: int) -> None:
    """Let the other tasks run for some turns, and watch the channel."""
    for _ in range(turns):
        await checkpoint()
        program.watch()


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=list(BACKENDS))
@pytest.mark.parametrize(
    ("kind", "letters"),
    [(Program, OPERATIONS), (SelectProgram, "".join(SELECTS) + "srmn")],
    ids=["one channel", "selects and merges over two channels"],
)
def test_any_schedule_keeps_every_promise(
    kind: Kind, letters: str, backend: tuple[str, dict[str, Any]]
) -> None:
    """The account of messages is exact, whatever is sent, received, cancelled or closed."""
    name, options = backend

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(plans(letters))
    def any_plan(plan: Plan) -> None:
        async def main() -> None:
            await run(plan, kind, native=name == "asyncio")

        anyio.run(main, backend=name, backend_options=options)

    any_plan()
