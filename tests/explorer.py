"""Runs small programs through every schedule they can have, without an event loop.

Tasks are coroutines driven by hand: a step runs one of them until it parks, in a waiter or
at a checkpoint. Before each step the explorer chooses among all runnable tasks and, once
or twice in a schedule, among all faults: the cancellation of any task, the closing of the
channel or of any endpoint. It tries every choice, by replaying from the start. After each
step that is no replay it checks what must hold between any two; after each schedule, that
nothing was lost, doubled or reordered, that nobody overtook, and that nobody hangs.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from types import coroutine
from typing import TYPE_CHECKING, Any

import pytest

from anycast import _endpoints, _waiter
from anycast._waiter import Waiter
from programs import Program, Setup

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable


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

    @property
    def event(self) -> Awaitable[None]:
        return park(self)

    def renew(self) -> None:
        self.woken = False

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
        self._shared = 0  # how many choices the path has in common with the one before

    @property
    def replaying(self) -> bool:
        """Whether all that was picked so far was also picked on the path before."""
        return self._depth <= self._shared

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
                self._shared = len(self._path)
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
        self.tasks = [Task(program.run(script, n)) for n, script in enumerate(scripts)]
        self.injections = injections
        self.choices = choices

    def run(self) -> None:
        """Take every step that the choices say, then close what is left open."""
        while runnable := [task for task in self.tasks if task.runnable]:
            actions: list[Callable[[], object]] = [task.step for task in runnable]
            if self.injections:
                actions += self._faults()
            choice = self.choices.pick(len(actions))
            self.injections -= choice >= len(runnable)
            if self.choices.replaying:
                actions[choice]()
            else:
                resumed = choice < len(runnable) and runnable[choice].waiter is not None
                self._observe(actions[choice], resumed=resumed)
        self._end()

    def _faults(self) -> list[Callable[[], object]]:
        alive = [task.cancel for task in self.tasks if not task.done]
        return [*alive, *self.program.endings]

    def _observe(self, action: Callable[[], object], *, resumed: bool) -> None:
        """Do one thing, and check that whoever waited before it was not overtaken by it."""
        before = [(next(iter(line.waiting), None), acts) for line, acts in self.program.progress()]
        action()
        self.program.watch()
        for (line, acts_now), (head, acts) in zip(self.program.progress(), before, strict=True):
            waiters: list[Any] = [*line.promised, *line.waiting]
            in_line: list[int] = [waiter.number for waiter in waiters]
            assert in_line == sorted(in_line), "a place in line was lost"
            if head in line.waiting:  # then only a promised task may have acted, and once
                assert acts_now - acts <= resumed, "overtaken"

    def _end(self) -> None:
        self.program.close()
        while runnable := [task for task in self.tasks if task.runnable]:
            runnable[0].step()
            self.program.watch()
        assert all(task.done for task in self.tasks), "a task hangs in a closed channel"
        self.program.check()


def explore(
    scripts: tuple[str, ...], setup: Setup, *, injections: int = 1, refuses: bool = False
) -> int:
    """Run a program through every schedule, and return how many there are."""
    choices = Choices()
    with drive_by_hand(refuses=refuses):
        for schedules in count(1):
            schedule = Schedule(Program(setup, checkpoint), scripts, injections, choices)
            try:
                schedule.run()
            except Exception as error:
                error.add_note(f"in schedule {schedules} of {scripts} in {setup}")
                raise
            if not choices.advance():
                return schedules
    raise AssertionError


@contextmanager
def drive_by_hand(*, refuses: bool) -> Generator[None]:
    """Replace what the endpoints know of event loops, and write no log of what they do."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(HandWaiter, "refuses", refuses)
        for module in (_endpoints, _waiter):
            monkeypatch.setattr(module, "waiter_kind", lambda: HandWaiter)
        monkeypatch.setattr(logging.getLogger("anycast"), "disabled", True)
        yield
