"""Runs small programs through every schedule they can have, without an event loop.

Tasks are coroutines driven by hand: a step runs a task until the task parks, in a waiter or at a
checkpoint. Before each step the explorer chooses among all runnable tasks and, once or twice in a
schedule, among all faults. The faults are the cancellation of any task (a task that waits, a task
that was given a result and has not run since, or a task that has not started), the close of the
channel or of any endpoint, and, where a program asks for this, the destruction of a task. The
explorer tries every choice, by replaying from the start. After each step that is no replay, the
explorer checks the invariants. After each schedule, the explorer checks that no message was lost,
doubled or reordered, that no task overtook or hangs, and that no cancellation was lost.
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
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import pytest

import invariants
import ledger
from anycast import Anycast
from anycast._anycast.core import Batch, Core
from anycast._combinators import batch, operations
from anycast._select import blocked, fairness, select
from anycast._waiting import event_loop
from anycast._waiting.budget import Budget, this_thread
from anycast._waiting.waiter import NOTHING
from programs import Program, Setup

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterable, Sequence

    from anycast._waiting.event_loop import LoopBinding

# More steps than any program needs here: an endless program is to fail, and not to hang.
MOST_STEPS = MOST_WAITS = 1000


class Cancelled(BaseException):
    """The error that is thrown into a cancelled task."""


class WokenBeforeError(Exception):
    """A waiter is done."""


class HandWaiter:
    """The waiter of a task that is driven by hand.

    With ``refuses``, the waiter knows when its task is being cancelled, as a future of asyncio
    does. Without ``refuses``, the waiter cannot know.
    """

    refuses = False

    def __init__(self) -> None:
        self.woken = False
        self.leaving = False
        self._result: Any = NOTHING

    def done(self) -> bool:
        return self.woken or self.cancelled()

    def cancelled(self) -> bool:
        return self.refuses and self.leaving and not self.woken

    def result(self) -> Any:
        return self._result

    def set_result(self, result: Any) -> None:
        if self.done():
            raise WokenBeforeError
        self._result = result
        self.woken = True

    def __await__(self) -> Generator[HandWaiter | None, None, Any]:
        if not self.woken:
            yield self
        return self._result


@coroutine
def checkpoint() -> Generator[HandWaiter | None]:
    """Let the explorer choose the task that runs next."""
    yield None


class ByHand:
    """The backend of tasks that are driven by hand."""

    woken_before: ClassVar[type[Exception]] = WokenBeforeError
    can_protect: ClassVar[bool] = False
    loop = "by hand"
    waits = 0

    @staticmethod
    def new_waiter(binding: LoopBinding) -> HandWaiter:
        ByHand.waits += 1
        assert ByHand.waits < MOST_WAITS, "a task waits again and again, and never goes on"
        if binding.loop is not ByHand.loop:
            binding.bind(ByHand.loop)
        return HandWaiter()

    @staticmethod
    @coroutine
    def checkpoint(_: Budget) -> Generator[HandWaiter | None]:
        yield None

    @staticmethod
    def loop_getter() -> Callable[[], object]:
        return lambda: ByHand.loop

    @staticmethod
    def postpone(_: object, error: BaseException) -> None:
        assert type(error) is Cancelled
        assert Task.running is not None
        Task.running.owed = True


def new_core(limit: float) -> Core[Any]:
    """Return the core of a new channel, in which tasks that are driven by hand may wait."""
    core = Core[Any](Anycast, "by hand", limit=limit, yield_every=64, auto_close=False)
    core.bind(ByHand.loop)
    core.budget = Budget()  # type: ignore[misc]  # mypy does not see the slots of a base class
    core._use_backend(ByHand)  # type: ignore[arg-type]  # mypy does not see static methods
    return core


class Interruption(BaseException):
    """An error that is raised in a waiting task, and is no cancellation."""


def interrupt(core: Core[Any], queue: Any, waiter: HandWaiter) -> None:
    """Let a task leave its queue, because an error is raised in the task; raise the error."""
    try:
        raise Interruption  # noqa: TRY301  handled as in a task
    except Interruption:
        core.end_interrupted_wait(queue, waiter)


class Choices:
    """A path through a tree of choices, and the way to the next path."""

    def __init__(self) -> None:
        self._path: list[tuple[int, int]] = []
        self._depth = 0
        self._shared = 0  # how many choices the path shares with the path before

    @property
    def replaying(self) -> bool:
        """Whether all choices so far are the choices of the path before."""
        return self._depth <= self._shared

    def pick(self, options: int) -> int:
        """Return the number of an option."""
        if self._depth == len(self._path):
            self._path.append((0, options))
        choice, _ = self._path[self._depth]
        self._depth += 1
        return choice

    def shuffle(self, items: list[Any]) -> None:
        """Put items into one of their orders."""
        for place in range(len(items) - 1):
            other = place + self.pick(len(items) - place)
            items[place], items[other] = items[other], items[place]

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


class Scope:
    """Stands for `anyio.move_on_after`: the explorer chooses when the time is up."""

    def __init__(self, _: float) -> None:
        assert Task.running is not None
        self.task = Task.running
        self.over = False

    def __enter__(self) -> None:
        self.task.scope = self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self.task.scope = None
        mine = self.over and not self.task.faults
        if mine:
            self.task.owed = False
        return mine and kind is Cancelled


@dataclass
class Task:
    """A coroutine, and the waiter in which the coroutine is parked."""

    coroutine: Coroutine[Any, Any, None]
    waiter: HandWaiter | None = None
    cancelled: bool = False  # the next step throws a cancellation
    owed: bool = False  # a cancellation that came too late
    scope: Scope | None = None  # the scope of the task
    ending: str = ""
    faults: int = 0

    running: ClassVar[Task | None] = None

    @property
    def runnable(self) -> bool:
        return not self.ending and (self.waiter is None or self.waiter.woken or self.cancelled)

    def cancel(self) -> None:
        """Cancel the task, as `asyncio.Task.cancel` does."""
        self.faults += 1
        self._strike()

    def _strike(self) -> None:
        self.cancelled = True
        if self.waiter is not None:
            self.waiter.leaving = True

    def time_out(self) -> None:
        """Let the time of the scope be up, as `anyio.move_on_after` does."""
        assert self.scope is not None
        self.scope.over = True
        if self.waiter is None or not self.waiter.woken:
            self._strike()

    def destroy(self) -> None:
        """Destroy the coroutine, as a garbage collector does."""
        self.ending = "destroyed"
        self.coroutine.close()

    def step(self) -> None:
        """Run the task until the task parks or ends."""
        Task.running = self
        try:
            if self.cancelled:
                self.cancelled = False
                self.waiter = self.coroutine.throw(Cancelled)
            else:
                self.waiter = self.coroutine.send(None)
        except StopIteration:
            self.ending = "returned"
        except Cancelled:
            self.ending = "cancelled"
        else:
            if self.owed:  # the task waits again, and is cancelled when its wait begins
                self.owed = False
                if self.waiter is not None:
                    self.waiter.refuses = True
                self._strike()
            elif self.scope is not None and self.scope.over:
                self._strike()

    def check(self) -> None:
        """Check that the task has ended, and that no cancellation of the task was lost."""
        assert self.ending, "a task hangs in a closed channel"
        if self.faults and self.ending == "returned":
            assert self.owed, "a cancellation was lost"


class Before:
    """A side of a channel before a step, for the check after the step.

    Args:
        watched: the side.
    """

    def __init__(self, watched: Side) -> None:
        self._watched = watched
        self._happened = watched.happened
        # A batch goes to the end of the queue after each message.
        self._stood = [
            one
            for one in invariants.live(watched.queue)
            if not isinstance(watched.queue[one], Batch)
        ]
        head = next(iter(invariants.live(watched.queue)), None)
        self._head = head if head in self._stood else None

    def check(self) -> None:
        """Check that no task lost its place in the queue, and that no task was overtaken."""
        queue = self._watched.queue
        stand = [one for one in queue if not isinstance(queue[one], Batch)]
        stayed = [one for one in self._stood if one in stand]
        assert [one for one in stand if one in stayed] == stayed, "a place in the queue was lost"
        came = [one for one in invariants.live(stand) if one not in self._stood]
        assert stand[len(stand) - len(came) :] == came, "a newcomer is not the last in the queue"
        if self._head in stayed:
            assert self._watched.happened == self._happened, "overtaken"


class Side:
    """A queue of a channel, and how many operations of this side have happened.

    Args:
        queue: the queue.
        count: returns how many.
    """

    def __init__(self, queue: dict[Any, Any], count: Callable[[], int]) -> None:
        self.queue = queue
        self._count = count

    @property
    def happened(self) -> int:
        """How many operations have happened."""
        return self._count()


class Explored(Protocol):
    """What the explorer knows of a program."""

    @property
    def endings(self) -> Sequence[Callable[[], object]]: ...

    @property
    def ledgers(self) -> Sequence[tuple[Any, ledger.Ledger]]: ...

    def run(self, script: str, number: int, /) -> Coroutine[Any, Any, None]: ...

    def close(self) -> None: ...

    def drain(self) -> None: ...

    def watch(self) -> None: ...

    def check(self) -> None: ...


def sides(program: Explored) -> list[Side]:
    """Return both sides of each channel of a program."""
    found: list[Side] = []
    for core, account in program.ledgers:
        found.append(Side(core.senders, partial(_length, account.sent)))
        found.append(Side(core.receivers, partial(getattr, account, "receives")))
    return found


def _length(messages: list[Any]) -> int:
    return len(messages)


class Faults(NamedTuple):
    """The faults that the tasks of a program suffer.

    Args:
        most: how many faults a schedule has at most.
        refuses: whether a waiter knows when its task is being cancelled.
        destroys: whether tasks are destroyed, too.
    """

    most: int = 1
    refuses: bool = False
    destroys: bool = False


ONE_FAULT = Faults()


class Schedule:
    """A run of a program, along one path of choices."""

    def __init__(
        self, program: Explored, scripts: Iterable[str], faults: Faults, choices: Choices
    ) -> None:
        self.program = program
        self.tasks = [Task(program.run(script, n)) for n, script in enumerate(scripts)]
        self.injections = faults.most
        self.choices = choices
        self._destroys = faults.destroys
        self._sides = sides(program)
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
                self._observe(actions[choice])
        self._end()

    def _runnable(self) -> list[Task]:
        self._steps += 1
        assert self._steps < MOST_STEPS, "the tasks run for ever"
        return [task for task in self.tasks if task.runnable]

    def _faults(self) -> list[Callable[[], object]]:
        alive = [task for task in self.tasks if not task.ending]
        destroyed = [task.destroy for task in alive] if self._destroys else []
        timed = [task.time_out for task in alive if task.scope and not task.scope.over]
        return [*(task.cancel for task in alive), *self.program.endings, *destroyed, *timed]

    def _observe(self, action: Callable[[], object]) -> None:
        """Do a step, and check that the step overtook no task that was waiting before."""
        before = [Before(side) for side in self._sides]
        action()
        self.program.watch()
        for one in before:
            one.check()

    def _end(self) -> None:
        for end in (self.program.close, self.program.drain):
            end()
            while runnable := self._runnable():
                runnable[0].step()
                self.program.watch()
        for task in self.tasks:
            task.check()
        self.program.check()


Kind = Callable[[Setup, Callable[[], Awaitable[None]]], Explored]


def explore(
    scripts: tuple[str, ...],
    setup: Setup,
    *,
    kind: Kind = Program,
    faults: Faults = ONE_FAULT,
) -> int:
    """Run a program through every schedule, and return how many there are."""
    choices = Choices()
    with drive_by_hand(choices.pick, refuses=faults.refuses, shuffle=choices.shuffle):
        for schedules in count(1):
            ledger.forget()
            this_thread.budget.spent = 0
            schedule = Schedule(kind(setup, checkpoint), scripts, faults, choices)
            try:
                schedule.run()
            except Exception as error:
                error.add_note(f"in schedule {schedules} of {scripts} in {setup}")
                raise
            if not choices.advance():
                return schedules
    raise AssertionError


def look_at_one(pick: Callable[[int], int], _: int) -> int:
    """Replace the random number by which `select` draws an operation.

    The number matters only for the choice among the ready operations.
    """
    operations: Any = sys._getframe(1).f_locals["operations"]
    if len(operations) == 1:
        return 0  # a merge draws one of its sources
    ready = [number for number, one in enumerate(operations) if one.find_ready() is not None]
    return ready[pick(len(ready))] if ready else 0


def leave_in_order(_: list[Any]) -> None:
    """Stand for a shuffle."""


@contextmanager
def drive_by_hand(
    pick: Callable[[int], int],
    *,
    refuses: bool,
    shuffle: Callable[[list[Any]], None] = leave_in_order,
) -> Generator[None]:
    """Replace what is known of event loops, and chance; and write no log."""
    this_thread.budget.spent = 0
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(HandWaiter, "refuses", refuses)
        monkeypatch.setattr(event_loop, "running_backend", lambda: ByHand)
        monkeypatch.setitem(event_loop._backends, Cancelled, ByHand)
        for module in (fairness, operations):
            monkeypatch.setattr(module, "random_index", pick)
        monkeypatch.setattr(blocked, "shuffle", shuffle)
        monkeypatch.setattr(batch, "move_on_after", Scope)
        monkeypatch.setattr(select, "random_bits", partial(look_at_one, pick))
        monkeypatch.setattr(logging.getLogger("anycast"), "disabled", True)
        yield
