"""The storm of the demo: the kinds of channel, the counts, and the seed."""

from __future__ import annotations

import re
from collections import deque
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from anyio.lowlevel import checkpoint

from anycast._demo import _pipes
from anycast._demo._pipes import KINDS, OURS, Pipe
from anycast._demo._storm import MOST, StormRun
from demo import BACKENDS, run, storm_rows

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("taken_back")
MESSAGES = 800


def storm(kind: str, backend: str, *, seed: int = 1) -> StormRun:
    """Run a small storm to the end."""
    run = StormRun(kind, backend, MESSAGES, seed)
    run.start(lambda: False)
    return run


def test_every_kind_of_channel_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind is compared on each backend on which the kind runs."""
    run()
    rows = storm_rows(capsys.readouterr().out)
    expected = [(kind, backend) for backend in BACKENDS for kind in KINDS[backend]]
    assert sorted((kind, backend) for kind, backend, *_ in rows) == sorted(expected)
    assert all(len(row) == 5 for row in rows)


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_storm_loses_and_repeats_nothing(backend: str, seed: int) -> None:
    """Every message of an `Anycast` arrives once, whichever tasks are cancelled."""
    done = storm(OURS, backend, seed=seed)
    assert (done.lost, done.duplicated, sum(done.received)) == (0, 0, MESSAGES)


@pytest.mark.parametrize("kind", KINDS["asyncio"])
def test_a_seed_repeats_a_storm(kind: str) -> None:
    """The receivers get the same messages again, and as many are lost and duplicated."""
    first, second, other = (storm(kind, "asyncio", seed=seed) for seed in (1, 1, 2))
    assert (first.received, first.lost, first.duplicated) == (
        second.received,
        second.lost,
        second.duplicated,
    )
    assert first.received != other.received


def test_a_storm_has_a_bounded_number_of_messages() -> None:
    """A run with very many messages does not make the storm longer."""
    assert StormRun(OURS, "asyncio", 10 * MOST, seed=1).plan.messages == MOST


class Careless:
    """A queue that forgets what a cancelled receive took, and keeps what a cancelled send put."""

    def __init__(self) -> None:
        self._messages = deque[int]()

    async def send(self, message: int) -> None:
        """Store a message, and yield only after that."""
        self._messages.append(message)
        await checkpoint()

    async def receive(self) -> int:
        """Take a message, and yield only after that."""
        while not self._messages:
            await checkpoint()
        message = self._messages.popleft()
        await checkpoint()
        return message

    def open(self, _: int) -> Pipe:
        """Return the functions for the storm."""
        return Pipe(self.send, self.receive, lambda: len(self._messages), int)


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a way to make a kind of channel careless."""
    return lambda kind: monkeypatch.setitem(_pipes._OPENERS, kind, Careless().open)


@pytest.mark.parametrize("backend", BACKENDS)
def test_lost_and_duplicated_messages_are_counted(
    backend: str, careless: Callable[[str], None]
) -> None:
    """A cancellation after the hand-over makes a careless receive lose, and a send repeat."""
    careless(OURS)
    done = storm(OURS, backend)
    assert done.lost > 0
    assert done.duplicated > 0


@pytest.mark.parametrize(("kind", "code"), [("asyncio.Queue", 0), (OURS, 1)])
def test_only_our_own_faults_make_the_demo_fail(
    kind: str, code: int, careless: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The row of a peer shows its faults, and only a fault of `Anycast` changes the exit code."""
    careless(kind)
    assert run("--backend", "asyncio", "--messages", MESSAGES) == code
    rows = {row[0]: row for row in storm_rows(capsys.readouterr().out)}
    assert rows[kind][3:] != ["0", "0"]


@pytest.mark.parametrize("kind", KINDS["asyncio"])
def test_the_readme_tells_what_the_demo_counts(kind: str) -> None:
    """The demo counts the numbers of the README."""
    if kind == "anyio stream" and not version("anyio").startswith("4.16."):
        pytest.skip("the README tells what anyio 4.16 does")
    name = {"anyio stream": "anyio memory stream", OURS: "`anycast`"}.get(kind, f"`{kind}`")
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    row = re.search(
        rf"^\| {name} \| asyncio \| (\d+) \| (\d+) \|", readme.replace("*", ""), re.MULTILINE
    )
    assert row
    done = StormRun(kind, "asyncio", MOST, seed=1)
    done.start(lambda: False)
    assert (done.lost, done.duplicated) == tuple(map(int, row.groups()))


def test_the_seed_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    """Another seed makes another storm."""
    counts: list[list[str]] = []
    for seed in (1, 1, 2):
        run("--backend", "asyncio", "--messages", 4000, "--seed", seed)
        rows = storm_rows(capsys.readouterr().out)
        counts.append([cell for row in rows for cell in row[3:]])
    assert counts[0] == counts[1]
    assert counts[0] != counts[2]
