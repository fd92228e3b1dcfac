"""Tests the tests: breaks the core in one small way after another, and runs the suite.

A mutant is one change to one line of the source. A test of the fast part of the suite must
fail for each of them; one that survives shows a promise that no test watches over, and one
that only makes the suite hang shows a test that should end. Run it with ``nox -s mutants``,
or with words to choose mutants by: ``nox -s mutants -- close lease``.
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
    "tests/test_storms.py",
]
REST = sorted({f"tests/{path.name}" for path in TESTS.glob("test_*.py")} - {*FIRST})
SECONDS = 240  # what all of it takes at most, unless a mutant makes it hang
SURVIVED, HUNG = NOT_KILLED = ("survived", "hung, and no test failed")


class Mutant(NamedTuple):
    """A change that breaks a promise."""

    what: str
    module: str
    old: str
    new: str


MUTANTS = [
    Mutant(
        "drop the promise of a task that leaves",
        "_core",
        "            del line.promised[waiter]\n            line.credit += 1\n        elif",
        "            del line.promised[waiter]\n        elif",
    ),
    Mutant(
        "leave without passing the promise on",
        "_core",
        "        self._remove(line, waiter)\n        self._settle()\n\n    def dismiss",
        "        self._remove(line, waiter)\n\n    def dismiss",
    ),
    Mutant(
        "wake the newest waiter",
        "_core",
        "popitem(last=False)",
        "popitem()",
    ),
    Mutant(
        "wake nobody when a message comes",
        "_core",
        "        if receivers.waiting:\n            self.promise(receivers)\n",
        "",
    ),
    Mutant(
        "wake nobody when a message is taken",
        "_core",
        "        if self.senders.waiting:\n            self.promise(self.senders)\n        elif self.closed:",
        "        if self.closed:",
    ),
    Mutant(
        "forget the end of a closed channel when its last message is taken",
        "_core",
        "        elif self.closed:\n            self.end()\n",
        "",
    ),
    Mutant(
        "forget to wake blocked senders on close",
        "_core",
        "        self.dismiss(self.senders, [*self.senders.promised, *self.senders.waiting])",
        "        self._settle()",
    ),
    Mutant(
        "let senders keep their promises on close",
        "_core",
        "[*self.senders.promised, *self.senders.waiting]",
        "self.senders.waiting",
    ),
    Mutant(
        "forget to wake those dismissed",
        "_core",
        "            waiter.wake()\n",
        "",
    ),
    Mutant(
        "end while a lease is open",
        "_core",
        "return self.closed and not self.buffer and not self.leases",
        "return self.closed and not self.buffer",
    ),
    Mutant(
        "end while messages are left",
        "_core",
        "return self.closed and not self.buffer and not self.leases",
        "return self.closed and not self.leases",
    ),
    Mutant(
        "never end for those who wait",
        "_core",
        "            self.dismiss(self.receivers, self.receivers.waiting)\n",
        "            pass\n",
    ),
    Mutant(
        "set credit aside only when the task is woken",
        "_core",
        "            if not waiter.wake():  # it is",
        "            line.credit += 1\n            woken = waiter.wake()\n            line.credit -= 1\n            if not woken:  # it is",
    ),
    Mutant(
        "room for one message too many",
        "_core",
        "credit=limit,",
        "credit=limit + 1,",
    ),
    Mutant(
        "room for one message too few",
        "_core",
        "credit=limit,",
        "credit=max(limit - 1, 0),",
    ),
    Mutant(
        "no room for a receiver that waits: no rendezvous",
        "_core",
        "Line(credit=0, room=1)",
        "Line(credit=0, room=0)",
    ),
    Mutant(
        "a receiver that has gone leaves its room behind",
        "_core",
        "        self.senders.credit -= line.room  # with a receiver goes the room that it made\n",
        "",
    ),
    Mutant(
        "a receiver that comes wakes no sender",
        "_core",
        "            if self.senders.waiting:\n                self.promise(self.senders)\n",
        "",
    ),
    Mutant(
        "keep promises for which there is no room",
        "_core",
        "            senders.revoke()\n",
        "            break\n",
    ),
    Mutant(
        "take the oldest promise back",
        "_line",
        "self.promised.popitem()",
        "self.promised.popitem(last=False)",
    ),
    Mutant(
        "a promise taken back sends its task to the end of the line",
        "_line",
        "        self.waiting.move_to_end(waiter, last=False)\n",
        "",
    ),
    Mutant(
        "promise to a task that is leaving",
        "_core",
        "            if not waiter.wake():  # it is leaving: let it go, and wake the next\n                self._remove(line, waiter)\n                refused = True\n",
        "            waiter.wake()\n",
    ),
    Mutant(
        "give a message back at the end",
        "_core",
        "self.buffer.appendleft(message)",
        "self.buffer.append(message)",
    ),
    Mutant(
        "give a message back over the limit without closing the room",
        "_core",
        "        self.senders.credit -= 1\n        self.end_lease()",
        "        self.end_lease()",
    ),
    Mutant(
        "take the newest message",
        "_core",
        "message = self.buffer.popleft()",
        "message = self.buffer.pop()",
    ),
    Mutant(
        "take messages that are promised to others",
        "_core",
        "int(min(most - 1, self.receivers.credit))",
        "min(most - 1, len(self.buffer) - 1)",
    ),
    Mutant(
        "take one message too many",
        "_core",
        "int(min(most - 1, self.receivers.credit))",
        "int(min(most, self.receivers.credit))",
    ),
    Mutant(
        "let two event loops wait at once",
        "_core",
        "            if self.in_line:\n                raise",
        "            if False:\n                raise",
    ),
    Mutant(
        "remember the event loop for ever",
        "_core",
        "            self.loop = None\n\n    def _settle",
        "            pass\n\n    def _settle",
    ),
    Mutant(
        "skip the second look after a yield",
        "_endpoints",
        "            self._check_open()\n        if line.credit > 0:  # looked at again",
        "            return\n        if line.credit > 0:  # looked at again",
    ),
    Mutant(
        "do not look whether it was closed during a yield",
        "_endpoints",
        "            await checkpoint(core)\n            self._check_open()\n",
        "            await checkpoint(core)\n",
    ),
    Mutant(
        "yield one operation too late",
        "_endpoints",
        "core.budget <= 0",
        "core.budget < 0",
    ),
    Mutant(
        "trust a wake-up without looking at what is held",
        "_endpoints",
        "            while waiter in line.waiting:\n",
        "            if waiter in line.waiting:\n",
    ),
    Mutant(
        "go on after being dismissed",
        "_endpoints",
        "            if waiter not in line.promised:  # it was dismissed, and learns why\n                self._check_open()\n",
        "",
    ),
    Mutant(
        "swallow what interrupts a wait",
        "_endpoints",
        "            core.leave(line, waiter)\n            raise\n",
        "            core.leave(line, waiter)\n            return\n",
    ),
    Mutant(
        "keep the waiters of an endpoint",
        "_endpoints",
        "            del self.waiters[waiter]\n",
        "            pass\n",
    ),
    Mutant(
        "close an endpoint without waking its tasks",
        "_endpoints",
        "self._core.detach(self._line, self.waiters)",
        "self._core.detach(self._line, ())",
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
        "close an endpoint, and wake the tasks of the others",
        "_endpoints",
        "self._core.detach(self._line, self.waiters)",
        "self._core.detach(self._line, [*self._line.promised, *self._line.waiting])",
    ),
    Mutant(
        "lose the message of a lease that fails",
        "_lease",
        "            held.give_back()\n",
        "            held.done()\n",
    ),
    Mutant(
        "count a task whose turn came as one that still waits",
        "_core",
        "were nothing promised\n        self._gone()\n",
        "were nothing promised\n",
    ),
    Mutant(
        "promise what a task that is leaving gave back to nobody",
        "_core",
        "        if refused:\n            self._settle()\n",
        "",
    ),
    Mutant(
        "a batch takes more room than there is",
        "_core",
        "room, self.budget)",
        "room + 1, self.budget)",
    ),
    Mutant(
        "a batch never yields",
        "_core",
        "min(len(messages) - 1, room, self.budget)",
        "min(len(messages) - 1, room)",
    ),
    Mutant(
        "a batch keeps the room that it did not use",
        "_core",
        "            senders.credit += unused\n",
        "",
    ),
    Mutant(
        "do not wait anew when a promise is taken back",
        "_line",
        "        waiter.renew()\n",
        "",
    ),
    Mutant(
        "a select meets itself",
        "_core",
        "if waiter.own_room > line.credit:",
        "if False:",
    ),
    Mutant(
        "a select keeps the room that it makes from the next in line",
        "_line",
        "if one.own_room <= self.credit",
        "if False",
    ),
    Mutant(
        "a send that need not wait wakes nobody",
        "_endpoints",
        "            if receivers.waiting:\n                core.promise(receivers)\n",
        "",
    ),
    Mutant(
        "a receive that need not wait wakes nobody",
        "_endpoints",
        "            if senders.waiting:\n                core.promise(senders)\n",
        "",
    ),
    Mutant(
        "a send that need not wait never yields",
        "_endpoints",
        "most messages take.\n            core.budget -= 1\n            line.credit -= 1\n            buffer",
        "most messages take.\n            line.credit -= 1\n            buffer",
    ),
    Mutant(
        "a receive that need not wait never yields",
        "_endpoints",
        "most messages take.\n            core.budget -= 1\n            line.credit -= 1\n            senders",
        "most messages take.\n            line.credit -= 1\n            senders",
    ),
    Mutant(
        "async for never yields",
        "_endpoints",
        "            core.budget -= 1\n            core.acquire(line)\n            return core.take()\n",
        "            core.acquire(line)\n            return core.take()\n",
    ),
    Mutant(
        "promise a select more than one of its operations",
        "_select",
        "        for other in others:\n            other.leave()\n",
        "",
    ),
    Mutant(
        "a cancelled select keeps its places and its promise",
        "_select",
        "            for arm in self.arms.values():\n                arm.leave()\n",
        "            pass\n",
    ),
    Mutant(
        "a select does not look again when an end was closed",
        "_select",
        "(found := self._look_again())",
        "(found := None)",
    ),
    Mutant(
        "a select keeps its waiter",
        "_select",
        "            self.claimed = None\n",
        "            pass\n",
    ),
    Mutant(
        "prefer the first operation that is ready",
        "_select",
        "return ready[draw(len(ready))]",
        "return ready[0]",
    ),
    Mutant(
        "prefer the first operation if it is ready",
        "_select",
        "operations[draw(len(operations))]",
        "operations[0]",
    ),
    Mutant(
        "a select that need not wait never yields",
        "_select",
        "leaf is not None and leaf.core.budget > 0:",
        "leaf is not None:",
    ),
    Mutant(
        "a select that looks at all never yields",
        "_select",
        "if core.budget <= 0 and not rested and not leaf.endpoint.stopped:",
        "if False:",
    ),
    Mutant(
        "a message that a filter turns away counts as received",
        "_combinators",
        "bool(self._function(value)) and self._happened(value=value)",
        "self._happened(value=value)",
    ),
]


def main(words: list[str]) -> int:
    """Try every mutant, or those whose description has one of the words."""
    chosen = [m for m in MUTANTS if not words or any(word in m.what for word in words)]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        fates = list(pool.map(_try, chosen))
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
        fate = _first_failure(folder)
    print(f"{mutant.what}: {fate}", flush=True)  # noqa: T201
    return fate


def _change(module: Path, mutant: Mutant) -> None:
    text = module.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.what!r} fits {text.count(mutant.old)} places in {module.name}")
    module.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def _first_failure(path: str) -> str:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-m", "not slow"]
    quick = ["--assert=plain", "--hypothesis-profile=unshrunk"]  # nobody reads why it failed
    try:
        run = subprocess.run(  # noqa: S603  the command is ours
            [*command, *quick, *FIRST, *REST],
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
    failed = [line for line in run.stdout.splitlines() if line.startswith("FAILED")]
    return failed[0].partition(" - ")[0] if failed else SURVIVED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
