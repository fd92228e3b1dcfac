"""Tests the tests: breaks the core in one small way after another, and runs the suite.

A mutant is one change to one line of the source. A test of the fast part of the suite must
fail for each of them; one that survives shows a promise that no test watches over, and one
that only makes the suite hang shows a test that should end. To change nothing must make none
fail, or nothing is shown.

``nox -s mutants`` tries every fourth, which takes minutes; ``nox -s mutants -- all`` tries all,
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
    "tests/test_reentrancy.py",
    "tests/test_interleavings.py",
    "tests/test_yielding.py",
    "tests/test_two_loops.py",
    "tests/test_select.py",
    "tests/test_select_by_hand.py",
    "tests/test_send_deque.py",
    "tests/test_receive_many.py",
    "tests/test_lease.py",
    "tests/test_waiters.py",
    "tests/test_debris.py",
    "tests/test_combinators.py",
    "tests/test_storms.py",
]
# Before those, what is about the module itself; again, what cannot hang goes first.
SELECTING = ["tests/test_select_by_hand.py", "tests/test_interleavings.py", "tests/test_select.py"]
COMBINING = ["tests/test_combinators.py", "tests/test_functions.py", "tests/test_merge.py"]
ABOUT = {
    "_choice": SELECTING,
    "_combinators": COMBINING,
    "_combining": [*COMBINING, "tests/test_fairness.py"],
    "_endpoints": ["tests/test_interleavings.py", "tests/test_yielding.py"],
    "_lease": ["tests/test_lease.py"],
    "_operation": SELECTING,
    "_select": [*SELECTING, "tests/test_fairness.py"],
    "_selection": SELECTING,
    "_waiter": ["tests/test_waiters.py", "tests/test_two_loops.py"],
    "_waiter_asyncio": ["tests/test_two_loops.py", "tests/test_guest.py"],
    "_waiter_trio": ["tests/test_storms.py"],
}
REST = sorted({f"tests/{path.name}" for path in TESTS.glob("test_*.py")} - {*FIRST})
SECONDS = 240  # what all of it takes at most, unless a mutant makes it hang
STRIDE = 4  # of those tried by default: all of them take a quarter of an hour
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
        "_turns",
        "self.capacity = sys.maxsize if limit == math.inf else limit",
        "self.capacity = limit + 1",
    ),
    Mutant(
        "room for one message too few",
        "_turns",
        "self.capacity = sys.maxsize if limit == math.inf else limit",
        "self.capacity = max(limit - 1, 0)",
    ),
    Mutant(
        "take a message that is promised to another",
        "_turns",
        "return len(self.buffer) > self.reserved",
        "return len(self.buffer) > 0",
    ),
    Mutant(
        "take a place that is not there",
        "_turns",
        "return len(self.buffer) < self.capacity",
        "return len(self.buffer) <= self.capacity",
    ),
    Mutant(
        "end while a lease is open",
        "_turns",
        "return self.closed and not self.buffer and not self.leases",
        "return self.closed and not self.buffer",
    ),
    Mutant(
        "end while messages are left",
        "_turns",
        "return self.closed and not self.buffer and not self.leases",
        "return self.closed and not self.leases",
    ),
    Mutant(
        "wake nobody when a message comes",
        "_core",
        "            self.peak = len(buffer)\n        if self.receivers.waiting:\n            self.promise_messages()\n",
        "            self.peak = len(buffer)\n",
    ),
    Mutant(
        "wake nobody when a message is taken",
        "_core",
        "self.buffer.popleft()\n        if self.senders.waiting:\n            self.promise_room()\n        elif self.closed:",
        "self.buffer.popleft()\n        if self.closed:",
    ),
    Mutant(
        "forget the end of a closed channel when its last message is taken",
        "_core",
        "        elif self.closed:\n            self.end()\n        return message\n",
        "        return message\n",
    ),
    Mutant(
        "take the newest message",
        "_core",
        "message = self.buffer.popleft()",
        "message = self.buffer.pop()",
    ),
    Mutant(
        "a batch takes more room than there is",
        "_core",
        "if messages.__class__ is deque and len(messages) <= self.capacity - len(buffer):",
        "if messages.__class__ is deque:",
    ),
    Mutant(
        "a batch goes on when there is no room",
        "_core",
        "            while messages and len(buffer) < self.capacity:\n",
        "            while messages and len(buffer) <= self.capacity:\n",
    ),
    Mutant(
        "a batch gives a receiver what there is no room for",
        "_core",
        "while self.receivers.waiting and messages and len(buffer) < self.capacity:",
        "while self.receivers.waiting and messages:",
    ),
    Mutant(
        "a batch wakes no receivers",
        "_core",
        "while self.receivers.waiting and messages",
        "while False and messages",
    ),
    Mutant(
        "a batch looks into a deque of the caller's own making",
        "_core",
        "if messages.__class__ is deque and len(messages)",
        "if len(messages)",
    ),
    Mutant(
        "a batch that was sent counts each message",
        "_core",
        "            self.yield_at += max(self.acts - before - 1, 0)\n",
        "",
    ),
    Mutant(
        "a batch that was received counts each message",
        "_core",
        "        self.yield_at += len(messages) - 1\n",
        "",
    ),
    Mutant(
        "a batch that was sent does not count at all",
        "_core",
        "max(self.acts - before - 1, 0)",
        "self.acts - before",
    ),
    Mutant(
        "a batch leaves the peak as it was",
        "_core",
        "            self.peak = max(self.peak, len(buffer))\n            self._settle()",
        "            self._settle()",
    ),
    Mutant(
        "take all messages, though some are promised",
        "_core",
        "if len(buffer) <= most and not self.reserved:",
        "if len(buffer) <= most:",
    ),
    Mutant(
        "take many messages, though some are promised",
        "_core",
        "most = min(most, len(buffer) - self.reserved)",
        "most = min(most, len(buffer))",
    ),
    Mutant(
        "take one message too many",
        "_core",
        "if len(buffer) <= most and",
        "if len(buffer) <= most + 1 and",
    ),
    Mutant(
        "wake nobody when many messages are taken",
        "_core",
        "        self.yield_at += len(messages) - 1\n        if self.senders.waiting:\n            self.promise_room()\n        elif",
        "        self.yield_at += len(messages) - 1\n        if",
    ),
    Mutant(
        "forget the end when the last messages are taken",
        "_core",
        "        elif self.closed:\n            self.end()\n        return messages\n",
        "        return messages\n",
    ),
    Mutant(
        "do not count a lease",
        "_core",
        "        self.leases += 1\n",
        "",
    ),
    Mutant(
        "do not end with the last lease",
        "_core",
        "        self.leases -= 1\n        self._settle()",
        "        self.leases -= 1",
    ),
    Mutant(
        "give a message back at the end",
        "_core",
        "self.buffer.appendleft(message)",
        "self.buffer.append(message)",
    ),
    Mutant(
        "count a message that came back as received",
        "_core",
        "        self.acts -= 1\n",
        "",
    ),
    Mutant(
        "a lease that fails does not count as an operation",
        "_core",
        "        self.yield_at -= 1\n",
        "",
    ),
    Mutant(
        "a message that comes back leaves the peak as it was",
        "_core",
        "        self.peak = max(self.peak, len(self.buffer))\n        self.end_lease()",
        "        self.end_lease()",
    ),
    Mutant(
        "keep a lease open whose message came back",
        "_core",
        "        self.end_lease()\n\n    # Opening",
        "\n    # Opening",
    ),
    Mutant(
        "stay with the kind of event loop that came first",
        "_turns",
        "        self._serve(running_backend())\n        return self.make_waiter(self)",
        "        return self.make_waiter(self)",
    ),
    Mutant(
        "a yield does not begin a new row",
        "_turns",
        "        self.yield_at = self.acts + self.row\n        try:",
        "        try:",
    ),
    Mutant(
        "a wait does not begin a new row",
        "_turns",
        "        self.yield_at = self.acts + self.row  # whoever waits lets the others run\n",
        "",
    ),
    Mutant(
        "an operation that had to wait counts",
        "_turns",
        "        self.yield_at += 1  # the operation that follows does not count: it had to wait\n",
        "",
    ),
    Mutant(
        "with `yield_every=1` an operation need not yield after a wait",
        "_turns",
        "self.row: int = yield_every if yield_every > 1 else 0",
        "self.row: int = yield_every",
    ),
    Mutant(
        "let two event loops wait at once",
        "_turns",
        "        if self.receivers or self.senders:\n",
        "        if False:\n",
    ),
    Mutant(
        "let two event loops wait on one side",
        "_turns",
        "        if self.receivers or self.senders:\n",
        "        if self.receivers and self.senders:\n",
    ),
    Mutant(
        "forget which event loop is served",
        "_turns",
        "        self.loop = loop\n",
        "",
    ),
    Mutant(
        "no room for a receiver that waits: no rendezvous",
        "_turns",
        "        if line is self.receivers:\n            self.capacity += 1\n            if self.senders.waiting:\n                self.promise_room()\n",
        "",
    ),
    Mutant(
        "a receiver that comes wakes no sender",
        "_turns",
        "            self.capacity += 1\n            if self.senders.waiting:\n                self.promise_room()\n",
        "            self.capacity += 1\n",
    ),
    Mutant(
        "redeem what was never promised",
        "_turns",
        "        if place not in line.promised:\n            return False\n        del line.promised[place]\n",
        "        line.promised.pop(place, None)\n",
    ),
    Mutant(
        "redeem a message, and keep it reserved",
        "_turns",
        "            self.reserved -= 1\n            self.capacity -= 1\n        else:",
        "            self.capacity -= 1\n        else:",
    ),
    Mutant(
        "redeem a message, and leave the room behind",
        "_turns",
        "            self.reserved -= 1\n            self.capacity -= 1\n        else:",
        "            self.reserved -= 1\n        else:",
    ),
    Mutant(
        "redeem room that stays promised",
        "_turns",
        "        else:\n            self.capacity += 1\n        self.yield_at += 1",
        "        self.yield_at += 1",
    ),
    Mutant(
        "leave at once, though a sender was promised the room",
        "_turns",
        "if place in line.waiting and not self.senders.promised:",
        "if place in line.waiting:",
    ),
    Mutant(
        "leave at once, and leave the room behind",
        "_turns",
        "            del line.waiting[place]\n            if line is self.receivers:\n                self.capacity -= 1\n",
        "            del line.waiting[place]\n",
    ),
    Mutant(
        "leave without passing the promise on",
        "_turns",
        "            self._remove(line, place)\n            self._settle()\n\n    def dismiss",
        "            self._remove(line, place)\n\n    def dismiss",
    ),
    Mutant(
        "forget to wake those dismissed",
        "_turns",
        "            wake(self._remove(line, place) or place)\n",
        "            self._remove(line, place)\n",
    ),
    Mutant(
        "dismiss without passing the promises on",
        "_turns",
        "or place)\n        self._settle()\n",
        "or place)\n",
    ),
    Mutant(
        "close the channel with the first endpoint",
        "_core",
        "if self.auto_close and not line.open:",
        "if self.auto_close:",
    ),
    Mutant(
        "never close the channel with its last endpoint",
        "_core",
        "if self.auto_close and not line.open:",
        "if False:",
    ),
    Mutant(
        "leave room in a closed channel",
        "_core",
        "        self.capacity = -math.inf  # closed for good: nothing ever adds up to room\n",
        "",
    ),
    Mutant(
        "forget to wake blocked senders on close",
        "_core",
        "            self.dismiss(self.senders, [*self.senders.promised, *self.senders.waiting])",
        "            self._settle()",
    ),
    Mutant(
        "let senders keep their promises on close",
        "_core",
        "[*self.senders.promised, *self.senders.waiting]",
        "self.senders.waiting",
    ),
    Mutant(
        "promise messages that are promised already",
        "_turns",
        "            self.reserved += 1\n",
        "",
    ),
    Mutant(
        "promise one message too few",
        "_turns",
        "while self.reserved < len(self.buffer) and",
        "while self.reserved + 1 < len(self.buffer) and",
    ),
    Mutant(
        "promise one message too many",
        "_turns",
        "while self.reserved < len(self.buffer) and",
        "while self.reserved <= len(self.buffer) and",
    ),
    Mutant(
        "wake the newest receiver",
        "_turns",
        "popitem(last=False)\n            self.reserved",
        "popitem()\n            self.reserved",
    ),
    Mutant(
        "set a message aside only when its receiver is woken",
        "_turns",
        "            self.reserved += 1\n            line.promised[place] = waiter\n            if not wake(waiter):",
        "            line.promised[place] = waiter\n            woken = wake(waiter)\n            self.reserved += 1\n            if not woken:",
    ),
    Mutant(
        "promise a message to a task that is leaving",
        "_turns",
        "            if not wake(waiter):  # it is leaving: let it go, and wake the next\n                self._remove(line, place)\n                refused = True\n",
        "            wake(waiter)\n",
    ),
    Mutant(
        "keep promises of room that went with a receiver that refused",
        "_turns",
        "        if refused:  # with each of those went the room that it made\n            self._settle()\n",
        "",
    ),
    Mutant(
        "promise room that is promised already",
        "_turns",
        "            self.capacity -= 1\n            line.promised[place] = waiter\n",
        "            line.promised[place] = waiter\n",
    ),
    Mutant(
        "promise room for one message too many",
        "_turns",
        "while (room := self.capacity - len(self.buffer)) > 0 and",
        "while (room := self.capacity - len(self.buffer)) >= 0 and",
    ),
    Mutant(
        "promise room for one message too few",
        "_turns",
        "while (room := self.capacity - len(self.buffer)) > 0 and",
        "while (room := self.capacity - len(self.buffer)) > 1 and",
    ),
    Mutant(
        "a select meets itself",
        "_turns",
        "            if line.own_room and not line.bring_forward(room):\n                break\n",
        "",
    ),
    Mutant(
        "wake the newest sender",
        "_turns",
        "popitem(last=False)\n            self.capacity",
        "popitem()\n            self.capacity",
    ),
    Mutant(
        "promise room to a task that is leaving",
        "_turns",
        "            if not wake(waiter):  # as above; what it gives back is looked at next\n                self._remove(line, place)\n",
        "            wake(waiter)\n",
    ),
    Mutant(
        "a receiver that has gone keeps the message that it was promised",
        "_turns",
        "                self.reserved -= 1\n            else:\n                self.capacity += 1\n        elif",
        "                pass\n            else:\n                self.capacity += 1\n        elif",
    ),
    Mutant(
        "a sender that has gone keeps the room that it was promised",
        "_turns",
        "                self.reserved -= 1\n            else:\n                self.capacity += 1\n        elif",
        "                self.reserved -= 1\n        elif",
    ),
    Mutant(
        "a receiver that has gone leaves its room behind",
        "_turns",
        "        if line is self.receivers:\n            self.capacity -= 1  # with a receiver goes the room that it made\n",
        "",
    ),
    Mutant(
        "keep promises for which there is no room",
        "_turns",
        "            self.capacity += 1\n            self.senders.revoke()\n",
        "            break\n",
    ),
    Mutant(
        "a promise taken back leaves the room promised",
        "_turns",
        "            self.capacity += 1\n            self.senders.revoke()\n",
        "            self.senders.revoke()\n",
    ),
    Mutant(
        "never end for those who wait",
        "_turns",
        "            self.dismiss(self.receivers, self.receivers.waiting)\n",
        "            pass\n",
    ),
    Mutant(
        "take the oldest promise back",
        "_line",
        "        place, waiter = self.promised.popitem()\n",
        "        place = next(iter(self.promised))\n        waiter = self.promised.pop(place)\n",
    ),
    Mutant(
        "a promise taken back sends its task to the end of the line",
        "_line",
        "        self.waiting[place] = waiter\n        self.waiting.move_to_end(place, last=False)\n",
        "        self.waiting[place] = waiter\n",
    ),
    Mutant(
        "a select takes the room that it makes as any other",
        "_line",
        "self.own_room[place]() < room",
        "self.own_room[place]() <= room",
    ),
    Mutant(
        "a select keeps the room that it makes from the next in line",
        "_line",
        "(place for place in self.waiting if self.can_use(place, room))",
        "(place for place in [*self.waiting][:1] if self.can_use(place, room))",
    ),
    Mutant(
        "bring forward one who cannot use the room",
        "_line",
        "(place for place in self.waiting if self.can_use(place, room))",
        "iter(self.waiting)",
    ),
    Mutant(
        "find one who can use the room, and pass over nobody",
        "_line",
        "            self.waiting.move_to_end(first, last=False)\n        return",
        "            pass\n        return",
    ),
    Mutant(
        "waking hides an error of the event loop",
        "_waiter",
        "        if not _is_closed(waiter.get_loop()):\n            raise\n        return False",
        "        return False",
    ),
    Mutant(
        "waking hides an error of the waiter",
        "_waiter",
        "        if not waiter.done():\n            raise\n    return True",
        "        pass\n    return True",
    ),
    Mutant(
        "waking fails if a handler of a signal was faster",
        "_waiter",
        "        if not waiter.done():\n            raise\n    return True",
        "        raise\n    return True",
    ),
    Mutant(
        "promise to a task whose event loop is closed",
        "_waiter",
        "not (waiter.cancelled() or _is_closed(waiter.get_loop()))",
        "not waiter.cancelled()",
    ),
    Mutant(
        "fail to wake a task whose event loop is closed",
        "_waiter",
        "        if not _is_closed(waiter.get_loop()):\n            raise\n        return False",
        "        raise",
    ),
    Mutant(
        "go on after a yield without another look",
        "_endpoints",
        "            self._check_open()\n        if core.is_free(line):  # looked at again",
        "            self._check_open()\n            return\n        if core.is_free(line):  # looked at again",
    ),
    Mutant(
        "do not look whether it was closed during a yield",
        "_endpoints",
        "            await core.checkpoint()\n            self._check_open()\n",
        "            await core.checkpoint()\n",
    ),
    Mutant(
        "yield one operation too late",
        "_endpoints",
        "if core.acts >= core.yield_at and core.lets_yield(line):",
        "if core.acts > core.yield_at and core.lets_yield(line):",
    ),
    Mutant(
        "wait where it would do to yield",
        "_turns",
        "            return self.is_free(line)\n        return True",
        "            return self.is_free(line)\n        return self.is_free(line)",
    ),
    Mutant(
        "yield before a wait that is certain",
        "_turns",
        "if self.row or line.waiting or self.closed or len(line.promised) >= self.limit:",
        "if self.row or self.closed:",
    ),
    Mutant(
        "yield before an end is found",
        "_turns",
        "line.waiting or self.closed or",
        "line.waiting or",
    ),
    Mutant(
        "an operation that does not wait counts",
        "_endpoints",
        "        core.yield_at += 1  # it does not count\n",
        "",
    ),
    Mutant(
        "an operation trusts a wake-up without a look at what it holds",
        "_endpoints",
        "if logs or not core.redeem(line, place):",
        "core.redeem(line, place)\n            if logs:",
    ),
    Mutant(
        "a send trusts a wake-up without a look at what it holds",
        "_endpoints",
        "if logs or not core.redeem(core.senders, place):",
        "core.redeem(core.senders, place)\n                    if logs:",
    ),
    Mutant(
        "a receive trusts a wake-up without a look at what it holds",
        "_endpoints",
        "                    if not core.redeem(core.receivers, place):\n                        await self._go_on(place, logs=False)\n",
        "                    core.redeem(core.receivers, place)\n",
    ),
    Mutant(
        "go on after being dismissed",
        "_endpoints",
        "            if place not in line.waiting:  # it was dismissed, and learns why\n                self.raise_stopped()\n",
        "            if place not in line.waiting:\n                return\n",
    ),
    Mutant(
        "wait anew, and tell nobody",
        "_endpoints",
        "waiter = line.waiting[place] = core.new_waiter()",
        "waiter = core.new_waiter()",
    ),
    Mutant(
        "do not wait anew when a promise is taken back",
        "_endpoints",
        "            await waiter\n",
        "            await place\n",
    ),
    Mutant(
        "log that a task goes on which was dismissed",
        "_endpoints",
        "if logs and place in line.promised:",
        "if logs:",
    ),
    Mutant(
        "swallow what interrupts a wait",
        "_endpoints",
        "            self._give_up(place)\n            raise\n        del self.places[place]\n\n    async",
        "            self._give_up(place)\n            return\n        del self.places[place]\n\n    async",
    ),
    Mutant(
        "keep the places of those who left",
        "_endpoints",
        "        del self.places[place]\n        self._core.leave(self._line, place)",
        "        self._core.leave(self._line, place)",
    ),
    Mutant(
        "keep the place of an operation that waited",
        "_endpoints",
        "            raise\n        del self.places[place]\n",
        "            raise\n",
    ),
    Mutant(
        "keep the place of a send that waited",
        "_endpoints",
        "                    raise\n                del self.places[place]\n            used =",
        "                    raise\n            used =",
    ),
    Mutant(
        "keep the place of a receive that waited",
        "_endpoints",
        "                    raise\n                del self.places[place]\n        # `Core.take`",
        "                    raise\n        # `Core.take`",
    ),
    Mutant(
        "close an endpoint without waking its tasks",
        "_endpoints",
        "self._core.detach(self._line, self.places)",
        "self._core.detach(self._line, ())",
    ),
    Mutant(
        "close an endpoint, and wake the tasks of the others",
        "_endpoints",
        "self._core.detach(self._line, self.places)",
        "self._core.detach(self._line, [*self._line.promised, *self._line.waiting])",
    ),
    Mutant(
        "a send that need not wait wakes nobody",
        "_endpoints",
        "        if core.receivers.waiting:\n            core.promise_messages()\n",
        "",
    ),
    Mutant(
        "a send that need not wait leaves the peak as it was",
        "_endpoints",
        "            core.peak = used + 1\n",
        "            pass\n",
    ),
    Mutant(
        "a receive that need not wait wakes nobody",
        "_endpoints",
        "        if core.senders.waiting:\n            core.promise_room()\n        elif core.closed:",
        "        if core.closed:",
    ),
    Mutant(
        "a receive that had to wait forgets the end",
        "_endpoints",
        "        elif core.closed:\n            core.end()\n",
        "",
    ),
    Mutant(
        "a send that need not wait never yields",
        "_endpoints",
        "or core.acts >= core.yield_at or self.closed:\n            # `_turn`, written out: one",
        "or self.closed:\n            # `_turn`, written out: one",
    ),
    Mutant(
        "a receive that need not wait never yields",
        "_endpoints",
        "or core.acts >= core.yield_at or self.closed:\n            # `_turn`, written out as",
        "or self.closed:\n            # `_turn`, written out as",
    ),
    Mutant(
        "send through a closed sender",
        "_endpoints",
        "or core.acts >= core.yield_at or self.closed:\n            # `_turn`, written out: one",
        "or core.acts >= core.yield_at:\n            # `_turn`, written out: one",
    ),
    Mutant(
        "receive through a closed receiver",
        "_endpoints",
        "or core.acts >= core.yield_at or self.closed:\n            # `_turn`, written out as",
        "or core.acts >= core.yield_at:\n            # `_turn`, written out as",
    ),
    Mutant(
        "wait to send in a closed channel",
        "_endpoints",
        "                self._check_open()\n                place = core.wait(core.senders",
        "                place = core.wait(core.senders",
    ),
    Mutant(
        "let another arm take the promise of a select",
        "_selection",
        "return claimed is not None and claimed is not self and claimed.promised",
        "return False",
    ),
    Mutant(
        "async for never yields",
        "_endpoints",
        "and core.acts < core.yield_at and not self.closed:",
        "and not self.closed:",
    ),
    Mutant(
        "async for goes on through a closed receiver",
        "_endpoints",
        "and core.acts < core.yield_at and not self.closed:",
        "and core.acts < core.yield_at:",
    ),
    Mutant(
        "async for takes what is promised",
        "_endpoints",
        "if len(core.buffer) > core.reserved and core.acts",
        "if core.buffer and core.acts",
    ),
    Mutant(
        "a batch to send never yields",
        "_endpoints",
        "or core.acts >= core.yield_at or self.closed:\n                    await self._turn()",
        "or self.closed:\n                    await self._turn()",
    ),
    Mutant(
        "a batch to receive never yields",
        "_endpoints",
        "or core.acts >= core.yield_at or self.closed:\n            await self._turn()",
        "or self.closed:\n            await self._turn()",
    ),
    Mutant(
        "a select that sends at once never yields",
        "_operation",
        "if len(core.buffer) >= core.capacity or core.acts >= core.yield_at or self.endpoint.closed:",
        "if len(core.buffer) >= core.capacity or self.endpoint.closed:",
    ),
    Mutant(
        "a select sends at once through a closed sender",
        "_operation",
        "if len(core.buffer) >= core.capacity or core.acts >= core.yield_at or self.endpoint.closed:",
        "if len(core.buffer) >= core.capacity or core.acts >= core.yield_at:",
    ),
    Mutant(
        "a select sends at once without room",
        "_operation",
        "if len(core.buffer) >= core.capacity or core.acts >= core.yield_at or self.endpoint.closed:",
        "if core.closed or core.acts >= core.yield_at or self.endpoint.closed:",
    ),
    Mutant(
        "a select that receives at once never yields",
        "_operation",
        "if len(core.buffer) <= core.reserved or core.acts >= core.yield_at or self.endpoint.closed:",
        "if len(core.buffer) <= core.reserved or self.endpoint.closed:",
    ),
    Mutant(
        "a select receives at once through a closed receiver",
        "_operation",
        "if len(core.buffer) <= core.reserved or core.acts >= core.yield_at or self.endpoint.closed:",
        "if len(core.buffer) <= core.reserved or core.acts >= core.yield_at:",
    ),
    Mutant(
        "a select receives at once what is promised",
        "_operation",
        "if len(core.buffer) <= core.reserved or core.acts >= core.yield_at or self.endpoint.closed:",
        "if not core.buffer or core.acts >= core.yield_at or self.endpoint.closed:",
    ),
    Mutant(
        "a select that receives at once wakes nobody",
        "_operation",
        "        if core.senders.waiting:\n            core.promise_room()\n",
        "",
    ),
    Mutant(
        "an operation keeps the message that it handed over",
        "_operation",
        "        finally:\n            self._forget()\n",
        "        finally:\n            pass\n",
    ),
    Mutant(
        "promise a select more than one of its operations",
        "_selection",
        "        for other in others:\n",
        "        for other in ():\n",
    ),
    Mutant(
        "a select makes room for as many messages as it has arms in a channel",
        "_selection",
        "                elif line in lines:\n                    continue\n",
        "",
    ),
    Mutant(
        "a select has each of its arms stand where one does already",
        "_selection",
        "lines = {arm.leaf.line for arm in self.arms.values()}",
        "lines: set[object] = set()",
    ),
    Mutant(
        "an arm that does not stand in line is not woken when its end closes",
        "_turns",
        "            wake(self._remove(line, place) or place)\n",
        "            waiter = self._remove(line, place)\n            if waiter is not None:\n                wake(waiter)\n",
    ),
    Mutant(
        "a select that is leaving goes on with arms that are no more",
        "_selection",
        "        others = [other for other in self.arms.values() if other is not arm]\n        self.arms = {arm.leaf: arm}\n",
        "        others = [self.arms.pop(other.leaf) for other in [*self.arms.values()] if other is not arm]\n",
    ),
    Mutant(
        "a select that looks again trips over an arm that is no more",
        "_selection",
        "self.arms.pop(leaf, None)",
        "del self.arms[leaf]",
    ),
    Mutant(
        "a select that was claimed while it stood in line forgets where it stood since",
        "_selection",
        "self.arms.pop(arm.leaf, None)",
        "self.arms.clear()",
    ),
    Mutant(
        "a select that has claimed one promise keeps its places at the other ends",
        "_selection",
        "            leaf.endpoint.places.pop(other, None)\n",
        "",
    ),
    Mutant(
        "a select that has claimed one promise keeps its claim to room of its own",
        "_selection",
        "                line.own_room.pop(other, None)\n",
        "                pass\n",
    ),
    Mutant(
        "a select finds what is promised to another",
        "_operation",
        "if len(core.buffer) > core.reserved or (core.closed and",
        "if len(core.buffer) > 0 or (core.closed and",
    ),
    Mutant(
        "a select does not find a closed receiver",
        "_operation",
        "(core.closed and core.ended) or self.endpoint.closed:",
        "(core.closed and core.ended):",
    ),
    Mutant(
        "a select finds an end before the last message is received",
        "_operation",
        "(core.closed and core.ended) or",
        "core.closed or",
    ),
    Mutant(
        "a select does not find a closed sender",
        "_operation",
        "or core.closed or self.endpoint.closed:",
        "or core.closed:",
    ),
    Mutant(
        "a select does not find that it cannot send into a closed channel",
        "_operation",
        "or core.closed or self.endpoint.closed:",
        "or self.endpoint.closed:",
    ),
    Mutant(
        "a lease takes at once what is promised",
        "_lease",
        "not core.is_free(self.line):",
        "not core.buffer:",
    ),
    Mutant(
        "a lease that is taken at once never yields",
        "_lease",
        " or core.acts >= core.yield_at or",
        " or",
    ),
    Mutant(
        "a lease is taken at once through a closed receiver",
        "_lease",
        "if self.endpoint.closed or core.acts",
        "if core.acts",
    ),
    Mutant(
        "a cancelled select keeps its places and its promise",
        "_selection",
        "            for arm in self.arms.values():\n                arm.leave()\n",
        "            pass\n",
    ),
    Mutant(
        "a select does not look again when an end was closed",
        "_selection",
        "(found := self._look_again())",
        "(found := None)",
    ),
    Mutant(
        "a select keeps its arms",
        "_selection",
        "            self.arms.clear()  # each arm knows its selection: a cycle\n",
        "            pass\n",
    ),
    Mutant(
        "a select waits in what is done already",
        "_selection",
        "                self.waiter = self._core.new_waiter()\n                while",
        "                while",
    ),
    Mutant(
        "a select keeps its places at the ends",
        "_selection",
        "        leaf.endpoint.places.pop(self, None)\n",
        "",
    ),
    Mutant(
        "a select keeps its claim to room of its own",
        "_selection",
        "            leaf.line.own_room.pop(self, None)\n",
        "            pass\n",
    ),
    Mutant(
        "a select acts on a promise that was taken back",
        "_selection",
        "if self.claimed is not None and self.claimed.promised:",
        "if self.claimed is not None:",
    ),
    Mutant(
        "a message turned away on the second look has happened",
        "_selection",
        "                    if not ended:  # a filter turned a message away\n                        return None\n",
        "                    return operation\n",
    ),
    Mutant(
        "an end keeps what was received last",
        "_operation",
        "        self._forget()\n        self._ended = True",
        "        self._ended = True",
    ),
    Mutant(
        "prefer the first operation that is ready",
        "_choice",
        "return ready[draw(len(ready))]",
        "return ready[0]",
    ),
    Mutant(
        "prefer the first operation if it is ready",
        "_select",
        "operations[0 if in_order else random_bits(30) % len(operations)]",
        "operations[0]",
    ),
    Mutant(
        "ignore the order of the operations",
        "_choice",
        "            if in_order:\n                break\n",
        "",
    ),
    Mutant(
        "a select that looks at all never yields",
        "_select",
        "if core.acts >= core.yield_at and not rested:",
        "if False:",
    ),
    Mutant(
        "a select that finds an end does not count",
        "_select",
        "core.yield_at -= leaf._ended",
        "pass",
    ),
    Mutant(
        "a select that does not wait counts",
        "_select",
        "        leaf.core.yield_at += not leaf._ended  # it does not count\n",
        "",
    ),
    Mutant(
        "a message that a filter turns away counts as received",
        "_combining",
        "bool(self._function(value)) and self._happened(value=value)",
        "self._happened(value=value)",
    ),
    Mutant(
        "an operation that is kept keeps its receiver: a cycle",
        "_combinators",
        "        operation._receiver = None  # it would be a cycle\n",
        "",
    ),
    Mutant(
        "two tasks share the operation that was kept",
        "_combinators",
        "        spare, self._spare = self._spare, None\n",
        "        spare = self._spare\n",
    ),
    Mutant(
        "lose an error that came after other messages",
        "_combinators",
        "if spare is None or self._late:",
        "if spare is None:",
    ),
    Mutant(
        "a merge prefers its first receiver",
        "_combining",
        "self._operations[draw(len(self._operations))]",
        "self._operations[0]",
    ),
    Mutant(
        "a merge forgets whose turn it is when that one must yield",
        "_combining",
        "        if not turn._at_once():\n            return False\n",
        "        if not turn._at_once():\n            self._turn = None\n            return False\n",
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
        "        self._turn = None\n        return super()._perform(leaf)",
        "        return super()._perform(leaf)",
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
        "            if not in_order:  # or what",
        "            if True:  # or what",
    ),
    Mutant(
        "a select looks at all before the one that it drew",
        "_select",
        "    first: tuple[Operation[Any], ...] = (one,)\n",
        "    first: tuple[Operation[Any], ...] = ()\n",
    ),
    Mutant(
        "overtake a caller that yields before it waits",
        "_turns",
        "if self.row or line.waiting or",
        "if line.waiting or",
    ),
    Mutant(
        "a merge ends with the first receiver that stops",
        "_combining",
        "        if len(self._operations) == 1:\n            return self._has_ended()\n",
        "        if True:\n            return self._has_ended()\n",
    ),
    Mutant(
        "a message on lease that a filter turns away is not done",
        "_combining",
        "        if not accepted:\n            held.done()\n",
        "        pass\n",
    ),
    Mutant(
        "a message on lease that cannot be mapped is not done",
        "_combining",
        "    except BaseException:\n        held.done()\n        raise\n",
        "    except BaseException:\n        raise\n",
    ),
    Mutant(
        "lose the message of a lease that fails",
        "_lease",
        "            held.give_back()\n",
        "            held.done()\n",
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
        fate = _first_failure(folder, ABOUT.get(mutant.module, []))
    print(f"{mutant.what}: {fate}", flush=True)  # noqa: T201
    return fate


def _change(module: Path, mutant: Mutant) -> None:
    text = module.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.what!r} fits {text.count(mutant.old)} places in {module.name}")
    module.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def _first_failure(path: str, first: list[str]) -> str:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-m", "not slow"]
    quick = ["--assert=plain", "--hypothesis-profile=unshrunk"]  # nobody reads why it failed
    try:
        run = subprocess.run(  # noqa: S603  the command is ours
            [*command, *quick, *dict.fromkeys([*first, *FIRST, *REST])],
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
