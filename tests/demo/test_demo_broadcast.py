"""The demo of a broadcast channel: what each receiver gets, and which faults are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from anycast import Broadcast, Receiver
from demo import BACKENDS, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.usefixtures("taken_back")
NARROW = "40"  # columns: each line begins with its heading


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines of the last run of this part, in which each line names who speaks."""
    part = capsys.readouterr().out.partition("A broadcast:")[2].partition("\n40 messages")[0]
    return part.splitlines()


def said_by(who: str, lines: list[str]) -> list[str]:
    """Return what one of the columns says."""
    return [line.removeprefix(f"{who}: ") for line in lines if line.startswith(f"{who}: ")]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("who", "what"),
    [
        ("sender", ["A1 sent", "A2 sent", "A3 must wait", "A3 sent"]),
        ("fast", ["A1 received", "A2 received", "A3 received"]),
        ("blocking", ["A1 received", "A2 received", "A3 received"]),
        ("dropping", ["1 lost", "A2 received", "A3 received"]),
    ],
)
def test_what_each_column_shows(
    who: str,
    what: list[str],
    backend: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow receiver makes the sender wait, or is told what it lost; the others get all."""
    monkeypatch.setenv("COLUMNS", NARROW)
    run("--backend", backend)
    assert said_by(who, shown(capsys)) == what


def test_a_sender_waits_for_the_blocking_receiver(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender goes on when this receiver has received, and never waits for the dropping one."""
    monkeypatch.setenv("COLUMNS", NARROW)
    run("--backend", "asyncio")
    lines = shown(capsys)
    waits = lines.index("sender: A3 must wait")
    assert lines[waits + 1 : waits + 3] == ["blocking: A1 received", "sender: A3 sent"]
    assert lines.index("dropping: 1 lost") > waits + 2


def test_each_column_has_a_heading(capsys: pytest.CaptureFixture[str]) -> None:
    """A wide terminal shows a column for the sender, and a column for each receiver."""
    run("--backend", "asyncio")
    lines = shown(capsys)
    assert "  sender            fast              blocking          dropping" in lines
    assert " " * 20 + "A1 received" in lines
    assert " " * 56 + "1 lost" in lines


def test_a_run_repeats(capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs on asyncio show the same."""
    outputs: list[list[str]] = []
    for _ in range(2):
        run("--backend", "asyncio")
        outputs.append(shown(capsys))
    assert outputs[0] == outputs[1]


@pytest.fixture
def on_receive(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return a way to let all receivers of broadcast channels act on what was received."""
    kind: Any = type(Broadcast[int]().new_receiver())
    faultless = kind.receive

    def replace(act: Callable[[int, Callable[[], Awaitable[int]]], Awaitable[int]]) -> None:
        async def receive(receiver: Receiver[int]) -> int:
            return await act(await faultless(receiver), lambda: faultless(receiver))

        monkeypatch.setattr(kind, "receive", receive)

    return replace


def test_a_lost_message_is_counted(
    on_receive: Callable[[Any], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each receiver that misses a message counts."""

    async def drop(message: int, receive: Callable[[], Awaitable[int]]) -> int:
        return await receive() if message == 1 else message

    on_receive(drop)
    assert run("--backend", "asyncio") == 1
    assert capsys.readouterr().out.endswith("\n\nanycast is FAULTY: 3 lost, 0 duplicated.\n")


def test_a_message_that_comes_twice_is_counted(
    on_receive: Callable[[Any], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each receiver that gets a message in place of the next one counts."""

    async def repeat(message: int, _: object) -> int:
        return min(message, 1)

    on_receive(repeat)
    assert run("--backend", "asyncio") == 1
    assert capsys.readouterr().out.endswith("\n\nanycast is FAULTY: 3 lost, 3 duplicated.\n")


def stay_silent(_: object) -> None:
    """Tell nothing of a gap."""


def test_a_message_lost_in_silence_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A receiver that is told nothing of what it lost makes the demo fail."""
    kind: Any = type(Broadcast[int]().new_receiver())
    monkeypatch.setattr(kind, "_check_gap", stay_silent)
    assert run("--backend", "asyncio") == 1
    assert capsys.readouterr().out.endswith("\n\nanycast is FAULTY: 1 lost, 0 duplicated.\n")
