"""The synchronous core against a plain model: any order of any transitions.

The model is a list of messages and two lists of tasks, moved by the rules as a person
would say them. Nothing is woken or run here; a rule of the machine is one step of one task.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import invariants
from anycast import Anycast
from anycast._core import Core
from explorer import HandWaiter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast._line import Line


@dataclass(eq=False)
class ModelTask:
    """A task in line: how long it has waited, and whether its turn has come."""

    waiter: HandWaiter
    promised: bool = False


class ModelLine:
    """The tasks of one side in the order in which they came."""

    def __init__(self) -> None:
        self.tasks: list[ModelTask] = []

    @property
    def promised(self) -> list[ModelTask]:
        return [task for task in self.tasks if task.promised]

    def grant(self, turns: float) -> None:
        """Give turns to those who came first, and to nobody else."""
        for place, task in enumerate(self.tasks):
            task.promised = place < turns


class Machine(RuleBasedStateMachine):
    """Runs transitions on a core and on the model side by side."""

    @initialize(
        limit=st.sampled_from([0, 1, 2, 3, math.inf]),
        open_for=st.sampled_from([0, 1, 2, 4, 8, math.inf]),
    )
    def make(self, limit: float, open_for: float) -> None:
        self.core = Core[int](Anycast, "model", limit=limit, yield_every=64, auto_close=False)
        self.limit = limit
        self.open_for = open_for  # so many messages: not much happens once it is closed
        self.numbers = count()
        self.messages: list[int] = []
        self.leased: list[int] = []
        self.receivers = ModelLine()
        self.senders = ModelLine()
        self.closed = False
        self.sent = 0

    # What may happen at once is what is not set aside for somebody in line.

    def _free(self) -> int:
        return len(self.messages) - len(self.receivers.promised)

    def _room(self) -> float:
        if self.closed:
            return -math.inf
        demand = len(self.receivers.tasks)
        return self.limit + demand - len(self.messages) - len(self.senders.promised)

    def _restore(self) -> None:
        """Say anew whose turn it is, from nothing but who waits and what there is."""
        self.receivers.grant(len(self.messages))
        if self.closed:
            self.senders.tasks.clear()
            if not self.messages and not self.leased:
                self.receivers.tasks.clear()
        room = self.limit + len(self.receivers.tasks) - len(self.messages)
        self.senders.grant(max(room, 0))

    @precondition(lambda self: self._room() > 0)
    @rule()
    def put(self) -> None:
        self._put()

    @precondition(lambda self: self._room() > 0)
    @rule(count=st.integers(1, 4))
    def put_many(self, count: int) -> None:
        messages = deque(next(self.numbers) for _ in range(count))
        sent = [*messages][: int(min(count, self._room()))]
        self.core.put_many(messages)
        self.messages += sent
        self.sent += len(sent)
        self._restore()

    def _put(self) -> None:
        """Act on room that is free, or was promised."""
        message = next(self.numbers)
        self.core.put(message)
        self.messages.append(message)
        self.sent += 1
        self._restore()

    @precondition(lambda self: self._free() > 0)
    @rule(leased=st.booleans())
    def take(self, leased: bool) -> None:
        self._take(leased=leased)

    def _take(self, *, leased: bool) -> None:
        expected = self.messages.pop(0)
        assert (self.core.lease() if leased else self.core.take()) == expected
        if leased:
            self.leased.append(expected)
        self._restore()

    @precondition(lambda self: self._free() > 0)
    @rule(most=st.integers(1, 4))
    def take_many(self, most: int) -> None:
        taken = min(most, self._free())
        expected, self.messages = self.messages[:taken], self.messages[taken:]
        assert self.core.take_many(most) == expected
        self._restore()

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), back=st.booleans())
    def end_lease(self, data: st.DataObject, back: bool) -> None:
        message = self.leased.pop(data.draw(st.integers(0, len(self.leased) - 1)))
        if back:
            self.core.give_back(message)
            self.messages.insert(0, message)
        else:
            self.core.end_lease()
        self._restore()

    @precondition(lambda self: self._free() <= 0 and not self.core.ended)
    @rule()
    def wait_to_receive(self) -> None:
        self._join(self.core.receivers, self.receivers)

    @precondition(lambda self: self._room() <= 0 and not self.closed)
    @rule()
    def wait_to_send(self) -> None:
        self._join(self.core.senders, self.senders)

    def _join(self, line: Line, model: ModelLine) -> None:
        task = ModelTask(HandWaiter())
        self.core.join(line, task.waiter, task.waiter)
        model.tasks.append(task)
        self._restore()

    @precondition(lambda self: self.receivers.promised)
    @rule(data=st.data(), leased=st.booleans())
    def receive_as_promised(self, data: st.DataObject, leased: bool) -> None:
        self._redeem(data, self.core.receivers, self.receivers)
        self._take(leased=leased)

    @precondition(lambda self: self.senders.promised)
    @rule(data=st.data())
    def send_as_promised(self, data: st.DataObject) -> None:
        self._redeem(data, self.core.senders, self.senders)
        self._put()

    def _redeem(self, data: st.DataObject, line: Line, model: ModelLine) -> None:
        task = data.draw(st.sampled_from(model.promised))
        assert self.core.redeem(line, task.waiter)
        model.tasks.remove(task)

    @precondition(lambda self: self.receivers.tasks or self.senders.tasks)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        line, model, task = self._anybody(data)
        self.core.leave(line, task.waiter)
        model.tasks.remove(task)
        self._restore()

    @precondition(lambda self: self.receivers.tasks or self.senders.tasks)
    @rule(data=st.data())
    def dismiss(self, data: st.DataObject) -> None:
        line, model, task = self._anybody(data)
        self.core.dismiss(line, [task.waiter])
        assert task.waiter.woken
        model.tasks.remove(task)
        self._restore()

    def _anybody(self, data: st.DataObject) -> tuple[Line, ModelLine, ModelTask]:
        return data.draw(
            st.sampled_from(
                [
                    *((self.core.receivers, self.receivers, task) for task in self.receivers.tasks),
                    *((self.core.senders, self.senders, task) for task in self.senders.tasks),
                ]
            )
        )

    @precondition(lambda self: self.sent >= self.open_for)
    @rule()
    def close(self) -> None:
        self.core.close()
        self.closed = True
        self._restore()

    @invariant()
    def agrees(self) -> None:
        invariants.check(self.core)
        assert list(self.core.buffer) == self.messages
        assert self.core.leases == len(self.leased)
        assert self.core.statistics().messages_sent == self.sent
        for line, model in (
            (self.core.receivers, self.receivers),
            (self.core.senders, self.senders),
        ):
            assert [*line.promised, *line.waiting] == _waiters(model.tasks)
            assert list(line.promised) == _waiters(model.promised)
            assert all(task.waiter.woken for task in model.promised)


def _waiters(tasks: Iterable[ModelTask]) -> list[HandWaiter]:
    return [task.waiter for task in tasks]


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, derandomize=True
)


@pytest.mark.slow
def test_long_runs() -> None:
    """The same machine with more examples and longer runs."""
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=600, stateful_step_count=80, deadline=None, derandomize=True
        ),
    )
