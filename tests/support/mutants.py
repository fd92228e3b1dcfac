"""Tests the tests: makes one small fault after another in the source, and runs the suite.

A *mutant* is a change to a place of the source. A test of the fast part of the suite must fail for
each mutant. A mutant that survives shows a promise without a test. A mutant that makes the suite
hang shows a test without an end. The source without a change must pass, or the run shows nothing.

The mutants are in the folder ``mutants``: a file for each module of the source, under the same
name. A script in Lua has its suffix in the name, as in ``redis/lua/take.lua.toml``.

``nox -s mutants`` tries every 64th mutant, which takes two minutes. ``nox -s mutants -- all`` tries
all mutants. Other words choose the mutants whose description or module has one of the words:
``nox -s mutants -- close lease``.

A mutant of the channel on a server needs the tests in ``tests/redis``, and a server. Such a mutant
is tried only if a word chooses it: ``nox -s mutants -- redis`` tries all of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src" / "anycast"
DATA = TESTS / "mutants"


def _tests(pattern: str) -> list[str]:
    return sorted(f"tests/{path.relative_to(TESTS).as_posix()}" for path in TESTS.glob(pattern))


# The tests without an event loop cannot hang, and kill most mutants in seconds.
BY_HAND = [
    "tests/core/test_state_machine.py",
    "tests/core/test_core.py",
    "tests/core/test_joining.py",
    "tests/core/test_reentrancy.py",
    "tests/select/test_select_by_hand.py",
]
THEN = [
    "tests/waiting/test_late_cancellation.py",
    "tests/waiting/test_late_cancellation_operations.py",
    "tests/channel/test_yielding.py",
    "tests/channel/test_due_yields.py",
    "tests/waiting/test_two_loops.py",
    "tests/waiting/test_ended_loops.py",
    "tests/waiting/test_foreign_threads.py",
    "tests/select/test_select.py",
    "tests/channel/test_send_deque.py",
    "tests/channel/test_send_many.py",
    "tests/channel/test_receive_many.py",
    "tests/combinators/test_lease.py",
    "tests/waiting/test_waiters.py",
    "tests/channel/test_debris.py",
    "tests/channel/test_debris_of_messages.py",
    "tests/combinators/test_combinators.py",
    "tests/core/test_interleavings.py",
    "tests/core/test_storms.py",
]
# The tests of the module itself. Tests that cannot hang come first here, too.
SELECTING = [
    "tests/select/test_select_by_hand.py",
    "tests/core/test_joining.py",
    "tests/select/test_preparing.py",
    "tests/select/test_select.py",
]
COMBINING = [
    "tests/combinators/test_sources.py",
    "tests/combinators/test_combinators.py",
    "tests/combinators/test_functions.py",
    "tests/combinators/test_async_functions.py",
    "tests/combinators/test_merge.py",
    "tests/combinators/test_merge_of_merges.py",
]
LATE = _tests("waiting/test_late_*.py")
INTERRUPTS = _tests("waiting/test_k*.py")
JOINING = ["tests/core/test_interleavings.py", "tests/channel/test_join.py"]
LEASES = [
    "tests/channel/test_reprs.py",
    "tests/core/test_lease_counts.py",
    "tests/combinators/test_lease.py",
    "tests/combinators/test_deliveries.py",
]
BATCHES = ["tests/channel/test_receive_within.py"]
CODECS = ["tests/redis/test_comparison.py", "tests/redis/test_json_codec.py"]
ENDPOINTS = ["tests/core/test_joining.py", "tests/channel/test_yielding.py"]
BROADCASTING = [
    "tests/broadcast/test_state_machine.py",
    "tests/broadcast/test_reentrancy.py",
    "tests/broadcast/test_cost.py",
    "tests/broadcast/test_receivers.py",
    "tests/broadcast/test_loops.py",
]
WAITING = [
    "tests/waiting/test_budget.py",
    "tests/waiting/test_waiters.py",
    "tests/waiting/test_two_loops.py",
    "tests/waiting/test_guest.py",
]
ABOUT = {
    "_arguments": ["tests/combinators/test_async_functions.py"],
    "_anycast/buffer": JOINING,
    "_anycast/core": [*JOINING, *LEASES],
    "_anycast/endpoint": [
        *ENDPOINTS,
        "tests/channel/test_lost_endpoints.py",
        *INTERRUPTS,
    ],
    "_anycast/guard": ["tests/channel/test_lost_endpoints.py"],
    "_anycast/lease_counts": LEASES,
    "_anycast/memory_channel": ["tests/channel/test_join.py", *JOINING],
    "_anycast/operations": [*SELECTING, *JOINING, *LEASES, *BATCHES],
    "_anycast/receiver": [
        *ENDPOINTS,
        "tests/channel/test_closing_endpoints.py",
        "tests/channel/test_statistics_of_ends.py",
        "tests/waiting/test_foreign_threads.py",
        "tests/waiting/test_keyboard_interrupt.py",
    ],
    "_anycast/sender": [*ENDPOINTS, "tests/channel/test_log.py"],
    **dict.fromkeys(
        (f"_broadcast/{name}" for name in ("join_countdown", "hub", "operations", "options")),
        BROADCASTING,
    ),
    **dict.fromkeys(
        (f"_broadcast/{name}" for name in ("receiver", "sender", "subscription")), BROADCASTING
    ),
    "_combinators/batch": BATCHES,
    "_combinators/lease": LEASES,
    "_combinators/operations": [
        "tests/select/test_preparing.py",
        *COMBINING,
        "tests/select/test_fairness.py",
    ],
    "_combinators/receivers": COMBINING,
    "_combinators/sources": COMBINING,
    "_log": ["tests/channel/test_log.py", "tests/broadcast/test_receivers.py"],
    "_demo/_broadcast": ["tests/demo/test_demo_broadcast.py"],
    "_demo/_storm": ["tests/demo/test_demo_storm.py"],
    "_demo/_summary": ["tests/demo/test_demo_terminal.py"],
    "_demo/_terminal": ["tests/demo/test_demo_terminal.py"],
    "_interface/exports": ["tests/project/test_annotations.py", "tests/project/test_public.py"],
    "_interface/closing": [
        "tests/channel/test_not_values.py",
        "tests/channel/test_other_names.py",
    ],
    "_interface/errors": ["tests/channel/test_pickled_errors.py"],
    "_interface/not_a_value": ["tests/channel/test_not_values.py"],
    "_interface/operation": ["tests/channel/test_not_values.py"],
    "_interface/other_names": ["tests/channel/test_other_names.py"],
    "_interface/statistics": ["tests/channel/test_statistics_of_ends.py"],
    "_select/blocked": SELECTING,
    "_select/fairness": SELECTING,
    "_select/select": [*SELECTING, "tests/select/test_fairness.py"],
    "_select/selectable": ["tests/channel/test_reprs.py", *SELECTING, *COMBINING],
    "_waiting/anyio_backend": [*WAITING, *LATE],
    "_waiting/asyncio_backend": [*WAITING, *LATE],
    "_waiting/budget": ["tests/waiting/test_budget.py"],
    "_waiting/event_loop": [*WAITING, *LATE],
    "_waiting/interruption": LATE,
    "_waiting/late_cancellation": LATE,
    "_waiting/protection": INTERRUPTS,
    "redis/_codec": ["tests/redis/test_codec.py"],
    "redis/_codec_type": CODECS,
    "redis/_comparison": CODECS,
    "redis/_json_codec": CODECS,
    "redis/_known_fields": CODECS,
    "redis/_options": ["tests/redis/test_codec.py"],
    "_waiting/trio_backend": [
        "tests/waiting/test_waiters.py",
        "tests/waiting/test_ended_loops.py",
        *WAITING,
        *INTERRUPTS,
        "tests/core/test_storms.py",
    ],
}
# The tests of the modules of a channel on a server.
ON_A_SERVER = {
    f"redis/{module}": [f"tests/redis/test_{name}.py" for name in names.split()]
    for module, names in {
        "_answer_size": "answer_size",
        "_commands": "retries faults",
        "_delivery": "held_leases crashes delivery",
        "_heartbeat": "pumps opening crashes delivery",
        "_holder": "holder crashes delivery",
        "_home": "home delivery",
        "_inbox": "inbox delivery polling batches handing_over contract",
        "_joins": "join contract",
        "_lease": "delivery contract",
        "_operations": "select batches handing_over contract delivery polling",
        "_outbox": "outbox pending_request send_many contract cancellation",
        "_pending_request": "pending_request cancellation",
        "_receive_pump": "pumps crashes delivery batches faults",
        "_receiver": "delivery batches handing_over polling contract",
        "_retries": "retries answers faults",
        "_send_pump": "pumps delivery send_many faults",
        "_session": "held_leases opening delivery crashes cancellation handing_over faults",
        "_settlements": "settlements pending_request delivery crashes faults",
        **{f"lua/{file.name}": "scripts crashes" for file in (SOURCE / "redis").glob("lua/*.lua")},
    }.items()
}
# The modules with code that only `anyio.Event` needs. The tests run with that alone first.
PLAIN = {"_waiting/anyio_backend", "_waiting/event_loop", "_waiting/interruption"}
SERVED = [
    *dict.fromkeys(path for paths in ON_A_SERVER.values() for path in paths),
    "tests/redis/test_storm.py",
]
REST = [path for path in _tests("*/test_*.py") if not path.startswith("tests/redis/")]
SECONDS = 400  # within which the whole suite ends, unless a mutant makes a test hang
STRIDE = 64  # the default run tries every 64th mutant; all mutants take half an hour
DEADLINE = "20"  # seconds after which a test has failed that waits for a server
SURVIVED, HUNG = NOT_KILLED = ("survived", "hung, and no test failed")


class Mutant(NamedTuple):
    """A change that breaks a promise."""

    what: str
    module: str
    old: str
    new: str

    def file(self, source: Path) -> Path:
        """Return the file that is changed, in a copy of the source."""
        path = source / self.module
        return path if path.suffix else path.with_suffix(".py")

    @property
    def on_a_server(self) -> bool:
        """Whether only tests with a server can kill the mutant."""
        return self.module in ON_A_SERVER


def _read(file: Path) -> list[Mutant]:
    module = file.relative_to(DATA).with_suffix("").as_posix()
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(entry["what"], module, entry["old"], entry["new"]) for entry in entries]


SAME = "from __future__ import annotations\n"
UNCHANGED = Mutant("nothing", "_anycast/core", SAME, SAME)
UNCHANGED_ON_A_SERVER = Mutant("nothing, on a server", "redis/_session", SAME, SAME)
MUTANTS = [mutant for file in sorted(DATA.rglob("*.toml")) for mutant in _read(file)]


def main(words: list[str]) -> int:
    """Try some mutants, or all, or those whose description or module has one of the words."""
    chosen = [mutant for mutant in MUTANTS if not mutant.on_a_server]
    if not words:
        chosen = chosen[::STRIDE]
    elif words != ["all"]:
        chosen = [
            mutant
            for mutant in MUTANTS
            if any(word in f"{mutant.module} {mutant.what}" for word in words)
        ]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        kinds = {mutant.on_a_server for mutant in chosen}
        same = [UNCHANGED_ON_A_SERVER if kind else UNCHANGED for kind in kinds]
        all_fates = [*pool.map(_try, [*same, *chosen])]
    unchanged, fates = all_fates[: len(same)], all_fates[len(same) :]
    if any(fate != SURVIVED for fate in unchanged):
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
        _change(mutant.file(copy), mutant)
        fate = SURVIVED
        if mutant.module in PLAIN:
            fate = _first_failure(folder, [*WAITING, *LATE], "--plain-events")
        # In groups, since to collect all the tests takes longer than most mutants live.
        done: set[str] = set()
        for tests in _groups(mutant):
            if fate == SURVIVED:
                fate = _first_failure(folder, [test for test in tests if test not in done])
                done.update(tests)
    print(f"{mutant.what}: {fate}", flush=True)  # noqa: T201
    return fate


def _groups(mutant: Mutant) -> tuple[list[str], ...]:
    if mutant.on_a_server:
        return ON_A_SERVER[mutant.module], SERVED
    return [*BY_HAND, *ABOUT.get(mutant.module, [])], THEN, REST


def _change(module: Path, mutant: Mutant) -> None:
    text = module.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.what!r} fits {text.count(mutant.old)} places in {module.name}")
    module.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def _first_failure(path: str, tests: list[str], *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-m", "not slow"]
    quick = [
        "--assert=plain",
        "--hypothesis-profile=unshrunk",
    ]  # the reason of a failure is not shown
    try:
        run = subprocess.run(  # noqa: S603  the command is ours
            [*command, *quick, *options, *tests],
            cwd=TESTS.parent,
            env={
                **os.environ,
                "PYTHONPATH": path,
                "PYTHONDONTWRITEBYTECODE": "1",
                "ANYCAST_DEADLINE": DEADLINE,
            },
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
