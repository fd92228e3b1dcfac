"""Run a sender and a receiver in every order, with a cancellation at every step."""

from __future__ import annotations

from types import coroutine
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterator

    Choose = Callable[[list[str]], str]


class Cancelled(BaseException):
    """What a cancelled task is thrown."""


@coroutine
def park(cell: list[str]) -> Generator[list[str]]:
    """Wait until a message is in the cell."""
    yield cell


class Careless:
    """A channel with a fault: it hands a message to a receiver that may be cancelled by then."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.waiting: list[list[str]] = []

    async def send(self, message: str) -> None:
        """Hand the message to a receiver that waits, or store the message."""
        (self.waiting.pop(0) if self.waiting else self.stored).append(message)

    async def receive(self) -> str:
        """Take a stored message, or wait for a message."""
        if self.stored:
            return self.stored.pop(0)
        cell: list[str] = []
        self.waiting.append(cell)
        try:
            await park(cell)
        except Cancelled:
            self.leave(cell)
            raise
        return cell.pop()

    def leave(self, cell: list[str]) -> None:
        """Wait no more."""
        if cell in self.waiting:
            self.waiting.remove(cell)


class Careful(Careless):
    """The fault is mended: a message in the cell goes back to the head of the channel."""

    def leave(self, cell: list[str]) -> None:
        """Wait no more, and give back what was handed over."""
        super().leave(cell)
        self.stored[:0] = cell


class Task:
    """A coroutine that is driven by hand."""

    def __init__(self, work: Coroutine[list[str], None, str | None]) -> None:
        self._work = work
        self._cell: list[str] | None = None  # what the task waits for
        self.done = False
        self.outcome: str | None = "cancelled"

    def can_run(self) -> bool:
        """Return whether the task can go on."""
        return not self.done and self._cell != []

    def go_on(self, error: BaseException | None = None) -> None:
        """Run the task until it waits or ends; with an error, throw the error first."""
        try:
            self._cell = self._work.throw(error) if error else self._work.send(None)
        except StopIteration as end:
            self.done, self.outcome = True, end.value
        except Cancelled:
            self.done = True


def run(kind: type[Careless], choose: Choose) -> tuple[list[str], bool]:
    """Run one schedule; return its steps, and whether the message is where it should be."""
    channel, steps, cancelled = kind(), list[str](), False
    tasks = {"sender": Task(channel.send("m")), "receiver": Task(channel.receive())}
    while True:
        options = [f"run {name}" for name, task in tasks.items() if task.can_run()]
        over = not options
        if not cancelled:
            options += [f"cancel {name}" for name, task in tasks.items() if not task.done]
        step = choose([*options, "end"] if over else options)
        if step == "end":
            sent, received = tasks["sender"].outcome is None, tasks["receiver"].outcome == "m"
            return steps, sent == (received or channel.stored == ["m"])
        steps.append(step)
        what, _, name = step.partition(" ")
        cancelled |= what == "cancel"
        tasks[name].go_on(Cancelled() if what == "cancel" else None)


def explore(kind: type[Careless]) -> Iterator[tuple[list[str], bool]]:
    """Run every schedule: replay the choices so far, and change the last choice that can change."""
    path: list[tuple[int, int]] = []  # for each step the choice, and how many there were
    while True:
        position = 0

        def choose(options: list[str]) -> str:
            nonlocal position
            if position == len(path):
                path.append((0, len(options)))
            choice, _ = path[position]
            position += 1
            return options[choice]

        yield run(kind, choose)
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        if not path:
            return
        path[-1] = (path[-1][0] + 1, path[-1][1])


def main() -> None:
    """Explore the channel with the fault, and the channel without the fault."""
    for kind in (Careless, Careful):
        schedules = list(explore(kind))
        print(f"{kind.__name__}: {len(schedules)} schedules")
        for steps, right in schedules:
            if not right:
                print("  lost after:", ", ".join(steps))


if __name__ == "__main__":
    main()
