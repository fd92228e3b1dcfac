"""The synchronous core against a plain model: any order of any transitions.

The model is a list of messages and two lists of tasks, with rules in plain words. No task runs
here: a rule of the machine is one step of one task.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

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
from anycast._anycast.core import Batch, PartialBatch
from anycast._anycast.lease_counts import Returned
from anycast._waiting.waiter import NOTHING
from explorer import HandWaiter, Interruption, interrupt, new_core

if TYPE_CHECKING:
    from collections.abc import Iterable


ENDS = ("done", "give back", "pass on")


class Knowing(HandWaiter):
    """A waiter that knows whether its task is leaving."""

    refuses = True


@dataclass(eq=False)
class ModelTask:
    """A task that waits: the message that it offers, and the message that it was given.

    Args:
        waiter: the waiter in the queue of the core.
        messages: the messages that a sender still offers.
        batch: the deque of a batch.
        leased: whether a receiver takes the message on lease.
        batching: whether a receiver takes a further message of a batch.
    """

    waiter: HandWaiter
    messages: list[int]
    batch: deque[int] | None = None
    leased: bool = False
    batching: bool = False
    given: Any = NOTHING
    woken: bool = False

    def wake(self, given: Any) -> None:
        """Go on with the result that a peer gave."""
        self.given, self.woken = given, True


class Machine(RuleBasedStateMachine):
    """Runs transitions on a core and on the model side by side."""

    @initialize(
        limit=st.sampled_from([0, 1, 2, 3, math.inf]),
        open_for=st.sampled_from([0, 1, 2, 4, 8, math.inf]),
    )
    def make(self, limit: float, open_for: float) -> None:
        self.core = new_core(limit)
        self.limit = limit
        self.open_for = open_for  # few messages: little happens in a closed channel
        self.numbers = count()
        self.messages: list[int] = []
        self.leased: list[int] = []
        self.deliveries: Counter[int] = Counter()  # how often each message was on lease
        self.joiners: list[HandWaiter] = []
        self.receivers: list[ModelTask] = []
        self.senders: list[ModelTask] = []
        self.woken: list[tuple[bool, ModelTask]] = []  # receiver or not; and yet to run
        self.closed = False
        self.sent = 0
        self.returned = 0  # messages that may be stored beyond the limit

    # The rules, in plain words.

    def _send(self, message: int) -> bool:
        if self.receivers:
            self._give(message)
        elif len(self.messages) < self.limit:
            self.messages.append(message)
        else:
            return False
        self.sent += 1
        return True

    def _give(self, message: int) -> None:
        task = self.receivers.pop(0)
        task.wake(message)
        self.woken.append((True, task))

    def _pull(self) -> int:
        task = self.senders.pop(0)
        message = task.messages.pop(0)
        if task.messages:
            self.senders.append(task)
        else:
            task.wake(None)
            self.woken.append((False, task))
        self.sent += 1
        return message

    def _receive(self) -> Any:
        if self.messages:
            message = self.messages.pop(0)
        elif self.senders:
            return self._pull()
        else:
            return NOTHING
        if self.senders and len(self.messages) < self.limit:
            self.messages.append(self._pull())
        return message

    def _put_back(self, message: int) -> None:
        if self.receivers:
            self._give(message)
        else:
            self.messages.insert(0, message)
            self.returned += 1

    def _end(self) -> None:
        if self.closed and not self.messages and not self._leases():
            self._dismiss(self.receivers, list(self.receivers), receives=True)

    def _idle(self) -> bool:
        return not (self.messages or self.senders or self._leases())

    def _given(self, task: ModelTask) -> Any:
        """Return the result that the core gives to a task that the model gives a message."""
        return self._on_lease(task.given) if task.leased else task.given

    def _on_lease(self, message: Any) -> Any:
        deliveries = self.deliveries[message]
        return Returned(message, deliveries) if deliveries else message

    def _leases(self) -> int:
        """Count the messages on lease, also of tasks that have not run since."""
        taken = [task for _, task in self.woken if task.leased and task.given is not NOTHING]
        return len(self.leased) + len(taken)

    def _dismiss(
        self, queue: list[ModelTask], tasks: Iterable[ModelTask], *, receives: bool
    ) -> None:
        for task in tasks:
            queue.remove(task)
            task.wake(NOTHING)
            self.woken.append((receives, task))

    # Acting at once.

    @precondition(lambda self: not self.closed)
    @rule()
    def offer(self) -> None:
        message = next(self.numbers)
        assert self.core.offer(message) == self._send(message)

    @precondition(lambda self: not self.closed)
    @rule(count=st.integers(1, 4))
    def put_many(self, count: int) -> None:
        messages = deque(next(self.numbers) for _ in range(count))
        rest = list(messages)
        while rest and self._send(rest[0]):
            del rest[0]
        self.core.put_many(messages)
        assert list(messages) == rest

    @rule()
    def take(self) -> None:
        assert self.core.take() == self._receive()

    @rule(most=st.integers(0, 5))
    def take_many(self, most: int) -> None:
        expected: list[int] = []
        while len(expected) < most and (message := self._receive()) is not NOTHING:
            expected.append(message)
        assert self.core.take_many(most) == expected

    @precondition(lambda self: self.messages or self.senders)
    @rule()
    def lease(self) -> None:
        message = self._receive()
        assert self.core.take_leased() == self._on_lease(message)
        self.leased.append(message)

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), end=st.sampled_from(ENDS), counts=st.booleans())
    def end_lease(self, data: st.DataObject, end: str, counts: bool) -> None:
        """End a lease that counts, or a hold of a batch, which does not."""
        message = self.leased.pop(data.draw(st.integers(0, len(self.leased) - 1)))
        self.deliveries[message] += counts
        if end == "done":
            self.core.end_lease()
        elif end == "give back":
            self.core.give_back(message, self.deliveries[message])
            self._put_back(message)
        else:
            passed = bool(self.receivers)
            assert self.core.pass_on(message, self.deliveries[message]) == passed
            if passed:
                self._give(message)
            else:
                self.leased.append(message)
        self._end()

    @precondition(lambda self: not self._idle())
    @rule()
    def join(self) -> None:
        self.joiners.append(waiter := Knowing())
        self.core.add_joiner(waiter)

    @precondition(lambda self: self.joiners)
    @rule()
    def leave_join(self) -> None:
        """Cancel a task that joins."""
        self.core.remove_joiner(self.joiners.pop())

    # Waiting, and how a wait ends.

    @precondition(lambda self: not self.messages and not self.senders and not self.core.ended)
    @rule(leased=st.booleans(), batching=st.booleans())
    def wait_to_receive(self, leased: bool, batching: bool) -> None:
        """Wait for a message; only while the channel is open for a further message of a batch."""
        task = ModelTask(Knowing(), [], leased=leased)
        task.batching = leased and batching and not self.closed
        self.core.receivers[task.waiter] = PartialBatch(1) if task.batching else int(leased)
        self.receivers.append(task)

    @precondition(
        lambda self: not self.closed and not self.receivers and len(self.messages) >= self.limit
    )
    @rule(count=st.integers(1, 4), batch=st.booleans())
    def wait_to_send(self, count: int, batch: bool) -> None:
        messages = [next(self.numbers) for _ in range(count if batch else 1)]
        task = ModelTask(Knowing(), messages)
        if batch:
            task.batch = deque(messages)
            self.core.senders[task.waiter] = Batch(task.batch)
        else:
            self.core.senders[task.waiter] = messages[0]
        self.senders.append(task)

    @precondition(lambda self: self.receivers or self.senders)
    @rule(data=st.data(), runs=st.booleans())
    def cancel(self, data: st.DataObject, runs: bool) -> None:
        """Cancel a task: it leaves at once, or stays in the queue and can be given no message."""
        receives, task = self._anybody(data)
        task.waiter.leaving = True
        if runs:
            queue: Any = self.core.receivers if receives else self.core.senders
            self._interrupt(queue, task)
        (self.receivers if receives else self.senders).remove(task)

    @precondition(lambda self: self.receivers or self.senders)
    @rule(data=st.data())
    def close_end(self, data: st.DataObject) -> None:
        """Close the endpoint of a waiting task."""
        receives, task = self._anybody(data)
        queue: Any = self.core.receivers if receives else self.core.senders
        self.core.detach(queue, [task.waiter])
        self._dismiss(self.receivers if receives else self.senders, [task], receives=receives)

    def _interrupt(self, queue: Any, task: ModelTask) -> None:
        with pytest.raises(Interruption):
            interrupt(self.core, queue, task.waiter)

    def _anybody(self, data: st.DataObject) -> tuple[bool, ModelTask]:
        tasks = [(True, task) for task in self.receivers] + [(False, task) for task in self.senders]
        return data.draw(st.sampled_from(tasks))

    @precondition(lambda self: self.woken)
    @rule(data=st.data())
    def run(self, data: st.DataObject) -> None:
        """Run a task that was woken, with the message that the task was given."""
        receives, task = data.draw(st.sampled_from(self.woken))
        self.woken.remove((receives, task))
        if task.leased and task.given is not NOTHING:
            self.leased.append(task.given)

    @precondition(lambda self: any(task.given is not NOTHING for _, task in self.woken))
    @rule(data=st.data())
    def destroy(self, data: st.DataObject) -> None:
        """Destroy a task that was given something and has yet to run."""
        given = [one for one in self.woken if one[1].given is not NOTHING]
        receives, task = data.draw(st.sampled_from(given))
        self.woken.remove((receives, task))
        if task.leased:
            self.core.give_back(task.given, self.deliveries[task.given])
        else:
            queue: Any = self.core.receivers if receives else self.core.senders
            self._interrupt(queue, task)
            self.deliveries[task.given] = 0  # known to leases alone
        if receives:
            self._put_back(task.given)
            if task.leased:
                self._end()

    @precondition(lambda self: self.sent >= self.open_for)
    @rule()
    def close(self) -> None:
        self.core.close()
        self.closed = True
        self._dismiss(self.senders, list(self.senders), receives=False)
        batching = [task for task in self.receivers if task.batching]
        self._dismiss(self.receivers, batching, receives=True)
        self._end()

    @invariant()
    def agrees(self) -> None:
        core = self.core
        invariants.check(core, extra=self.returned)
        assert list(core.buffer) == self.messages
        assert core.leases == self._leases()
        now = core.statistics()
        assert now.messages_sent == self.sent
        assert now.messages_received == self.sent - len(self.messages)
        for queue, model in ((core.receivers, self.receivers), (core.senders, self.senders)):
            assert invariants.live(queue) == [task.waiter for task in model]
        for task in self.senders:
            assert task.batch is None or list(task.batch) == task.messages
        for _, task in self.woken:
            assert task.waiter.woken
            assert task.waiter.result() == self._given(task)
        if self._idle() and not core.senders:  # a sender that is leaving has yet to run
            assert all(waiter.woken for waiter in self.joiners)
            self.joiners.clear()
        assert list(core.joiners or ()) == self.joiners


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
