"""Tests the tests: breaks the core in one small way after another, and runs the suite.

A mutant is one change to one line of the source. A test of the fast part of the suite must
fail for each of them; one that survives shows a promise that no test watches over, and one
that only makes the suite hang shows a test that should end. To change nothing must make none
fail, or nothing is shown.

``nox -s mutants`` tries every 32nd, which takes minutes; ``nox -s mutants -- all`` tries all,
and any other words choose by what a mutant is about: ``nox -s mutants -- close lease``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "anycast"
# Without an event loop first: those cannot hang, and kill most mutants within seconds.
FIRST = [
    "tests/test_state_machine.py",
    "tests/test_core.py",
    "tests/test_joining.py",
    "tests/test_reentrancy.py",
    "tests/test_select_by_hand.py",
    "tests/test_interleavings.py",
    "tests/test_late_cancellation.py",
    "tests/test_late_cancellation_operations.py",
    "tests/test_yielding.py",
    "tests/test_due_yields.py",
    "tests/test_two_loops.py",
    "tests/test_ended_loops.py",
    "tests/test_foreign_threads.py",
    "tests/test_select.py",
    "tests/test_send_deque.py",
    "tests/test_send_many.py",
    "tests/test_receive_many.py",
    "tests/test_lease.py",
    "tests/test_waiters.py",
    "tests/test_debris.py",
    "tests/test_debris_of_messages.py",
    "tests/test_combinators.py",
    "tests/test_storms.py",
]
# Before those, what is about the module itself; again, what cannot hang goes first.
SELECTING = ["tests/test_select_by_hand.py", "tests/test_joining.py", "tests/test_select.py"]
COMBINING = ["tests/test_combinators.py", "tests/test_functions.py", "tests/test_merge.py"]
LATE = sorted(f"tests/{path.name}" for path in TESTS.glob("test_late_*.py"))
WAITING = ["tests/test_waiters.py", "tests/test_two_loops.py", "tests/test_guest.py"]
ABOUT = {
    "_choice": SELECTING,
    "_combinators": COMBINING,
    "_combining": [*COMBINING, "tests/test_fairness.py"],
    "_endpoints": [
        "tests/test_joining.py",
        "tests/test_interleavings.py",
        "tests/test_yielding.py",
    ],
    "_late": LATE,
    "_lease": ["tests/test_lease.py"],
    "_operation": SELECTING,
    "_select": [*SELECTING, "tests/test_fairness.py"],
    "_selection": SELECTING,
    "_waiter": [*WAITING, *LATE],
    "_waiter_asyncio": [*WAITING, *LATE],
    "_waiter_trio": [*WAITING, "tests/test_storms.py"],
}
REST = sorted({f"tests/{path.name}" for path in TESTS.glob("test_*.py")} - {*FIRST})
SECONDS = 240  # what all of it takes at most, unless a mutant makes it hang
STRIDE = 32  # of those tried by default: all of them take half an hour
SURVIVED, HUNG = NOT_KILLED = ("survived", "hung, and no test failed")


class Mutant(NamedTuple):
    """A change that breaks a promise."""

    what: str
    module: str
    old: str
    new: str


UNCHANGED = Mutant(
    "nothing",
    "_core",
    "from __future__ import annotations\n",
    "from __future__ import annotations\n",
)
MUTANTS = [
    Mutant(
        "room for one message too many",
        "_core",
        "self.capacity = int(min(self.limit, sys.maxsize))",
        "self.capacity = int(min(self.limit + 1, sys.maxsize))",
    ),
    Mutant(
        "room for one message too few",
        "_core",
        "self.capacity = int(min(self.limit, sys.maxsize))",
        "self.capacity = max(int(min(self.limit, sys.maxsize)) - 1, 0)",
    ),
    Mutant(
        "with `yield_every=1` one operation need not yield",
        "_core",
        "self.budget = self.yield_at = yield_every if yield_every > 1 else 0",
        "self.budget = self.yield_at = yield_every",
    ),
    Mutant(
        "a new channel yields before its first operation",
        "_core",
        "self.budget = self.yield_at = yield_every if yield_every > 1 else 0",
        "self.budget = yield_every if yield_every > 1 else 0",
    ),
    Mutant(
        "end while a lease is open",
        "_core",
        "return self.closed and not self.buffer and not self.leases",
        "return self.closed and not self.buffer",
    ),
    Mutant(
        "end while messages are stored",
        "_core",
        "return self.closed and not self.buffer and not self.leases",
        "return self.closed and not self.leases",
    ),
    Mutant(
        "end as soon as nothing is stored",
        "_core",
        "return self.closed and not self.buffer and not self.leases",
        "return not self.buffer and not self.leases",
    ),
    Mutant(
        "a yield does not begin a new row",
        "_core",
        "        self.yield_at = self.transfers + self.budget\n        return LoopBinding",
        "        return LoopBinding",
    ),
    Mutant(
        "nobody waits if no receiver does",
        "_core",
        "return self.receivers, self.senders",
        "return (self.receivers,)",
    ),
    Mutant(
        "nobody waits if no sender does",
        "_core",
        "return self.receivers, self.senders",
        "return (self.senders,)",
    ),
    Mutant(
        "an operation that was interrupted stays in the queue",
        "_core",
        "        queue.pop(waiter, None)\n        return outcome",
        "        return outcome",
    ),
    Mutant(
        "an operation that was interrupted must still stand in the queue",
        "_core",
        "        queue.pop(waiter, None)\n        return outcome",
        "        del queue[waiter]\n        return outcome",
    ),
    Mutant(
        "a receiver that is destroyed keeps the message that it was given",
        "_core",
        "self.put_back if queue is self.receivers else None",
        "None",
    ),
    Mutant(
        "a sender that is destroyed gives a message back",
        "_core",
        "self.put_back if queue is self.receivers else None",
        "self.put_back",
    ),
    Mutant(
        "store a message while a receiver waits",
        "_core",
        "        if self.receivers and self.hand_over(message):\n            return True\n",
        "",
    ),
    Mutant(
        "store a message that was handed over",
        "_core",
        "        if self.receivers and self.hand_over(message):\n            return True\n",
        "        if self.receivers:\n            self.hand_over(message)\n",
    ),
    Mutant(
        "store a message over the limit",
        "_core",
        "        if used >= self.capacity:\n            return False\n",
        "        if used > self.capacity:\n            return False\n",
    ),
    Mutant(
        "a message that is stored does not count",
        "_core",
        "        self.transfers += 1\n        self.buffer.append(message)\n",
        "        self.buffer.append(message)\n",
    ),
    Mutant(
        "store a message before the others",
        "_core",
        "        self.transfers += 1\n        self.buffer.append(message)\n",
        "        self.transfers += 1\n        self.buffer.appendleft(message)\n",
    ),
    Mutant(
        "a message that is stored leaves the peak as it was",
        "_core",
        "        if used >= self.peak:\n            self.peak = used + 1\n",
        "",
    ),
    Mutant(
        "a peak is never passed",
        "_core",
        "        if used >= self.peak:\n",
        "        if used > self.peak:\n",
    ),
    Mutant(
        "hand over from any thread",
        "_core",
        "        if self.running_loop() is not self.loop:\n            self.check_thread()\n        while self.receivers:",
        "        while self.receivers:",
    ),
    Mutant(
        "hand over to the newest receiver",
        "_core",
        "waiter, leases = self.receivers.popitem(last=False)",
        "waiter, leases = self.receivers.popitem()",
    ),
    Mutant(
        "a receiver leaves its queue once it is woken",
        "_core",
        "            waiter, leases = self.receivers.popitem(last=False)\n            self.leases += leases\n            if self.wake(waiter, message):\n",
        "            waiter, leases = next(iter(self.receivers.items()))\n            self.leases += leases\n            woken = self.wake(waiter, message)\n            self.receivers.pop(waiter, None)\n            if woken:\n",
    ),
    Mutant(
        "a message that is handed over on lease is not counted",
        "_core",
        "            self.leases += leases\n",
        "",
    ),
    Mutant(
        "a receiver that refuses leaves its lease open",
        "_core",
        "            self.leases -= leases\n        return False\n",
        "        return False\n",
    ),
    Mutant(
        "a receiver that refuses is taken for the last one",
        "_core",
        "            self.leases -= leases\n        return False\n",
        "            self.leases -= leases\n            break\n        return False\n",
    ),
    Mutant(
        "a receiver that refuses has been given a message",
        "_core",
        "            if self.wake(waiter, message):\n                self.transfers += 2",
        "            self.wake(waiter, message)\n            if True:\n                self.transfers += 2",
    ),
    Mutant(
        "a message that is handed over counts as sent alone",
        "_core",
        "self.transfers += 2  # it was sent, and received",
        "self.transfers += 1  # it was sent, and received",
    ),
    Mutant(
        "a message that is handed over counts twice towards a yield",
        "_core",
        "  # it was sent, and received\n                self.yield_at += 1\n",
        "  # it was sent, and received\n",
    ),
    Mutant(
        "a message that is taken makes no room",
        "_core",
        "if self.senders and len(buffer) <= self.capacity:",
        "if self.senders and len(buffer) < self.capacity:",
    ),
    Mutant(
        "a message that is taken makes room over the limit",
        "_core",
        "if self.senders and len(buffer) <= self.capacity:",
        "if self.senders:",
    ),
    Mutant(
        "take nothing from senders while messages are stored",
        "_core",
        "if self.senders and len(buffer) <= self.capacity:",
        "if self.senders and not buffer:",
    ),
    Mutant(
        "take what senders that are leaving did not offer",
        "_core",
        "            if message is not NOTHING:\n                buffer.append(message)\n",
        "            buffer.append(message)\n",
    ),
    Mutant(
        "a message that is taken does not count",
        "_core",
        "        self.transfers += 1\n        return buffer.popleft()\n",
        "        return buffer.popleft()\n",
    ),
    Mutant(
        "take the newest message",
        "_core",
        "        self.transfers += 1\n        return buffer.popleft()\n",
        "        self.transfers += 1\n        return buffer.pop()\n",
    ),
    Mutant(
        "take from senders of any thread",
        "_core",
        "        if self.running_loop() is not self.loop:\n            self.check_thread()\n        senders =",
        "        senders =",
    ),
    Mutant(
        "take from the newest sender",
        "_core",
        "waiter, message = senders.popitem(last=False)",
        "waiter, message = senders.popitem()",
    ),
    Mutant(
        "a sender that is leaving is taken for the last one",
        "_core",
        "            elif not self.wake(waiter, None):\n                continue\n",
        "            elif not self.wake(waiter, None):\n                return NOTHING\n",
    ),
    Mutant(
        "take the message of a sender that is leaving",
        "_core",
        "            elif not self.wake(waiter, None):\n                continue\n",
        "            else:\n                self.wake(waiter, None)\n",
    ),
    Mutant(
        "take the message of a sender, and leave the sender blocked",
        "_core",
        "            elif not self.wake(waiter, None):\n                continue\n",
        "",
    ),
    Mutant(
        "two tasks share the operation that was kept",
        "_combinators",
        "        spare, self._cached = self._cached, None\n",
        "        spare = self._cached\n",
    ),
    Mutant(
        "a message that is taken from a sender does not count as sent",
        "_core",
        "            self.transfers += 1\n            self.yield_at += 1\n            return message\n",
        "            self.yield_at += 1\n            return message\n",
    ),
    Mutant(
        "a message that is taken from a sender counts twice towards a yield",
        "_core",
        "            self.transfers += 1\n            self.yield_at += 1\n            return message\n",
        "            self.transfers += 1\n            return message\n",
    ),
    Mutant(
        "a batch waits on when its last message was taken",
        "_core",
        "if _length(messages) > 1 and not waiter.done():",
        "if _length(messages) and not waiter.done():",
    ),
    Mutant(
        "take out of a batch that is leaving",
        "_core",
        "if _length(messages) > 1 and not waiter.done():",
        "if _length(messages) > 1:",
    ),
    Mutant(
        "a batch goes on with its first message",
        "_core",
        "if _length(messages) > 1 and not waiter.done():",
        "if False:",
    ),
    Mutant(
        "a batch keeps its place in the queue",
        "_core",
        "                    senders[waiter] = message  # behind the others\n",
        "                    senders[waiter] = message\n                    senders.move_to_end(waiter, last=False)\n",
    ),
    Mutant(
        "a batch leaves the queue with its first message",
        "_core",
        "                    senders[waiter] = message  # behind the others\n",
        "                    pass\n",
    ),
    Mutant(
        "take the last message of a batch that is leaving",
        "_core",
        "                elif not self.wake(waiter, None) or not _length(messages):  # or its owner took all\n                    continue\n",
        "                else:\n                    self.wake(waiter, None)\n                    if not _length(messages):\n                        continue\n",
    ),
    Mutant(
        "take out of a batch that its owner has emptied",
        "_core",
        "elif not self.wake(waiter, None) or not _length(messages):",
        "elif not self.wake(waiter, None):",
    ),
    Mutant(
        "a batch that its owner has emptied is taken for the last sender",
        "_core",
        "                elif not self.wake(waiter, None) or not _length(messages):  # or its owner took all\n                    continue\n",
        "                elif not self.wake(waiter, None) or not _length(messages):  # or its owner took all\n                    return NOTHING\n",
    ),
    Mutant(
        "take the newest message of a batch",
        "_core",
        "message = _popleft(messages)",
        "message = messages.pop()",
    ),
    Mutant(
        "code of the caller's own kind of deque runs in a peer's step",
        "_core",
        "message = _popleft(messages)",
        "message = messages.popleft()",
    ),
    Mutant(
        "a batch gives waiting receivers nothing",
        "_core",
        "while messages and self.receivers and self.hand_over(messages[0]):",
        "while False:",
    ),
    Mutant(
        "a batch gives one receiver a message",
        "_core",
        "while messages and self.receivers and self.hand_over(messages[0]):",
        "if messages and self.receivers and self.hand_over(messages[0]):",
    ),
    Mutant(
        "a batch loses the message that receivers refused",
        "_core",
        "        while messages and self.receivers and self.hand_over(messages[0]):\n            _popleft(messages)\n",
        "        while messages and self.receivers and self.hand_over(_popleft(messages)):\n            pass\n",
    ),
    Mutant(
        "a batch takes more room than there is",
        "_core",
        "room = max(min(self.capacity - len(buffer), len(messages)), 0)",
        "room = len(messages)",
    ),
    Mutant(
        "a batch sends more than the caller has",
        "_core",
        "room = max(min(self.capacity - len(buffer), len(messages)), 0)",
        "room = max(self.capacity - len(buffer), 0)",
    ),
    Mutant(
        "a batch counts messages that came back as less than no room",
        "_core",
        "room = max(min(self.capacity - len(buffer), len(messages)), 0)",
        "room = min(self.capacity - len(buffer), len(messages))",
    ),
    Mutant(
        "a batch waits for room for all of it",
        "_core",
        "room = max(min(self.capacity - len(buffer), len(messages)), 0)",
        "room = len(messages) * (len(messages) <= self.capacity - len(buffer))",
    ),
    Mutant(
        "a batch is sent, and stays with the caller",
        "_core",
        "buffer.extend([_popleft(messages) for _ in range(room)])",
        "buffer.extend([messages[number] for number in range(room)])",
    ),
    Mutant(
        "a batch is sent backwards",
        "_core",
        "buffer.extend([_popleft(messages) for _ in range(room)])",
        "buffer.extend([messages.pop() for _ in range(room)])",
    ),
    Mutant(
        "a batch that is stored does not count as sent",
        "_core",
        "        self.transfers += room\n",
        "",
    ),
    Mutant(
        "a batch leaves the peak as it was",
        "_core",
        "        self.peak = max(self.peak, len(buffer))\n        self.yield_at",
        "        self.yield_at",
    ),
    Mutant(
        "each message of a batch that is sent counts towards a yield",
        "_core",
        "        self.yield_at = self.transfers + left - 1\n",
        "",
    ),
    Mutant(
        "a batch that is sent does not count towards a yield",
        "_core",
        "self.yield_at = self.transfers + left - 1",
        "self.yield_at = self.transfers + left",
    ),
    Mutant(
        "take many messages, and none from senders",
        "_core",
        "        if self.senders:\n            self._pull_many(most + self.capacity)\n",
        "",
    ),
    Mutant(
        "senders stay blocked though many messages were taken",
        "_core",
        "self._pull_many(most + self.capacity)",
        "self._pull_many(most)",
    ),
    Mutant(
        "take one message too many",
        "_core",
        "range(min(most, len(buffer)))",
        "range(min(most + 1, len(buffer)))",
    ),
    Mutant(
        "take many messages from the end",
        "_core",
        "messages = [buffer.popleft() for",
        "messages = [buffer.pop() for",
    ),
    Mutant(
        "many messages that are taken do not count",
        "_core",
        "        self.transfers += len(messages)\n",
        "",
    ),
    Mutant(
        "each message of a batch that is received counts towards a yield",
        "_core",
        "        self.transfers += len(messages)\n        self.yield_at = self.transfers + left\n",
        "        self.transfers += len(messages)\n",
    ),
    Mutant(
        "take many messages before it is known that their senders can be woken",
        "_core",
        "        self.check_thread()\n        buffer, senders",
        "        buffer, senders",
    ),
    Mutant(
        "take in rounds from batches that are leaving",
        "_core",
        "if offer.__class__ is Batch and not waiter.done()",
        "if offer.__class__ is Batch",
    ),
    Mutant(
        "batches overtake single messages",
        "_core",
        "if batches and len({id(batch) for batch in batches}) == len(senders):",
        "if batches and len({id(batch) for batch in batches}) == len(batches):",
    ),
    Mutant(
        "take in rounds from a deque that two senders share",
        "_core",
        "if batches and len({id(batch) for batch in batches}) == len(senders):",
        "if batches and len(batches) == len(senders):",
    ),
    Mutant(
        "a batch is emptied, and nobody wakes its sender",
        "_core",
        "            rounds = max(min(room // len(batches), min(map(_length, batches)) - 1), 0)\n",
        "            rounds = max(min(room // len(batches), min(map(_length, batches))), 0)\n",
    ),
    Mutant(
        "the longest batch says how many rounds there are",
        "_core",
        "            rounds = max(min(room // len(batches), min(map(_length, batches)) - 1), 0)\n",
        "            rounds = max(min(room // len(batches), max(map(_length, batches)) - 1), 0)\n",
    ),
    Mutant(
        "there are as many rounds as there is room",
        "_core",
        "            rounds = max(min(room // len(batches), min(map(_length, batches)) - 1), 0)\n",
        "            rounds = max(min(room, min(map(_length, batches)) - 1), 0)\n",
    ),
    Mutant(
        "an emptied batch makes less than no rounds",
        "_core",
        "            rounds = max(min(room // len(batches), min(map(_length, batches)) - 1), 0)\n",
        "            rounds = min(room // len(batches), min(map(_length, batches)) - 1)\n",
    ),
    Mutant(
        "take all from one batch before the next",
        "_core",
        "[_popleft(batch) for _ in range(rounds) for batch in batches]",
        "[_popleft(batch) for batch in batches for _ in range(rounds)]",
    ),
    Mutant(
        "what is taken in rounds does not count as sent",
        "_core",
        "            self.transfers += rounds * len(batches)\n",
        "",
    ),
    Mutant(
        "take one message too many from senders",
        "_core",
        "while len(buffer) < size and",
        "while len(buffer) <= size and",
    ),
    Mutant(
        "a message comes back before it is known that a receiver can be woken",
        "_core",
        "        self.check_thread()  # before anything has changed\n        self.transfers",
        "        self.transfers",
    ),
    Mutant(
        "store a message that comes back while a receiver waits",
        "_core",
        "        if self.receivers and self.hand_over(message):\n            self.transfers -= 1  # the message was counted as sent before\n        else:\n            self.buffer.appendleft",
        "        if True:\n            self.buffer.appendleft",
    ),
    Mutant(
        "a message that goes from one receiver to the next counts as sent twice",
        "_core",
        "            self.transfers -= 1  # the message was counted as sent before\n",
        "            pass\n",
    ),
    Mutant(
        "a message that came back counts as received",
        "_core",
        "        self.transfers -= 1\n        self.yield_at -= 1\n",
        "        self.yield_at -= 1\n",
    ),
    Mutant(
        "a message that came back does not count towards a yield",
        "_core",
        "        self.transfers -= 1\n        self.yield_at -= 1\n",
        "        self.transfers -= 1\n",
    ),
    Mutant(
        "a message comes back behind the others",
        "_core",
        "self.buffer.appendleft(message)",
        "self.buffer.append(message)",
    ),
    Mutant(
        "a message that comes back leaves the peak as it was",
        "_core",
        "            self.peak = max(self.peak, len(self.buffer))\n",
        "",
    ),
    Mutant(
        "a lease ends before it is known that receivers can be woken",
        "_core",
        "        self.check_thread()  # before anything has changed\n        self.leases",
        "        self.leases",
    ),
    Mutant(
        "a lease that is done stays open",
        "_core",
        "        self.leases -= 1\n        self._end()",
        "        self._end()",
    ),
    Mutant(
        "do not end with the last lease",
        "_core",
        "        self.leases -= 1\n        self._end()",
        "        self.leases -= 1",
    ),
    Mutant(
        "a lease that fails stays open",
        "_core",
        "        self.put_back(message)\n        self.end_lease()\n",
        "        self.put_back(message)\n",
    ),
    Mutant(
        "end before the message of the last lease is back",
        "_core",
        "        self.put_back(message)\n        self.end_lease()\n",
        "        self.end_lease()\n        self.put_back(message)\n",
    ),
    Mutant(
        "the message of a lease that fails is lost",
        "_core",
        "        self.put_back(message)\n        self.end_lease()\n",
        "        self.end_lease()\n",
    ),
    Mutant(
        "senders count as receivers",
        "_core",
        "        if queue is self.senders:\n            self.open_senders += change\n            return self.open_senders\n",
        "",
    ),
    Mutant(
        "tasks wait on at an end that is closed",
        "_core",
        "        self._dismiss(queue, waiters)\n        if not",
        "        if not",
    ),
    Mutant(
        "close the channel with the first endpoint",
        "_core",
        "if not self.count_end(queue, -1) and self.auto_close:",
        "self.count_end(queue, -1)\n        if self.auto_close:",
    ),
    Mutant(
        "never close the channel with its last endpoint",
        "_core",
        "if not self.count_end(queue, -1) and self.auto_close:",
        "if self.count_end(queue, -1) < 0:",
    ),
    Mutant(
        "close any channel with its last endpoint",
        "_core",
        "if not self.count_end(queue, -1) and self.auto_close:",
        "if not self.count_end(queue, -1):",
    ),
    Mutant(
        "count the endpoints that are closed only where they matter",
        "_core",
        "if not self.count_end(queue, -1) and self.auto_close:",
        "if self.auto_close and not self.count_end(queue, -1):",
    ),
    Mutant(
        "close before it is known that those who wait can be woken",
        "_core",
        "        self.check_thread()  # before anything has changed\n        self.closed",
        "        self.closed",
    ),
    Mutant(
        "a closed channel looks open",
        "_core",
        "self.closed, self.capacity = True, -1",
        "self.capacity = -1",
    ),
    Mutant(
        "senders stay blocked in a closed channel",
        "_core",
        "        self._dismiss(self.senders, self.senders)\n",
        "",
    ),
    Mutant(
        "receivers wait on in a closed channel that is empty",
        "_core",
        "        self._dismiss(self.senders, self.senders)\n        self._end()\n",
        "        self._dismiss(self.senders, self.senders)\n",
    ),
    Mutant(
        "receivers go with the channel though a lease is open",
        "_core",
        "if self.receivers and self.ended:",
        "if self.receivers and self.closed:",
    ),
    Mutant(
        "receivers go when a lease ends though the channel is open",
        "_core",
        "if self.receivers and self.ended:",
        "if self.receivers and not self.buffer and not self.leases:",
    ),
    Mutant(
        "whoever is dismissed stays in the queue",
        "_core",
        "            if queue.pop(waiter, NOTHING) is not NOTHING:  # its event loop is not over\n                self.wake(waiter, NOTHING)\n",
        "            if waiter in the queue:\n                self.wake(waiter, NOTHING)\n",
    ),
    Mutant(
        "whoever is dismissed must still stand in the queue",
        "_core",
        "            if queue.pop(waiter, NOTHING) is not NOTHING:  # its event loop is not over\n                self.wake(waiter, NOTHING)\n",
        "            del queue[waiter]\n            self.wake(waiter, NOTHING)\n",
    ),
    Mutant(
        "forget to wake those who are dismissed",
        "_core",
        "            if queue.pop(waiter, NOTHING) is not NOTHING:  # its event loop is not over\n                self.wake(waiter, NOTHING)\n",
        "            queue.pop(waiter, NOTHING)\n",
    ),
    Mutant(
        "wake those whose event loop is over",
        "_core",
        "            if queue.pop(waiter, NOTHING) is not NOTHING:  # its event loop is not over\n                self.wake(waiter, NOTHING)\n",
        "            queue.pop(waiter, NOTHING)\n            self.wake(waiter, NOTHING)\n",
    ),
    Mutant(
        "whoever is dismissed leaves the queue once woken",
        "_core",
        "            if queue.pop(waiter, NOTHING) is not NOTHING:  # its event loop is not over\n                self.wake(waiter, NOTHING)\n",
        "            if waiter in the queue:\n                self.wake(waiter, NOTHING)\n                queue.pop(waiter, NOTHING)\n",
    ),
    Mutant(
        "whoever is dismissed has sent",
        "_core",
        "self.wake(waiter, NOTHING)",
        "self.wake(waiter, None)",
    ),
    Mutant(
        "a late cancellation is compared with the requests when it struck",
        "_late",
        "owed[ref(task, _forget)] = error.args, count",
        "owed[ref(task, _forget)] = error.args, task.cancelling() - 1",
    ),
    Mutant(
        "a late cancellation is compared with no requests",
        "_late",
        "owed[ref(task, _forget)] = error.args, count",
        "owed[ref(task, _forget)] = error.args, 0",
    ),
    Mutant(
        "a late cancellation waits until its task waits in a channel again",
        "_late",
        "    task.get_loop().call_soon(deliver, task)\n",
        "",
    ),
    Mutant(
        "a late cancellation is delivered at once",
        "_late",
        "    task.get_loop().call_soon(deliver, task)\n",
        "    deliver(task)\n",
    ),
    Mutant(
        "a late cancellation keeps its task alive",
        "_late",
        "owed[ref(task, _forget)] = error.args, count",
        "owed[ref(task, lambda _, task=task: _forget(ref(task)))] = error.args, count",
    ),
    Mutant(
        "a task that is no more is owed a cancellation for ever",
        "_late",
        "    owed.pop(task, None)\n",
        "    pass\n",
    ),
    Mutant(
        "a cancellation that was delivered is owed still",
        "_late",
        "debt = owed.pop(ref(task), None)",
        "debt = owed.get(ref(task))",
    ),
    Mutant(
        "a task that is owed no cancellation is cancelled",
        "_late",
        "    if debt is None:\n        return False\n    args, count = debt\n",
        "    args, count = debt or ((), 0)\n",
    ),
    Mutant(
        "a cancellation that was taken back is delivered",
        "_late",
        "    if task.done() or task.cancelling() <= count:\n",
        "    if task.done():\n",
    ),
    Mutant(
        "a cancellation that was taken back is delivered if others came before",
        "_late",
        "task.cancelling() <= count:",
        "task.cancelling() < count:",
    ),
    Mutant(
        "a task that is done forgets a request",
        "_late",
        "if task.done() or task.cancelling() <= count:",
        "if task.cancelling() <= count:",
    ),
    Mutant(
        "a late cancellation is counted twice",
        "_late",
        "    task.uncancel()  # it was counted when it was first asked for\n",
        "",
    ),
    Mutant(
        "a late cancellation is taken back once it was asked for again",
        "_late",
        "    task.uncancel()  # it was counted when it was first asked for\n    return task.cancel(*args)\n",
        "    cancelled = task.cancel(*args)\n    task.uncancel()\n    return cancelled\n",
    ),
    Mutant(
        "a late cancellation loses its arguments",
        "_late",
        "return task.cancel(*args)",
        "return task.cancel()",
    ),
    Mutant(
        "a task that was cancelled was given a result",
        "_waiter",
        "given = NOTHING if not waiter.done() or waiter.cancelled() else waiter.result()",
        "given = NOTHING if not waiter.done() else waiter.result()",
    ),
    Mutant(
        "a task that was dismissed is cancelled later",
        "_waiter",
        "    if given is not NOTHING:\n",
        "    if waiter.done() and not waiter.cancelled():\n",
    ),
    Mutant(
        "no cancellation comes too late",
        "_waiter",
        "if handler_failed or postpone(waiter, error):",
        "if handler_failed:",
    ),
    Mutant(
        "a handler that fails undoes a send that has happened",
        "_waiter",
        "if handler_failed or postpone(waiter, error):",
        "if postpone(waiter, error):",
    ),
    Mutant(
        "whatever is thrown into a sender is an error of a handler",
        "_waiter",
        "handler_failed = undo is None and isinstance(error, Exception)",
        "handler_failed = undo is None",
    ),
    Mutant(
        "an error that is thrown into a receiver is one of a handler",
        "_waiter",
        "handler_failed = undo is None and isinstance(error, Exception)",
        "handler_failed = isinstance(error, Exception)",
    ),
    Mutant(
        "a task that is destroyed gives nothing back",
        "_waiter",
        "        if undo is not None:\n            undo(given)\n",
        "",
    ),
    Mutant(
        "a late cancellation is swallowed",
        "_waiter",
        "        return False\n    backend.postpone(waiter, error)\n",
        "        return False\n",
    ),
    Mutant(
        "a task that may not wait changes how the others are woken",
        "_waiter",
        "        waiter = backend.new_waiter(self)\n        self._use(backend)\n",
        "        self._use(backend)\n        waiter = backend.new_waiter(self)\n",
    ),
    Mutant(
        "forget which kind of event loop tasks wait in",
        "_waiter",
        "        waiter = backend.new_waiter(self)\n        self._use(backend)\n",
        "        waiter = backend.new_waiter(self)\n",
    ),
    Mutant(
        "look for an event loop that fits for ever",
        "_waiter",
        '        if backend is unfit:\n            raise RuntimeError("a task must be running")\n',
        "",
    ),
    Mutant(
        "yield as on the kind of event loop that came first",
        "_waiter",
        "        backend = running_backend()\n        if not any(self.queues()):  # or they would be woken in the way of another event loop\n            self._use(backend)\n        return backend.checkpoint()\n",
        "        return self.backend.checkpoint()\n",
    ),
    Mutant(
        "a task that yields changes how the others are woken",
        "_waiter",
        "        if not any(self.queues()):  # or they would be woken in the way of another event loop\n            self._use(backend)\n",
        "        self._use(backend)\n",
    ),
    Mutant(
        "let two event loops wait at once",
        "_waiter",
        "        if any(self.queues()) and not self._drop_if_over():\n",
        "        if False:\n",
    ),
    Mutant(
        "tasks of an event loop that is over keep others from waiting",
        "_waiter",
        "        if any(self.queues()) and not self._drop_if_over():\n",
        "        if any(self.queues()):\n",
    ),
    Mutant(
        "forget which event loop is served",
        "_waiter",
        "        self.loop = loop\n",
        "",
    ),
    Mutant(
        "forget in which thread tasks wait",
        "_waiter",
        "        self._thread = get_ident()\n",
        "",
    ),
    Mutant(
        "a channel serves another's event loop, and wakes tasks as before",
        "_waiter",
        "            self._use(other.backend)\n",
        "",
    ),
    Mutant(
        "a channel goes on to serve its own event loop",
        "_waiter",
        "            self.bind(other.loop)\n",
        "",
    ),
    Mutant(
        "an event loop cannot go on in another thread",
        "_waiter",
        "if self.running_loop() is self.loop or not any(self.queues()) or self._drop_if_over():",
        "if not any(self.queues()) or self._drop_if_over():",
    ),
    Mutant(
        "tasks can be woken only while their event loop runs",
        "_waiter",
        "        if get_ident() != self._thread:\n",
        "        if True:\n",
    ),
    Mutant(
        "wake tasks from another thread",
        "_waiter",
        "        if get_ident() != self._thread:\n",
        "        if False:\n",
    ),
    Mutant(
        "wake the tasks of an event loop that is over",
        "_waiter",
        "if self.running_loop() is self.loop or not any(self.queues()) or self._drop_if_over():",
        "if self.running_loop() is self.loop or not any(self.queues()):",
    ),
    Mutant(
        "a channel belongs to one thread though nobody waits",
        "_waiter",
        "if self.running_loop() is self.loop or not any(self.queues()) or self._drop_if_over():",
        "if self.running_loop() is self.loop or self._drop_if_over():",
    ),
    Mutant(
        "keep those who wait in an event loop that is over",
        "_waiter",
        "        if over:\n            for queue in self.queues():\n                queue.clear()\n",
        "",
    ),
    Mutant(
        "forget those who wait in an event loop that goes on",
        "_waiter",
        "        if over:\n            for queue in self.queues():\n",
        "        if True:\n            for queue in self.queues():\n",
    ),
    Mutant(
        "a task that was woken before is woken again",
        "_waiter",
        "        except self.backend.woken_before:\n            return False\n        return True\n",
        "        except self.backend.woken_before:\n            pass\n        return True\n",
    ),
    Mutant(
        "waking hides any error",
        "_waiter",
        "        except self.backend.woken_before:\n            return False\n",
        "        except Exception:\n            return False\n",
    ),
    Mutant(
        "an event loop is told from the next one by how anyio wraps it",
        "_waiter",
        'return getattr(token, "native_token", token)',
        "return token",
    ),
    Mutant(
        "an event loop of asyncio that is closed goes on",
        "_waiter",
        "        closed: bool = loop.is_closed()\n        return closed\n",
        "        return False\n",
    ),
    Mutant(
        "an unknown event loop is over",
        "_waiter",
        "        return is_finished(loop)\n    return False\n",
        "        return is_finished(loop)\n    return True\n",
    ),
    Mutant(
        "an event of anyio forgets what was requested before",
        "_waiter",
        "self.count = 0 if task is None else task.cancelling()",
        "self.count = 0",
    ),
    Mutant(
        "an event of anyio does not know when its task is leaving",
        "_waiter",
        "return self._event.is_set() or self.cancelled()",
        "return self._event.is_set()",
    ),
    Mutant(
        "an event of anyio that was set can be cancelled",
        "_waiter",
        "        if self._event.is_set():\n            return False\n        return self._leaving",
        "        return self._leaving",
    ),
    Mutant(
        "an event of anyio does not know that its task is leaving already",
        "_waiter",
        "return self._leaving or (self.task is not None and self.task.cancelling() > self.count)",
        "return self.task is not None and self.task.cancelling() > self.count",
    ),
    Mutant(
        "an event of anyio does not notice requests for cancellation",
        "_waiter",
        "return self._leaving or (self.task is not None and self.task.cancelling() > self.count)",
        "return self._leaving",
    ),
    Mutant(
        "an event of anyio is set twice",
        "_waiter",
        "        if self.done():\n            raise WokenError\n        self._result",
        "        self._result",
    ),
    Mutant(
        "an event of anyio keeps its result to itself",
        "_waiter",
        "        return self._result\n\n\ndef _running_loop",
        "        return NOTHING\n\n\ndef _running_loop",
    ),
    Mutant(
        "an event of anyio keeps its task",
        "_waiter",
        "self._task = ref(task) if task is not None else None",
        "self._task = (lambda: task) if task is not None else None",
    ),
    Mutant(
        "tasks wait with anyio in several event loops at once",
        "_waiter",
        "        if loop is not binding.loop:\n            binding.bind(loop)\n        task = _task_of_asyncio()",
        "        task = _task_of_asyncio()",
    ),
    Mutant(
        "with anyio a late cancellation is not delivered where the next wait begins",
        "_waiter",
        'leaving = task is not None and (_late.deliver(task) or getattr(task, "_must_cancel", False))',
        'leaving = task is not None and getattr(task, "_must_cancel", False)',
    ),
    Mutant(
        "with anyio a task that is to be cancelled takes part",
        "_waiter",
        'leaving = task is not None and (_late.deliver(task) or getattr(task, "_must_cancel", False))',
        "leaving = task is not None and _late.deliver(task)",
    ),
    Mutant(
        "with anyio a late cancellation is swallowed",
        "_waiter",
        "            _late.postpone(task, error, waiter.count)\n",
        "            pass\n",
    ),
    Mutant(
        "trio waits in asyncio whose guest it is",
        "_waiter_asyncio",
        "if loop is None or (task := current_task(loop)) is None:",
        "task: Any = None if loop is None else current_task(loop)\n        if loop is None:",
    ),
    Mutant(
        "trio yields to asyncio whose guest it is",
        "_waiter_asyncio",
        "        if current_task() is None:\n            raise RuntimeError(NO_TASK)\n",
        "",
    ),
    Mutant(
        "tasks of asyncio wait in several event loops at once",
        "_waiter_asyncio",
        "        if loop is not binding.loop:\n            binding.bind(loop)\n",
        "",
    ),
    Mutant(
        "a late cancellation is not delivered where the next wait begins",
        "_waiter_asyncio",
        "        if owed:\n            deliver(task)\n",
        "",
    ),
    Mutant(
        "a wait does not note the requests before it",
        "_waiter_asyncio",
        "        if count:\n            return CountingFuture(loop, count)\n",
        "",
    ),
    Mutant(
        "a late cancellation does not look at the requests before the wait",
        "_waiter_asyncio",
        "count = waiter.count if isinstance(waiter, CountingFuture) else 0",
        "count = 0",
    ),
    Mutant(
        "on asyncio a yield goes on at once",
        "_waiter_asyncio",
        "    def __await__(self) -> Generator[None, None, None]:\n        yield\n",
        "    def __await__(self) -> Generator[None, None, None]:\n        yield from ()\n",
    ),
    Mutant(
        "a task of trio is woken twice",
        "_waiter_trio",
        "        if self._done:\n            raise WokenError\n",
        "",
    ),
    Mutant(
        "a task of trio that was woken does not know",
        "_waiter_trio",
        "        self._done = True\n        self._result = result\n",
        "        self._result = result\n",
    ),
    Mutant(
        "a task of trio gets no result",
        "_waiter_trio",
        "reschedule(self._task, Value(result))",
        "reschedule(self._task, Value(NOTHING))",
    ),
    Mutant(
        "a task of trio is woken before it sleeps",
        "_waiter_trio",
        "        if self._asleep:\n            reschedule(",
        "        if True:\n            reschedule(",
    ),
    Mutant(
        "a task of trio is never woken",
        "_waiter_trio",
        "        self._asleep = True\n",
        "",
    ),
    Mutant(
        "a task of trio that was woken before it sleeps waits for ever",
        "_waiter_trio",
        "        if self._done:\n            return _at_once(self._result)\n",
        "",
    ),
    Mutant(
        "a task of trio that was aborted can be given a result",
        "_waiter_trio",
        "self._aborted = self._done = True",
        "self._aborted = True",
    ),
    Mutant(
        "tasks of trio wait in several runs at once",
        "_waiter_trio",
        "        if loop is not binding.loop:\n            binding.bind(loop)\n",
        "",
    ),
    Mutant(
        "asyncio waits in trio whose guest it is not",
        "_waiter_trio",
        "            return binding.new_waiter_elsewhere(Trio)\n",
        "            raise\n",
    ),
    Mutant(
        "a run of trio that has ended goes on",
        "_waiter_trio",
        "    except (RunFinishedError, OSError):  # the latter if it broke down\n        return True\n",
        "    except OSError:\n        return True\n",
    ),
    Mutant(
        "a run of trio that broke down goes on",
        "_waiter_trio",
        "    except (RunFinishedError, OSError):",
        "    except RunFinishedError:",
    ),
    Mutant(
        "an endpoint that opens is not counted",
        "_endpoints",
        "        core.count_end(queue, 1)\n",
        "",
    ),
    Mutant(
        "an operation that raises does not count towards a yield",
        "_endpoints",
        "            self._core.yield_at -= 1\n            self.raise_stopped()\n",
        "            self.raise_stopped()\n",
    ),
    Mutant(
        "clone a closed end",
        "_endpoints",
        "        if self.closed:\n            self.raise_stopped()\n        return type",
        "        return type",
    ),
    Mutant(
        "an end closes before it is known that its tasks can be woken",
        "_endpoints",
        "            if self.waiters or self._core.auto_close:\n                self._core.check_thread()  # before anything has changed\n",
        "",
    ),
    Mutant(
        "the last end closes before it is known that the others can be woken",
        "_endpoints",
        "            if self.waiters or self._core.auto_close:\n",
        "            if self.waiters:\n",
    ),
    Mutant(
        "an end in which nobody waits cannot be closed in another thread",
        "_endpoints",
        "            if self.waiters or self._core.auto_close:\n",
        "            if True:\n",
    ),
    Mutant(
        "an end that is closed looks open",
        "_endpoints",
        "            self.closed = True\n            self._core.detach",
        "            self._core.detach",
    ),
    Mutant(
        "close an end without waking its tasks",
        "_endpoints",
        "self._core.detach(self._queue, self.waiters)",
        "self._core.detach(self._queue, ())",
    ),
    Mutant(
        "close an end, and wake the tasks of the others",
        "_endpoints",
        "self._core.detach(self._queue, self.waiters)",
        "self._core.detach(self._queue, self._queue)",
    ),
    Mutant(
        "close an end as often as it is asked to",
        "_endpoints",
        "        if not self.closed:\n            if self.waiters",
        "        if True:\n            if self.waiters",
    ),
    Mutant(
        "a send never yields",
        "_endpoints",
        "        if core.transfers >= core.yield_at:\n            await core.checkpoint()\n        if self.closed or core.closed:\n            self._check_open()\n        if core.receivers and core.hand_over",
        "        if self.closed or core.closed:\n            self._check_open()\n        if core.receivers and core.hand_over",
    ),
    Mutant(
        "a send yields one operation too late",
        "_endpoints",
        "        if core.transfers >= core.yield_at:\n            await core.checkpoint()\n        if self.closed or core.closed:\n            self._check_open()\n        if core.receivers and core.hand_over",
        "        if core.transfers > core.yield_at:\n            await core.checkpoint()\n        if self.closed or core.closed:\n            self._check_open()\n        if core.receivers and core.hand_over",
    ),
    Mutant(
        "a send looks whether its end is open before it yields",
        "_endpoints",
        "        if core.transfers >= core.yield_at:\n            await core.checkpoint()\n        if self.closed or core.closed:\n            self._check_open()\n        if core.receivers and core.hand_over",
        "        if self.closed or core.closed:\n            self._check_open()\n        if core.transfers >= core.yield_at:\n            await core.checkpoint()\n        if core.receivers and core.hand_over",
    ),
    Mutant(
        "send through a closed sender",
        "_endpoints",
        "        if self.closed or core.closed:\n            self._check_open()\n        if core.receivers and core.hand_over",
        "        if core.closed:\n            self._check_open()\n        if core.receivers and core.hand_over",
    ),
    Mutant(
        "send into a closed channel",
        "_endpoints",
        "        if self.closed or core.closed:\n            self._check_open()\n        if core.receivers and core.hand_over",
        "        if self.closed:\n            self._check_open()\n        if core.receivers and core.hand_over",
    ),
    Mutant(
        "a send stores its message while a receiver waits",
        "_endpoints",
        "        if core.receivers and core.hand_over(message):\n            return\n        used",
        "        used",
    ),
    Mutant(
        "a send that has handed its message over sends it again",
        "_endpoints",
        "        if core.receivers and core.hand_over(message):\n            return\n        used",
        "        if core.receivers:\n            core.hand_over(message)\n        used",
    ),
    Mutant(
        "a send stores its message over the limit",
        "_endpoints",
        "        if used < core.capacity:\n",
        "        if used <= core.capacity:\n",
    ),
    Mutant(
        "a send that is stored does not count",
        "_endpoints",
        "            core.transfers += 1\n            core.buffer.append",
        "            core.buffer.append",
    ),
    Mutant(
        "a send that is stored leaves the peak as it was",
        "_endpoints",
        "            if used >= core.peak:\n                core.peak = used + 1\n",
        "",
    ),
    Mutant(
        "a send that is stored waits as well",
        "_endpoints",
        "                core.peak = used + 1\n            return\n",
        "                core.peak = used + 1\n",
    ),
    Mutant(
        "a send that waits does not stand in the queue",
        "_endpoints",
        "        core.senders[waiter] = self.waiters[waiter] = message\n",
        "        self.waiters[waiter] = message\n",
    ),
    Mutant(
        "a send that waits does not begin a new row",
        "_endpoints",
        "core.senders[waiter] = self.waiters[waiter] = message\n        core.yield_at = core.transfers + core.budget\n",
        "core.senders[waiter] = self.waiters[waiter] = message\n",
    ),
    Mutant(
        "an end keeps the waiter of a send",
        "_endpoints",
        "            logs, result = True, core.interrupted(core.senders, waiter)\n        finally:\n            del self.waiters[waiter]\n        if logs or result is NOTHING:\n            self._go_on(result)\n\n    def send_nowait",
        "            logs, result = True, core.interrupted(core.senders, waiter)\n        if logs or result is NOTHING:\n            self._go_on(result)\n\n    def send_nowait",
    ),
    Mutant(
        "a send that was dismissed has sent",
        "_endpoints",
        "        if logs or result is NOTHING:\n            self._go_on(result)\n\n    def send_nowait",
        "        if logs:\n            self._go_on(result)\n\n    def send_nowait",
    ),
    Mutant(
        "a send waits though there was room when it got ready",
        "_endpoints",
        "        if len(core.buffer) < core.capacity or core.closed or self.closed:\n            await self.send(message)  # code that ran meanwhile has made room\n            return\n",
        "",
    ),
    Mutant(
        "send at once through a closed sender",
        "_endpoints",
        "        if self.stopped:\n            self.raise_stopped()\n        if not self._core.offer(message):\n",
        "        if not self._core.offer(message):\n",
    ),
    Mutant(
        "a send at once that is not possible says nothing",
        "_endpoints",
        "        if not self._core.offer(message):\n            raise WouldBlock\n",
        "        if not self._core.offer(message):\n            return\n",
    ),
    Mutant(
        "a send at once counts towards a yield",
        "_endpoints",
        "            raise WouldBlock\n        self._core.yield_at += 1  # it does not count\n\n    def sending",
        "            raise WouldBlock\n\n    def sending",
    ),
    Mutant(
        "a batch to send never yields",
        "_endpoints",
        "            if core.transfers >= core.yield_at:\n                await core.checkpoint()\n            self._check_open()\n",
        "            self._check_open()\n",
    ),
    Mutant(
        "a batch looks whether it may be sent before it yields",
        "_endpoints",
        "            if core.transfers >= core.yield_at:\n                await core.checkpoint()\n            self._check_open()\n",
        "            self._check_open()\n            if core.transfers >= core.yield_at:\n                await core.checkpoint()\n",
    ),
    Mutant(
        "send a batch through a closed sender",
        "_endpoints",
        "            self._check_open()\n            core.put_many(messages)\n",
        "            core.put_many(messages)\n",
    ),
    Mutant(
        "a batch waits before it has sent what fits",
        "_endpoints",
        "            core.put_many(messages)\n",
        "",
    ),
    Mutant(
        "what comes into a deque while it is sent stays there",
        "_endpoints",
        "            if messages:\n                await self._wait(Batch(messages))\n            if not messages:\n                return\n",
        "            if messages:\n                await self._wait(Batch(messages))\n            return\n",
    ),
    Mutant(
        "an iterable is sent to its end though its channel is closed",
        "_endpoints",
        "for message in () if self.stopped else messages:",
        "for message in messages:",
    ),
    Mutant(
        "an iterable without messages looks at nothing",
        "_endpoints",
        "            if message is not NOTHING:\n                return\n",
        "            return\n",
    ),
    Mutant(
        "a batch that waits does not stand in the queue",
        "_endpoints",
        "        core.senders[waiter] = self.waiters[waiter] = offer\n",
        "        self.waiters[waiter] = offer\n",
    ),
    Mutant(
        "a batch that waits does not begin a new row",
        "_endpoints",
        "        core.senders[waiter] = self.waiters[waiter] = offer\n        core.yield_at = core.transfers + core.budget\n",
        "        core.senders[waiter] = self.waiters[waiter] = offer\n",
    ),
    Mutant(
        "an end keeps the waiter of a batch",
        "_endpoints",
        "        finally:\n            del self.waiters[waiter]\n        if logs or result is NOTHING:\n            self._go_on(result)\n\n    def _go_on",
        "        if logs or result is NOTHING:\n            self._go_on(result)\n\n    def _go_on",
    ),
    Mutant(
        "a batch that was dismissed has been sent",
        "_endpoints",
        "        if logs or result is NOTHING:\n            self._go_on(result)\n\n    def _go_on",
        "        if logs:\n            self._go_on(result)\n\n    def _go_on",
    ),
    Mutant(
        "a sender that goes on says so though its message was not taken",
        "_endpoints",
        "        if result is NOTHING:\n            self.raise_stopped()\n        log_of(self._core).resumed(self)\n",
        "        log_of(self._core).resumed(self)\n        if result is NOTHING:\n            self.raise_stopped()\n",
    ),
    Mutant(
        "a sender stops with its end alone",
        "_endpoints",
        "return self.closed or self._core.closed",
        "return self.closed",
    ),
    Mutant(
        "a receive never yields",
        "_endpoints",
        "        if core.transfers >= core.yield_at:\n            await core.checkpoint()\n        if self.closed or core.closed:\n            self._check_open()\n        # Inlined: `Core.take`.",
        "        if self.closed or core.closed:\n            self._check_open()\n        # Inlined: `Core.take`.",
    ),
    Mutant(
        "a receive yields one operation too late",
        "_endpoints",
        "        if core.transfers >= core.yield_at:\n            await core.checkpoint()\n        if self.closed or core.closed:\n            self._check_open()\n        # Inlined: `Core.take`.",
        "        if core.transfers > core.yield_at:\n            await core.checkpoint()\n        if self.closed or core.closed:\n            self._check_open()\n        # Inlined: `Core.take`.",
    ),
    Mutant(
        "a receive looks whether its end is open before it yields",
        "_endpoints",
        "        if core.transfers >= core.yield_at:\n            await core.checkpoint()\n        if self.closed or core.closed:\n            self._check_open()\n        # Inlined: `Core.take`.",
        "        if self.closed or core.closed:\n            self._check_open()\n        if core.transfers >= core.yield_at:\n            await core.checkpoint()\n        # Inlined: `Core.take`.",
    ),
    Mutant(
        "receive through a closed receiver",
        "_endpoints",
        "        if self.closed or core.closed:\n            self._check_open()\n        # Inlined: `Core.take`.",
        "        if core.closed:\n            self._check_open()\n        # Inlined: `Core.take`.",
    ),
    Mutant(
        "wait to receive at the end of a channel",
        "_endpoints",
        "        if self.closed or core.closed:\n            self._check_open()\n        # Inlined: `Core.take`.",
        "        if self.closed:\n            self._check_open()\n        # Inlined: `Core.take`.",
    ),
    Mutant(
        "a receive takes nothing from senders",
        "_endpoints",
        "        if core.senders and len(buffer) <= core.capacity:\n",
        "        if False:\n",
    ),
    Mutant(
        "a receive makes no room",
        "_endpoints",
        "        if core.senders and len(buffer) <= core.capacity:\n",
        "        if core.senders and len(buffer) < core.capacity:\n",
    ),
    Mutant(
        "a receive makes room over the limit",
        "_endpoints",
        "        if core.senders and len(buffer) <= core.capacity:\n",
        "        if core.senders:\n",
    ),
    Mutant(
        "a receive takes what senders that are leaving did not offer",
        "_endpoints",
        "            if message is not NOTHING:\n                buffer.append(message)\n",
        "            buffer.append(message)\n",
    ),
    Mutant(
        "a receive does not count",
        "_endpoints",
        "            core.transfers += 1\n            return buffer.popleft()\n",
        "            return buffer.popleft()\n",
    ),
    Mutant(
        "a receive takes the newest message",
        "_endpoints",
        "            core.transfers += 1\n            return buffer.popleft()\n",
        "            core.transfers += 1\n            return buffer.pop()\n",
    ),
    Mutant(
        "a receive that waits does not stand in the queue",
        "_endpoints",
        "        core.receivers[waiter] = self.waiters[waiter] = 0\n",
        "        self.waiters[waiter] = 0\n",
    ),
    Mutant(
        "a receive that waits opens a lease",
        "_endpoints",
        "        core.receivers[waiter] = self.waiters[waiter] = 0\n",
        "        core.receivers[waiter] = self.waiters[waiter] = 1\n",
    ),
    Mutant(
        "a receive that waits does not begin a new row",
        "_endpoints",
        "core.receivers[waiter] = self.waiters[waiter] = 0\n        core.yield_at = core.transfers + core.budget\n",
        "core.receivers[waiter] = self.waiters[waiter] = 0\n",
    ),
    Mutant(
        "a receive that was interrupted looks for itself among the senders",
        "_endpoints",
        "core.interrupted(core.receivers, waiter)",
        "core.interrupted(core.senders, waiter)",
    ),
    Mutant(
        "an end keeps the waiter of a receive",
        "_endpoints",
        "        finally:\n            del self.waiters[waiter]\n        if message",
        "        if message",
    ),
    Mutant(
        "a receive that was dismissed returns nothing",
        "_endpoints",
        "        if message is NOTHING:\n            self.raise_stopped()\n        return message\n",
        "        return message\n",
    ),
    Mutant(
        "async for never yields",
        "_endpoints",
        "if core.buffer and core.transfers < core.yield_at and not self.closed:",
        "if core.buffer and not self.closed:",
    ),
    Mutant(
        "async for goes on through a closed receiver",
        "_endpoints",
        "if core.buffer and core.transfers < core.yield_at and not self.closed:",
        "if core.buffer and core.transfers < core.yield_at:",
    ),
    Mutant(
        "async for fails at the end",
        "_endpoints",
        "            raise StopAsyncIteration from None\n",
        "            raise\n",
    ),
    Mutant(
        "receive at once through a closed receiver",
        "_endpoints",
        "        if self.stopped:\n            self.raise_stopped()\n        message: T = self._core.take()\n",
        "        message: T = self._core.take()\n",
    ),
    Mutant(
        "a receive at once counts towards a yield",
        "_endpoints",
        "            raise WouldBlock\n        self._core.yield_at += 1  # it does not count\n        return message\n",
        "            raise WouldBlock\n        return message\n",
    ),
    Mutant(
        "receive one message where many were asked for",
        "_endpoints",
        "*(() if self.closed else self._core.take_many(max_messages - 1))",
        "*()",
    ),
    Mutant(
        "receive one message more than was asked for",
        "_endpoints",
        "self._core.take_many(max_messages - 1)",
        "self._core.take_many(max_messages)",
    ),
    Mutant(
        "a batch goes on through a receiver that was closed meanwhile",
        "_endpoints",
        "*(() if self.closed else self._core.take_many(max_messages - 1))",
        "*self._core.take_many(max_messages - 1)",
    ),
    Mutant(
        "receive a message before it is known that senders can be woken",
        "_endpoints",
        "        self._core.check_thread()  # before anything has changed\n        first",
        "        first",
    ),
    Mutant(
        "a receive waits though a message came while it got ready",
        "_endpoints",
        "        if core.buffer or self.closed or (core.closed and core.ended):\n            return await self.receive()  # code that ran meanwhile has sent a message\n",
        "",
    ),
    Mutant(
        "a receiver stops before the last message is received",
        "_endpoints",
        "return self.closed or self._core.ended",
        "return self.closed or self._core.closed",
    ),
    Mutant(
        "a task that waits for a lease opens none",
        "_endpoints",
        "LeaseOperation[T](self, self._core, self._queue, 1)",
        "LeaseOperation[T](self, self._core, self._queue, 0)",
    ),
    Mutant(
        "an operation keeps the message that it handed over",
        "_operation",
        "        finally:\n            self.clear_result()\n",
        "        finally:\n            pass\n",
    ),
    Mutant(
        "an operation that has ended keeps what was received last",
        "_operation",
        "        self.clear_result()\n        self.ended = True",
        "        self.ended = True",
    ),
    Mutant(
        "a select that acts at once never yields",
        "_operation",
        "if core.transfers >= core.yield_at or core.closed or self.endpoint.closed:",
        "if core.closed or self.endpoint.closed:",
    ),
    Mutant(
        "lose an error that came after other messages",
        "_combinators",
        "if spare is None or self._deferred_errors:",
        "if spare is None:",
    ),
    Mutant(
        "a select acts at once through a closed end",
        "_operation",
        "if core.transfers >= core.yield_at or core.closed or self.endpoint.closed:",
        "if core.transfers >= core.yield_at or core.closed:",
    ),
    Mutant(
        "a select acts through an end that has stopped",
        "_operation",
        "        if not self.endpoint.stopped:\n            return self._transfer()\n",
        "        if not self.endpoint.closed:\n            return self._transfer()\n",
    ),
    Mutant(
        "to find that an end has stopped does not count towards a yield",
        "_operation",
        "        self.core.yield_at -= 1  # to find that out counts as an operation\n",
        "",
    ),
    Mutant(
        "a select finds only what needs a peer",
        "_operation",
        "return self if self.peers or self.needs_no_peer() else None",
        "return self if self.peers else None",
    ),
    Mutant(
        "a select finds no peer that waits",
        "_operation",
        "return self if self.peers or self.needs_no_peer() else None",
        "return self if self.needs_no_peer() else None",
    ),
    Mutant(
        "a select finds room that is not there",
        "_operation",
        "return len(core.buffer) < core.capacity or core.closed or self.endpoint.closed",
        "return len(core.buffer) <= core.capacity or core.closed or self.endpoint.closed",
    ),
    Mutant(
        "a select does not find that it cannot send into a closed channel",
        "_operation",
        "return len(core.buffer) < core.capacity or core.closed or self.endpoint.closed",
        "return len(core.buffer) < core.capacity or self.endpoint.closed",
    ),
    Mutant(
        "a select does not find a closed sender",
        "_operation",
        "return len(core.buffer) < core.capacity or core.closed or self.endpoint.closed",
        "return len(core.buffer) < core.capacity or core.closed",
    ),
    Mutant(
        "a select has sent though there is no room",
        "_operation",
        "        if not self.core.offer(self.offer):\n            return False\n        self.value = None\n",
        "        self.core.offer(self.offer)\n        self.value = None\n",
    ),
    Mutant(
        "a select finds no message",
        "_operation",
        "return bool(self.core.buffer) or self.endpoint.closed or self.core.ended",
        "return self.endpoint.closed or self.core.ended",
    ),
    Mutant(
        "a select does not find the end of a channel",
        "_operation",
        "return bool(self.core.buffer) or self.endpoint.closed or self.core.ended",
        "return bool(self.core.buffer) or self.endpoint.closed",
    ),
    Mutant(
        "a select does not find a closed receiver",
        "_operation",
        "return bool(self.core.buffer) or self.endpoint.closed or self.core.ended",
        "return bool(self.core.buffer) or self.core.ended",
    ),
    Mutant(
        "a select that is destroyed keeps the message that it was given",
        "_operation",
        "        self.core.put_back(given)\n",
        "        pass\n",
    ),
    Mutant(
        "a lease that is taken at once is not counted",
        "_lease",
        "        core.leases += 1  # before the message is taken: the channel does not end without it\n",
        "        core.leases += 0\n",
    ),
    Mutant(
        "a lease that found no message stays open",
        "_lease",
        "            core.leases -= not taken\n",
        "            pass\n",
    ),
    Mutant(
        "a lease that is destroyed keeps its lease open",
        "_lease",
        "        self.core.give_back(given)\n",
        "        self.core.put_back(given)\n",
    ),
    Mutant(
        "a message on lease cannot come back",
        "_lease",
        "LeasedMessage(given, core.end_lease, partial(core.give_back, given))",
        "LeasedMessage(given, core.end_lease, core.end_lease)",
    ),
    Mutant(
        "a lease keeps its operation",
        "_lease",
        "        leasing, self._leasing = self._leasing, None  # it would keep the message\n",
        "        leasing = self._leasing\n",
    ),
    Mutant(
        "the operation of a lease keeps its message",
        "_lease",
        "self._held = leasing.take_result()  # it would keep an error",
        "self._held = leasing.result()",
    ),
    Mutant(
        "a lease keeps its message",
        "_lease",
        "        del self._held  # whatever keeps the lease does not keep the message\n",
        "",
    ),
    Mutant(
        "a lease that is done gives its message back",
        "_lease",
        "            self._held.done()\n        else:",
        "            self._held.give_back()\n        else:",
    ),
    Mutant(
        "lose the message of a lease that fails",
        "_lease",
        "        else:\n            self._held.give_back()\n",
        "        else:\n            self._held.done()\n",
    ),
    Mutant(
        "prefer the first operation that is ready",
        "_choice",
        "return ready[random_index(len(ready))]",
        "return ready[0]",
    ),
    Mutant(
        "ignore the order of the operations",
        "_choice",
        "            if in_order:\n                break\n",
        "",
    ),
    Mutant(
        "a batch loses the error that ends it",
        "_combinators",
        "                    self._deferred_errors.append(operation.error)\n",
        "                    pass\n",
    ),
    Mutant(
        "a select serves the event loop of its first channel alone",
        "_selection",
        "            leaf.core.bind_like(first)\n",
        "            pass\n",
    ),
    Mutant(
        "arms that share a queue stand there in the order given",
        "_selection",
        "if not in_order and len({id(leaf.queue) for _, leaf in leaves}) < len(leaves):",
        "if False:",
    ),
    Mutant(
        "arms that share a queue stand there in any order, though one was given",
        "_selection",
        "if not in_order and len({id(leaf.queue) for _, leaf in leaves}) < len(leaves):",
        "if len({id(leaf.queue) for _, leaf in leaves}) < len(leaves):",
    ),
    Mutant(
        "arms share no queue unless all of them do",
        "_selection",
        "if not in_order and len({id(leaf.queue) for _, leaf in leaves}) < len(leaves):",
        "if not in_order and len({id(leaf.queue) for _, leaf in leaves}) == 1:",
    ),
    Mutant(
        "an arm does not stand in the queue",
        "_selection",
        "            leaf.queue[arm] = leaf.offer\n",
        "",
    ),
    Mutant(
        "an arm is not told when its end is closed",
        "_selection",
        "            leaf.endpoint.waiters[arm] = None\n",
        "",
    ),
    Mutant(
        "a select that waits does not begin a new row",
        "_selection",
        "            leaf.core.yield_at = leaf.core.transfers + leaf.core.budget\n",
        "",
    ),
    Mutant(
        "a select that was claimed while it stood in the queue stays there",
        "_selection",
        "        if self.missed or self.waiter.done():\n            self.arms = arms\n            self.leave()\n",
        "        if self.missed:\n            self.arms = arms\n            self.leave()\n",
    ),
    Mutant(
        "a select that was claimed while it stood in line forgets where it stood since",
        "_selection",
        "            self.arms = arms\n            self.leave()\n",
        "            self.leave()\n",
    ),
    Mutant(
        "a select keeps its arms",
        "_selection",
        "arms, self.arms = self.arms, []  # each arm knows its select: a cycle",
        "arms = self.arms",
    ),
    Mutant(
        "a select leaves its ends, and not its queues",
        "_selection",
        "            leaf.queue.pop(arm, None)\n",
        "",
    ),
    Mutant(
        "a select leaves its queues, and not its ends",
        "_selection",
        "            leaf.endpoint.waiters.pop(arm, None)\n",
        "            pass\n",
    ),
    Mutant(
        "a select that was interrupted stays in its queues",
        "_selection",
        "            self.leave()\n            result = outcome",
        "            result = outcome",
    ),
    Mutant(
        "a select that is destroyed undoes nothing",
        "_selection",
        "outcome(self.waiter, self.winner[1].undo)",
        "outcome(self.waiter, None)",
    ),
    Mutant(
        "a select takes the closing of an end for a message",
        "_selection",
        "        if result is NOTHING:\n            leaf.set_ended()\n        else:\n            leaf.accept(result)\n",
        "        leaf.accept(result)\n",
    ),
    Mutant(
        "a select forgets what it was given",
        "_selection",
        "        else:\n            leaf.accept(result)\n",
        "",
    ),
    Mutant(
        "a select that was claimed stays in its other queues",
        "_selection",
        "        if not blocked.waiter.done():\n            blocked.leave()\n",
        "        pass\n",
    ),
    Mutant(
        "a select has performed its first operation, whichever was claimed",
        "_selection",
        "        blocked.winner = self.claim\n",
        "",
    ),
    Mutant(
        "a select that was claimed keeps the arm that came last",
        "_selection",
        "        blocked.waiter.set_result(result)\n        blocked.winner = self.claim\n",
        "        blocked.winner = self.claim\n        blocked.waiter.set_result(result)\n",
    ),
    Mutant(
        "a select waits for what was sent before it stood in the queue",
        "_selection",
        "self.missed = any(leaf.needs_no_peer() for _, leaf in leaves)",
        "self.missed = False",
    ),
    Mutant(
        "async for ends where a function says so",
        "_combinators",
        '            raise RuntimeError("a function raised StopAsyncIteration") from error\n',
        "            raise\n",
    ),
    Mutant(
        "prefer the first operation if it is ready",
        "_select",
        "operations[0 if in_order else random_bits(30) % len(operations)]",
        "operations[0]",
    ),
    Mutant(
        "draw the operation that is looked at first in any order",
        "_select",
        "operations[0 if in_order else random_bits(30) % len(operations)]",
        "operations[random_bits(30) % len(operations)]",
    ),
    Mutant(
        "a select looks at all before the one that it drew",
        "_select",
        "    first: tuple[Operation[Any], ...] = (one,)\n",
        "    first: tuple[Operation[Any], ...] = ()\n",
    ),
    Mutant(
        "a select goes back to the one that it drew",
        "_select",
        "        first = ()\n",
        "",
    ),
    Mutant(
        "a select that must wait never yields",
        "_select",
        "            if due and not rested:\n",
        "            if False:\n",
    ),
    Mutant(
        "a select that must wait yields for ever",
        "_select",
        "            if due and not rested:\n",
        "            if due:\n",
    ),
    Mutant(
        "a select that has waited yields as well",
        "_select",
        "                if operation.complete(leaf):\n                    return operation\n            rested = True\n",
        "                if operation.complete(leaf):\n                    return operation\n                continue\n            rested = True\n",
    ),
    Mutant(
        "a select that waits returns what was turned away",
        "_select",
        "                if operation.complete(leaf):\n                    return operation\n            rested",
        "                operation.complete(leaf)\n                return operation\n            rested",
    ),
    Mutant(
        "a select that looks at all never yields",
        "_select",
        "        if leaf.core.transfers >= leaf.core.yield_at and not rested:\n",
        "        if False:\n",
    ),
    Mutant(
        "an operation that is kept keeps its receiver: a cycle",
        "_combinators",
        "        operation._receiver = None  # it would be a cycle\n",
        "",
    ),
    Mutant(
        "a select acts on what it found before it yielded",
        "_select",
        "            await leaf.core.checkpoint()\n            rested = True\n            if not in_order:  # drawn anew, what must yield would be passed over more often\n                first = (operation,)\n        else:\n",
        "            await leaf.core.checkpoint()\n            rested = True\n        if True:\n",
    ),
    Mutant(
        "a select draws anew after a yield",
        "_select",
        "                first = (operation,)\n",
        "                first = ()\n",
    ),
    Mutant(
        "a select in order goes on with what came first before a yield",
        "_select",
        "            if not in_order:  # drawn",
        "            if True:  # drawn",
    ),
    Mutant(
        "a select yields once, however many messages are turned away",
        "_select",
        "            rested = False\n            if leaf.act()",
        "            if leaf.act()",
    ),
    Mutant(
        "a select returns what did not happen",
        "_select",
        "            if leaf.act() and operation.complete(leaf):\n                return operation\n\n\ndef _check",
        "            leaf.act()\n            if operation.complete(leaf):\n                return operation\n\n\ndef _check",
    ),
    Mutant(
        "a select that does not wait counts",
        "_select",
        "            leaf.core.yield_at += 1  # it does not count\n",
        "",
    ),
    Mutant(
        "a select that does not wait takes one at a time",
        "_select",
        "    while (found := choose_ready(operations, in_order=in_order)) is not None:",
        "    if (found := choose_ready(operations, in_order=in_order)) is not None:",
    ),
    Mutant(
        "a select that does not wait ignores the order",
        "_select",
        "    while (found := choose_ready(operations, in_order=in_order)) is not None:",
        "    while (found := choose_ready(operations)) is not None:",
    ),
    Mutant(
        "a message that a filter turns away counts as received",
        "_combining",
        "bool(self._function(value)) and self.set_outcome(value=value)",
        "self.set_outcome(value=value)",
    ),
    Mutant(
        "a merge prefers its first receiver",
        "_combining",
        "self._operations[random_index(len(self._operations))]",
        "self._operations[0]",
    ),
    Mutant(
        "a merge forgets whose turn it is when that one must yield",
        "_combining",
        "        if not turn.try_fast():\n            return False\n",
        "        if not turn.try_fast():\n            self._turn = None\n            return False\n",
    ),
    Mutant(
        "a merge draws anew whenever it looks",
        "_combining",
        "        self._turn, leaf = found\n",
        "        _, leaf = found\n",
    ),
    Mutant(
        "a merge goes on with the one that it received from at a glance",
        "_combining",
        "            return False\n        self._turn = None\n",
        "            return False\n",
    ),
    Mutant(
        "a merge goes on with the one that it received from",
        "_combining",
        "        self._turn = None\n        return super().complete(leaf)",
        "        return super().complete(leaf)",
    ),
    Mutant(
        "a merge ends with the first receiver that stops",
        "_combining",
        "        if len(self._operations) == 1:\n            return self.set_ended()\n",
        "        if True:\n            return self.set_ended()\n",
    ),
    Mutant(
        "a message on lease that a filter turns away is not done",
        "_combining",
        "        if not accepted:\n            held.done()\n",
        "        pass\n",
    ),
    Mutant(
        "a merge reports the outcome of another receiver",
        "_combining",
        "return next(one for one in self._operations if leaf in one.leaves())",
        "return self._operations[0]",
    ),
    Mutant(
        "an operation adopts what was turned away within it",
        "_combining",
        "return source.complete(leaf) and self.adopt_outcome(source)",
        "source.complete(leaf)\n        return self.adopt_outcome(source)",
    ),
    Mutant(
        "a function's error reaches the sender",
        "_combining",
        "        except Exception as error:  # noqa: BLE001  `result` raises it\n            return self.set_outcome(error=_without_our_frames(error))\n",
        "        except ZeroDivisionError as error:\n            return self.set_outcome(error=_without_our_frames(error))\n",
    ),
    Mutant(
        "a message on lease that cannot be mapped is not done",
        "_combining",
        "    except BaseException:\n        held.done()\n        raise\n",
        "    except BaseException:\n        raise\n",
    ),
]


def main(words: list[str]) -> int:
    """Try some mutants, or all, or those whose description has one of the words."""
    chosen = MUTANTS if words == ["all"] else MUTANTS[::STRIDE]
    if words and words != ["all"]:
        chosen = [mutant for mutant in MUTANTS if any(word in mutant.what for word in words)]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        unchanged, *fates = pool.map(_try, [UNCHANGED, *chosen])
    if unchanged != SURVIVED:
        print("NOTHING SHOWN: the suite fails without a change, too")  # noqa: T201
        return 1
    survivors = [mutant for mutant, fate in zip(chosen, fates, strict=True) if fate in NOT_KILLED]
    for mutant in survivors:
        print(f"NOT KILLED: {mutant.what}")  # noqa: T201
    print(f"{len(chosen) - len(survivors)} mutants killed, {len(survivors)} not")  # noqa: T201
    return bool(survivors)


def _try(mutant: Mutant) -> str:
    """Run the suite against a mutant; return the test that failed first, or what happened."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "anycast"
        shutil.copytree(SOURCE, copy)
        _change(copy / f"{mutant.module}.py", mutant)
        fate = SURVIVED
        if mutant.module == "_waiter":  # first, what only `anyio.Event` needs
            fate = _first_failure(folder, [*WAITING, *LATE], "--plain-events")
        if fate == SURVIVED:
            fate = _first_failure(
                folder, [*dict.fromkeys([*ABOUT.get(mutant.module, []), *FIRST, *REST])]
            )
    print(f"{mutant.what}: {fate}", flush=True)  # noqa: T201
    return fate


def _change(module: Path, mutant: Mutant) -> None:
    text = module.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.what!r} fits {text.count(mutant.old)} places in {module.name}")
    module.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def _first_failure(path: str, tests: list[str], *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-m", "not slow"]
    quick = ["--assert=plain", "--hypothesis-profile=unshrunk"]  # nobody reads why it failed
    try:
        run = subprocess.run(  # noqa: S603  the command is ours
            [*command, *quick, *options, *tests],
            cwd=TESTS.parent,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return HUNG
    if run.returncode not in {0, 1}:
        raise RuntimeError(f"the suite could not run:\n{run.stdout}{run.stderr}")
    failed = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].partition(" - ")[0] if failed else SURVIVED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
