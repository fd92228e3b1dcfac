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
import sys
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from types import coroutine
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from anycast import _choice, _combining, _select, _turns
from programs import Program, Setup

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterable, Sequence

    from anycast._core import Core
    from anycast._line import Line, Place

# More than any program here needs: whatever goes on for ever is to fail, and not to hang.
MOST_STEPS = MOST_WAITS = 1000


class Cancelled(BaseException):
    """What a cancelled task is thrown."""


class HandWaiter:
    """What a task that is driven by hand parks in, once.

    With ``refuses``, it knows when the task is being cancelled already, as a future of asyncio
    does; without, it cannot know, as `anyio.Event`.
    """

    refuses = False

    def __init__(self) -> None:
        self.woken = False
        self.leaving = False

    @staticmethod
    def get_loop() -> object:
        return "by hand"

    def done(self) -> bool:
        return self.woken or self.cancelled()

    def cancelled(self) -> bool:
        return self.refuses and self.leaving

    def set_result(self, _: None) -> None:
        if self.done():
            raise ValueError("a future of asyncio would raise too")
        self.woken = True

    def __await__(self) -> Generator[HandWaiter | None]:
        yield self


@coroutine
def checkpoint() -> Generator[HandWaiter | None]:
    """Let the explorer choose who runs next."""
    yield None


class ByHand:
    """The backend of tasks that are driven by hand."""

    waits = 0

    @staticmethod
    def new_waiter(core: Core[Any]) -> HandWaiter:
        ByHand.waits += 1
        assert ByHand.waits < MOST_WAITS, "a task is woken again and again, and never goes on"
        waiter = HandWaiter()
        if waiter.get_loop() is not core.loop:
            core.adopt(waiter.get_loop())
        return waiter

    checkpoint = staticmethod(checkpoint)


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
            self.waiter.leaving = True

    def step(self) -> None:
        try:
            if self.cancelled:
                self.coroutine.throw(Cancelled)
            else:
                self.waiter = self.coroutine.send(None)
        except (StopIteration, Cancelled):
            self.done = True


class Before:
    """A line before a step, for what must hold after it."""

    def __init__(self, line: Line, acts: int) -> None:
        self._line = line
        self._acts = acts
        self._promised = [*line.promised]
        self._stood = [*self._promised, *line.waiting]
        self._ordered = [one for one in self._stood if not self._may_be_passed_over(one)]
        self._head = next((one for one in line.waiting if one in self._ordered), None)

    def check(self, acts: int, *, resumed: bool) -> None:
        """Check that nobody lost a place in line, and nobody was overtaken."""
        stand = [*self._line.promised, *self._line.waiting]
        # A `select` may be passed over while all the room there is is its own.
        stayed = [
            one for one in self._ordered if one in stand and not self._may_be_passed_over(one)
        ]
        assert [one for one in stand if one in stayed] == stayed, "a place in line was lost"
        came = [one for one in stand if one not in self._stood]
        assert stand[len(stand) - len(came) :] == came, "a newcomer is not the last in line"
        waits_on = self._head in self._line.waiting and self._head in stayed
        if waits_on or any(one in self._line.waiting for one in self._promised):
            # Only a promised task may have acted, and once.
            assert acts - self._acts <= resumed, "overtaken"

    def _may_be_passed_over(self, one: Place) -> bool:
        own_room = self._line.own_room.get(one)
        return own_room is not None and own_room() > 0


class Explored(Protocol):
    """What the explorer knows of a program."""

    @property
    def endings(self) -> Sequence[Callable[[], object]]: ...

    def run(self, script: str, number: int, /) -> Coroutine[Any, Any, None]: ...

    def close(self) -> None: ...

    def progress(self) -> list[tuple[Line, int]]: ...

    def watch(self) -> None: ...

    def check(self) -> None: ...


class Schedule:
    """One run of a program, along one path of choices."""

    def __init__(
        self, program: Explored, scripts: Iterable[str], injections: int, choices: Choices
    ) -> None:
        self.program = program
        self.tasks = [Task(program.run(script, n)) for n, script in enumerate(scripts)]
        self.injections = injections
        self.choices = choices
        self._steps = 0

    def run(self) -> None:
        """Take every step that the choices say, then close what is left open."""
        ByHand.waits = 0
        while runnable := self._runnable():
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

    def _runnable(self) -> list[Task]:
        self._steps += 1
        assert self._steps < MOST_STEPS, "the tasks run for ever"
        return [task for task in self.tasks if task.runnable]

    def _faults(self) -> list[Callable[[], object]]:
        alive = [task.cancel for task in self.tasks if not task.done]
        return [*alive, *self.program.endings]

    def _observe(self, action: Callable[[], object], *, resumed: bool) -> None:
        """Do one thing, and check that whoever waited before it was not overtaken by it."""
        before = [Before(line, acts) for line, acts in self.program.progress()]
        action()
        self.program.watch()
        for one, (_, acts) in zip(before, self.program.progress(), strict=True):
            one.check(acts, resumed=resumed)

    def _end(self) -> None:
        self.program.close()
        while runnable := self._runnable():
            runnable[0].step()
            self.program.watch()
        assert all(task.done for task in self.tasks), "a task hangs in a closed channel"
        self.program.check()


Kind = Callable[[Setup, Callable[[], Awaitable[None]]], Explored]


def explore(
    scripts: tuple[str, ...],
    setup: Setup,
    *,
    kind: Kind = Program,
    injections: int = 1,
    refuses: bool = False,
) -> int:
    """Run a program through every schedule, and return how many there are."""
    choices = Choices()
    with drive_by_hand(choices.pick, refuses=refuses):
        for schedules in count(1):
            schedule = Schedule(kind(setup, checkpoint), scripts, injections, choices)
            try:
                schedule.run()
            except Exception as error:
                error.add_note(f"in schedule {schedules} of {scripts} in {setup}")
                raise
            if not choices.advance():
                return schedules
    raise AssertionError


def look_at_one(pick: Callable[[int], int], _: int) -> int:
    """Stand for the random number by which `select` looks at one operation first.

    It matters only which of those that are ready that is.
    """
    operations: Any = sys._getframe(1).f_locals["operations"]
    ready = [number for number, one in enumerate(operations) if one._ready(()) is not None]
    return ready[pick(len(ready))] if ready else 0


@contextmanager
def drive_by_hand(pick: Callable[[int], int], *, refuses: bool) -> Generator[None]:
    """Replace what is known of event loops, and chance; and write no log."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(HandWaiter, "refuses", refuses)
        monkeypatch.setattr(_turns, "running_backend", lambda: ByHand)
        for module in (_choice, _combining):
            monkeypatch.setattr(module, "draw", pick)
        monkeypatch.setattr(_select, "random_bits", partial(look_at_one, pick))
        monkeypatch.setattr(logging.getLogger("anycast"), "disabled", True)
        yield
