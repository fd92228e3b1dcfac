"""The demo: counted faults, progress, and interrupts."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING, Protocol, TextIO

import pytest
from anyio import sleep_forever

from anycast import Anycast, Receiver
from anycast._demo._options import Plan
from anycast._demo._progress import Progress
from anycast._demo._run import Run
from demo import BACKENDS, row, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("taken_back")
INTERRUPTED = 130
UNREAD = 141


class OnReceive(Protocol):
    """Sets what every receiver does with a received message."""

    def __call__(self, act: Callable[[int, Callable[[], Awaitable[int]]], Awaitable[int]]) -> None:
        """Let ``act(message, receive)`` decide what a call of ``receive`` returns."""


def faulty(
    act: Callable[[int, Callable[[], Awaitable[int]]], Awaitable[int]],
    faultless: Callable[[Receiver[int]], Awaitable[int]],
) -> Callable[[Receiver[int]], Awaitable[int]]:
    """Return a way to receive that does something else with the message."""

    async def receive(receiver: Receiver[int]) -> int:
        return await act(await faultless(receiver), partial(faultless, receiver))

    return receive


@pytest.fixture
def on_receive(monkeypatch: pytest.MonkeyPatch) -> OnReceive:
    """Return a way to make receivers faulty."""
    kind: type[Receiver[int]] = type(Anycast[int]().new_receiver())
    ways = {"receive": kind.receive, "__anext__": kind.__anext__}

    def replace(act: Callable[[int, Callable[[], Awaitable[int]]], Awaitable[int]]) -> None:
        for name, faultless in ways.items():
            monkeypatch.setattr(kind, name, faulty(act, faultless))

    return replace


class Unread(StringIO):
    """The standard output of a program, into a pipe without a reader."""

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self._file = file

    def write(self, _: str) -> int:
        """Say what the operating system says."""
        raise BrokenPipeError

    def fileno(self) -> int:
        """Return the number of an open file."""
        return self._file.fileno()


def test_output_that_nobody_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The demo ends without a traceback, and the rest of the output is dropped."""
    with (tmp_path / "output").open("w") as file:
        monkeypatch.setattr(sys, "stdout", Unread(file))
        assert run() == UNREAD
        print("more", file=file)
    assert (tmp_path / "output").read_text() == ""


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo check its progress, and check for Ctrl-C, without a pause."""
    monkeypatch.setattr("anycast._demo._run.TICK", 0)


def test_a_lost_message_is_counted(
    on_receive: OnReceive, capsys: pytest.CaptureFixture[str]
) -> None:
    """A receiver that drops a message makes the demo fail."""

    async def drop(message: int, receive: Callable[[], Awaitable[int]]) -> int:
        return await receive() if message == 7 else message

    on_receive(drop)
    assert run("--backend", "asyncio") == 1
    output = capsys.readouterr().out
    assert row(output, "asyncio")[4:6] == ["1", "0"]
    assert output.endswith("\n\nanycast is FAULTY: 2 lost, 0 duplicated.\n")


def test_a_message_that_comes_twice_is_counted(
    on_receive: OnReceive, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo fails if a receiver delivers a message twice in place of the next message."""

    async def repeat(message: int, _: object) -> int:
        return 7 if message == 11 else message

    on_receive(repeat)
    assert run("--backend", "asyncio") == 1
    output = capsys.readouterr().out
    assert row(output, "asyncio")[4:6] == ["1", "1"]
    assert output.endswith("\n\nanycast is FAULTY: 2 lost, 2 duplicated.\n")


def test_a_message_that_is_sent_twice_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sender that sends a message a second time makes the demo fail."""
    kind = type(Anycast[int]().new_sender())
    faultless = kind.send

    async def send_twice(sender: object, message: int) -> None:
        for _ in range(2 if message == 7 else 1):
            await faultless(sender, message)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "send", send_twice)
    assert run("--backend", "asyncio") == 1
    output = capsys.readouterr().out
    assert row(output, "asyncio")[4:6] == ["0", "1"]
    assert output.endswith("\n\nanycast is FAULTY: 0 lost, 2 duplicated.\n")


def test_a_fault_in_the_small_run_counts_too(
    on_receive: OnReceive, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fault in the small run makes the demo fail, too."""
    dropped: list[int] = []

    async def drop_once(message: int, receive: Callable[[], Awaitable[int]]) -> int:
        if message == 2 and not dropped:
            dropped.append(message)
            return await receive()
        return message

    on_receive(drop_once)
    assert run("--backend", "asyncio") == 1
    output = capsys.readouterr().out
    assert row(output, "asyncio")[4:6] == ["0", "0"]
    assert output.endswith("\n\nanycast is FAULTY: 1 lost, 0 duplicated.\n")


@pytest.mark.parametrize("interrupting", [2, 20], ids=["the small run", "the large run"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.usefixtures("no_pause")
def test_ctrl_c_ends_it(
    backend: str, interrupting: int, on_receive: OnReceive, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C cancels tasks that would wait for ever, and a second Ctrl-C is harmless."""

    async def press_and_hang(message: int, _: object) -> int:
        if message == interrupting:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            await sleep_forever()
        return message

    on_receive(press_and_hang)
    assert run("--backend", backend) == INTERRUPTED
    output, errors = capsys.readouterr()
    assert errors.splitlines()[-1] == "Interrupted."
    assert "-------" not in output


def test_ctrl_c_in_the_last_moment_is_not_forgotten(
    on_receive: OnReceive, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C may come when all messages are received, and no task is left to cancel."""

    async def press(message: int, _: object) -> int:
        if message == 39:
            signal.raise_signal(signal.SIGINT)
        return message

    on_receive(press)
    assert run("--backend", "asyncio") == INTERRUPTED
    assert capsys.readouterr().err.splitlines()[-1] == "Interrupted."


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT can be sent to a process there")
@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_ends_the_process(backend: str) -> None:
    """After two Ctrl-C, the output has one line and no traceback."""
    command = [sys.executable, "-m", "anycast", "--messages", "10000000", "--backend", backend]
    with subprocess.Popen(  # noqa: S603  the command is fixed
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout
        demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate()
    assert (demo.returncode, errors) == (INTERRUPTED, "Interrupted.\n")


def progress_of(*, parts: int) -> None:
    """Show the progress of a run of 1,000 messages in so many equal steps."""
    run = Run("trio", Plan(messages=1_000, senders=1, receivers=2, limit=1))
    with Progress(run) as progress:
        for part in range(parts):
            run.received = [part * 1_000 // parts, 0]
            progress.show()
        run.received = [600, 400]


def test_plain_progress_is_a_line_for_each_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, the progress has four lines, however long the demo takes."""
    progress_of(parts=500)
    assert capsys.readouterr().err.splitlines() == [
        "  trio     [######..................]  25 %    250 of 1,000",
        "  trio     [############............]  50 %    500 of 1,000",
        "  trio     [##################......]  75 %    750 of 1,000",
        "  trio     [########################] 100 %  1,000 of 1,000",
    ]


def test_progress_on_a_terminal_is_drawn_in_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line replaces the line before, and the last line stays."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress_of(parts=2)
    assert capsys.readouterr().err == (
        "\r  trio     [........................]   0 %      0 of 1,000"
        "\r  trio     [############............]  50 %    500 of 1,000"
        "\r  trio     [########################] 100 %  1,000 of 1,000\n"
    )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.usefixtures("no_pause")
def test_progress_is_shown_while_it_is_made(
    backend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The progress is drawn several times on the way, and at the end."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run("--backend", backend)
    *on_the_way, last = capsys.readouterr().err.strip("\r\n").split("\r")
    assert len(set(on_the_way) - {last}) > 1
    assert last.endswith(" 40 of 40")
