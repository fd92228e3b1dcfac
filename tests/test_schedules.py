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

import invariants
from conftest import BACKENDS
from programs import OPERATIONS, Program

if TYPE_CHECKING:
    from collections.abc import Callable

SETTLED = 50  # more turns of an event loop than any of these programs can use


class Fault(NamedTuple):
    """Something that goes wrong after some turns of the event loop.

    ``victim`` counts through all that can be cancelled or closed.
    """

    turns: int
    victim: int


class Plan(NamedTuple):
    """What one run does."""

    scripts: list[str]
    limit: float
    yield_every: int
    faults: list[Fault]


plans = st.builds(
    Plan,
    st.lists(st.text(OPERATIONS, min_size=1, max_size=4), min_size=1, max_size=5),
    st.sampled_from([0, 1, 2, math.inf]),
    st.sampled_from([1, 2, 64]),
    st.lists(st.builds(Fault, st.integers(0, 4), st.integers(0, 12)), max_size=4),
)


async def run(plan: Plan, *, native: bool) -> None:
    """Run the scripts and the faults of a plan, then close the channel and check."""
    program = Program(plan.limit, plan.yield_every, checkpoint)
    cancels: list[Callable[[], object]] = []

    async def follow(script: str) -> None:
        with anyio.CancelScope() as scope:
            cancels.append(scope.cancel)
            if native:
                task = asyncio.current_task()
                assert task is not None
                cancels.append(task.cancel)
            await program.run(script)

    async with anyio.create_task_group() as tasks:
        for script in plan.scripts:
            tasks.start_soon(follow, script)
        for fault in plan.faults:
            await turn(program, fault.turns)
            victims = [*cancels, *program.endings]
            victims[fault.victim % len(victims)]()
            invariants.check(program.channel._core)
        await turn(program, SETTLED)
        program.channel.close()
    program.check()


async def turn(program: Program, turns: int) -> None:
    """Let the other tasks run for so many turns, and watch the channel."""
    for _ in range(turns):
        await checkpoint()
        invariants.check(program.channel._core)


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=list(BACKENDS))
def test_any_schedule_keeps_every_promise(backend: tuple[str, dict[str, Any]]) -> None:
    """Whatever tasks do, and whatever is cancelled or closed, the account is exact."""
    name, options = backend

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(plans)
    def any_plan(plan: Plan) -> None:
        async def main() -> None:
            await run(plan, native=name == "asyncio")

        anyio.run(main, backend=name, backend_options=options)

    any_plan()
