"""Runs small programs through every schedule they can have, without an event loop.

Tasks are coroutines driven by hand: a step runs one of them until it parks, in a waiter or
at a checkpoint. Before each step the explorer chooses among all runnable tasks and, once
or twice in a schedule, among all faults: the cancellation of any task, the closing of the
channel, of the sender or of the receiver. It tries every choice, by replaying from the start.
After each step it checks the invariants of the core; after each schedule, that nothing was
lost, doubled or reordered, that nobody overtook, and that nobody hangs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from types import coroutine
from typing import TYPE_CHECKING, Any

import invariants
from anycast import _endpoints
from anycast._waiter import Waiter
from programs import Program

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable

    import pytest


NUMBERS = count()


class Cancelled(BaseException):
    """What a cancelled task is thrown."""


@coroutine
def park(waiter: HandWaiter | None) -> Generator[HandWaiter | None]:
    """Give control back to the explorer, which goes on when the waiter is woken."""
    yield waiter


async def checkpoint() -> None:
    """Let the explorer choose who runs next."""
    await park(None)


class HandWaiter(Waiter):
    """A waiter for tasks that are driven by hand.

    With ``refuses``, waking says when the task is being cancelled already, as the future of
    asyncio can; without, it cannot tell, as `anyio.Event`.
    """

    refuses = False
    loop = "by hand"

    def __init__(self) -> None:
        self.woken = False
        self.cancelled = False
        self.number = next(NUMBERS)

    async def wait(self) -> None:
        self.woken = False
        await park(self)

    def wake(self) -> bool:
        self.woken = not (self.refuses and self.cancelled)
        return self.woken

    @staticmethod
    def checkpoint() -> Awaitable[None]:
        return checkpoint()


class Choices:
    """One path through a tree of choices, and the way to the next path."""

    def __init__(self) -> None:
        self._path: list[tuple[int, int]] = []
        self._depth = 0

    def pick(self, options: int) -> int:
        """Return the number of one of the options."""
        if self._depth == len(self._path):
            self._path.append((0, options))
        choice, _ = self._path[self._depth]
        self._depth += 1
        return choice

    def advance(self) -> bool:
        """Go on to the next path; return False after the last."""
        self._depth = 0
        while self._path:
            choice, options = self._path.pop()
            if choice + 1 < options:
                self._path.append((choice + 1, options))
                return True
        return False


@dataclass
class Task:
    """A coroutine and what it is parked in."""

    coroutine: Coroutine[Any, Any, None]
    waiter: HandWaiter | None = None
    cancelled: bool = False
    done: bool = False

    @property
    def runnable(self) -> bool:
        return not self.done and (self.waiter is None or self.waiter.woken or self.cancelled)

    def cancel(self) -> None:
        self.cancelled = True
        if self.waiter is not None and not self.waiter.woken:
            self.waiter.cancelled = True

    def step(self) -> None:
        try:
            if self.cancelled:
                self.coroutine.throw(Cancelled)
            else:
                self.waiter = self.coroutine.send(None)
        except (StopIteration, Cancelled):
            self.done = True


class Schedule:
    """One run of a program, along one path of choices."""

    def __init__(
        self, program: Program, scripts: Iterable[str], injections: int, choices: Choices
    ) -> None:
        self.program = program
        self.core = program.channel._core
        self.tasks = [Task(program.run(script)) for script in scripts]
        self.injections = injections
        self.choices = choices

    def run(self) -> None:
        """Take every step that the choices say, then end the channel."""
        while runnable := [task for task in self.tasks if task.runnable]:
            actions: list[Callable[[], object]] = [task.step for task in runnable]
            if self.injections:
                actions += self._faults()
            choice = self.choices.pick(len(actions))
            self.injections -= choice >= len(runnable)
            resumed = choice < len(runnable) and runnable[choice].waiter is not None
            self._observe(actions[choice], resumed=resumed)
        self._end()

    def _faults(self) -> list[Callable[[], object]]:
        alive = [task.cancel for task in self.tasks if not task.done]
        return [*alive, *self.program.endings]

    def _observe(self, action: Any, *, resumed: bool) -> None:
        """Do one thing, and check that whoever waited before it was not overtaken by it."""
        before = self._progress()
        action()
        invariants.check(self.core)
        for line, (head, done), (_, done_now) in zip(
            (self.core.senders, self.core.receivers), before, self._progress(), strict=True
        ):
            waiters: list[Any] = [*line.promised, *line.waiting]
            in_line: list[int] = [waiter.number for waiter in waiters]
            assert in_line == sorted(in_line), "a place in line was lost"
            if head in line.waiting:  # then only a promised task may have acted, and once
                assert done_now - done <= resumed, "overtaken"

    def _progress(self) -> list[tuple[Any, int]]:
        ends = (
            (self.core.senders, self.program.sends),
            (self.core.receivers, self.program.receives),
        )
        return [(next(iter(line.waiting), None), done) for line, done in ends]

    def _end(self) -> None:
        self.program.channel.close()
        while runnable := [task for task in self.tasks if task.runnable]:
            runnable[0].step()
            invariants.check(self.core)
        assert all(task.done for task in self.tasks), "a task hangs in a closed channel"
        self.program.check()


def explore(
    scripts: tuple[str, ...], *, limit: float, yield_every: int, injections: int = 1
) -> int:
    """Run a program through every schedule, and return how many there are."""
    choices = Choices()
    for schedules in count(1):
        program = Program(limit, yield_every, checkpoint)
        Schedule(program, scripts, injections, choices).run()
        if not choices.advance():
            return schedules
    raise AssertionError


def drive_by_hand(monkeypatch: pytest.MonkeyPatch, *, refuses: bool) -> None:
    """Replace what the endpoints know of event loops."""
    monkeypatch.setattr(HandWaiter, "refuses", refuses)
    monkeypatch.setattr(_endpoints, "waiter_kind", lambda: HandWaiter)
