"""The demo: what it shows, what it counts, and how it ends."""

from __future__ import annotations

import logging
import runpy
import signal
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import pytest
from anyio import sleep_forever

from anycast import Anycast, Receiver
from anycast._demo import main
from anycast._demo._options import Plan
from anycast._demo._progress import Progress
from anycast._demo._run import Run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

BACKENDS = [name for name in ("asyncio", "trio", "uvloop") if find_spec(name)]
NAMES = ("A1", "A2", "A3", "B1", "B2", "B3")  # of the messages of the small run
SHOWN = ("received", "sent")
FAULTLESS = "Nothing was lost, and nothing came twice."
INTERRUPTED = 130


@pytest.fixture(autouse=True)
def taken_back() -> Generator[None]:
    """Take back what the demo, as the main program of a process, takes over for good."""
    logger = logging.getLogger("anycast")
    handler, level = signal.getsignal(signal.SIGINT), logger.level
    yield
    signal.signal(signal.SIGINT, handler)
    logger.setLevel(level)


class OnReceive(Protocol):
    """Sets what every receiver does from now on with what it has received."""

    def __call__(self, act: Callable[[int, Callable[[], Awaitable[int]]], Awaitable[int]]) -> None:
        """Let ``act(message, receive)`` decide what a call of ``receive`` returns."""


@pytest.fixture
def on_receive(monkeypatch: pytest.MonkeyPatch) -> OnReceive:
    """Return a way to make receivers faulty."""
    kind: type[Receiver[int]] = type(Anycast[int]().new_receiver())
    faultless = kind.receive

    def replace(act: Callable[[int, Callable[[], Awaitable[int]]], Awaitable[int]]) -> None:
        async def receive(receiver: Receiver[int]) -> int:
            return await act(await faultless(receiver), partial(faultless, receiver))

        monkeypatch.setattr(kind, "receive", receive)

    return replace


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo look at its progress, and at Ctrl-C, all the time."""
    monkeypatch.setattr("anycast._demo._run.TICK", 0)


def run(*arguments: object) -> int:
    """Run the demo, with few messages unless the arguments say otherwise."""
    return main(["--messages", "40", *map(str, arguments)])


def row(output: str, backend: str) -> list[str]:
    """Return the cells of a backend's row of the summary; each share is one."""
    _, table = output.split("\n-------", maxsplit=1)
    (line,) = (line for line in table.splitlines() if line.startswith(f"{backend} "))
    return line.split()


# What it shows.


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_message_of_the_small_run_is_shown(
    backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of six messages is shown once as sent and once as received."""
    run("--backend", backend)
    words = capsys.readouterr().out.split()
    shown = [(name, what) for name, what in pairwise(words) if what in SHOWN]
    assert sorted(shown) == [(name, what) for name in NAMES for what in SHOWN]


def test_a_sender_without_room_is_shown_to_wait(capsys: pytest.CaptureFixture[str]) -> None:
    """The small run shows that a full channel makes a sender wait."""
    run("--backend", "asyncio")
    assert " B1 must wait\n" in capsys.readouterr().out


def test_each_part_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    """Both parts begin with how many messages and tasks there are, and with the limit."""
    run("--senders", 3, "--receivers", 1, "--limit", "inf", "--backend", "asyncio")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "limit" in line] == [
        "6 messages, 2 senders, 2 receivers, limit 1",
        "40 messages, 3 senders, 1 receiver, limit inf",
    ]


def test_every_installed_backend_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Without ``--backend`` all of them run."""
    assert run() == 0
    output = capsys.readouterr().out
    assert [row(output, backend)[:2] for backend in BACKENDS] == [[b, "40"] for b in BACKENDS]


@pytest.mark.parametrize("limit", ["0", "1", "inf"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_faultless_channel_loses_and_repeats_nothing(
    backend: str, limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary says so, and the exit code is 0."""
    assert run("--backend", backend, "--limit", limit) == 0
    output = capsys.readouterr().out
    assert row(output, backend)[4:6] == ["0", "0"]
    assert output.endswith(f"\n\n{FAULTLESS}\n")


def test_shares_are_those_of_the_receivers(capsys: pytest.CaptureFixture[str]) -> None:
    """Receivers that work on their messages share them evenly."""
    run("--backend", "asyncio")
    assert row(capsys.readouterr().out, "asyncio")[6:] == ["25.0"] * 4


def test_many_shares_take_several_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Four shares stand in a line, one above the other."""
    run("--backend", "asyncio", "--receivers", 5)
    *_, first, second, _, _ = capsys.readouterr().out.splitlines()
    assert len(first.split()) == 6 + 4
    assert second.rindex(" ") + 1 == first.index(" ".join(first.split()[6:]))


def test_output_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """No line is longer than 80 characters, and none ends in a space."""
    run()
    output, progress = capsys.readouterr()
    for line in (output + progress).splitlines():
        assert len(line) <= 80
        assert line == line.rstrip()


def test_senders_that_block_log_nothing(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The demo shows them to wait in its own way."""
    run("--backend", "asyncio", "--limit", 0)
    assert " must wait\n" in capsys.readouterr().out
    assert not caplog.records


# What it counts.


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
    assert output.endswith("\n\nFAULTY: 1 lost, 0 duplicated.\n")


def test_a_message_that_comes_twice_is_counted(
    on_receive: OnReceive, capsys: pytest.CaptureFixture[str]
) -> None:
    """A receiver that delivers a message again in place of the next one makes it fail."""

    async def repeat(message: int, _: object) -> int:
        return 7 if message == 11 else message

    on_receive(repeat)
    assert run("--backend", "asyncio") == 1
    output = capsys.readouterr().out
    assert row(output, "asyncio")[4:6] == ["1", "1"]
    assert output.endswith("\n\nFAULTY: 1 lost, 1 duplicated.\n")


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
    assert output.endswith("\n\nFAULTY: 0 lost, 1 duplicated.\n")


def test_a_fault_in_the_small_run_counts_too(
    on_receive: OnReceive, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not only what the summary shows must be faultless."""
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
    assert output.endswith("\n\nFAULTY: 1 lost, 0 duplicated.\n")


# How far it is.


def progress_of(*, parts: int) -> None:
    """Show the progress of a run of 1,000 messages in so many equal steps."""
    run = Run("trio", Plan(messages=1_000, senders=1, receivers=2, limit=1))
    with Progress(run) as progress:
        for part in range(parts):
            run.received = [part * 1_000 // parts, 0]
            progress.show()
        run.received = [600, 400]


def test_plain_progress_is_a_line_for_each_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it is not shown on a terminal, it is four lines, however long it takes."""
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
    """Each line goes over the one before it, and the last one stays."""
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
    """It is drawn several times on the way, and at the end."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run("--backend", backend)
    *on_the_way, last = capsys.readouterr().err.strip("\r\n").split("\r")
    assert len(set(on_the_way) - {last}) > 1
    assert last.endswith(" 40 of 40")


# How it ends.


@pytest.mark.parametrize("interrupting", [2, 20], ids=["the small run", "the large run"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.usefixtures("no_pause")
def test_ctrl_c_ends_it(
    backend: str, interrupting: int, on_receive: OnReceive, capsys: pytest.CaptureFixture[str]
) -> None:
    """It cancels tasks that would wait for ever; pressed a second time it does no harm."""

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
    """It may come when all is received, and nothing is left to cancel."""

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
    """Pressed twice, it leaves one line and no traceback."""
    command = [sys.executable, "-m", "anycast", "--messages", "10000000", "--backend", backend]
    with subprocess.Popen(  # noqa: S603  it is ours
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout
        demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate()
    assert (demo.returncode, errors) == (INTERRUPTED, "Interrupted.\n")


# What it is told to do.


@pytest.mark.parametrize(
    ("option", "value", "rule"),
    [
        ("--backend", "curio", "must be one of asyncio, trio, uvloop, not 'curio'"),
        ("--messages", "0", "must be an int from 1 to 100000000, not '0'"),
        ("--messages", "100000001", "must be an int from 1 to 100000000, not '100000001'"),
        ("--messages", "many", "must be an int from 1 to 100000000, not 'many'"),
        ("--senders", "0", "must be an int from 1 to 1000, not '0'"),
        ("--receivers", "1001", "must be an int from 1 to 1000, not '1001'"),
        ("--limit", "-1", "must be an int >= 0 or inf, not '-1'"),
        ("--limit", "1.5", "must be an int >= 0 or inf, not '1.5'"),
        ("--limit", "9" * 101, f"must be an int >= 0 or inf, not '{'9' * 101}'"),
    ],
)
def test_a_bad_option_is_refused(
    option: str, value: str, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the option, the rule and what was given."""
    with pytest.raises(SystemExit, match=r"^2$"):
        main([f"{option}={value}"])
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"python -m anycast: error: argument {option}: {rule}"


def nothing_but(name: str) -> Callable[[str], object]:
    """Return a stand-in for `find_spec` that finds one module only."""
    return lambda asked: asked == name or None


def test_a_backend_that_is_not_installed_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says what to install."""
    monkeypatch.setattr("anycast._demo._options.find_spec", nothing_but("asyncio"))
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["--backend", "trio"])
    assert capsys.readouterr().err.splitlines()[-1] == (
        "python -m anycast: error: argument --backend: must be installed, and 'trio' is not:"
        " run `pip install 'anycast[trio]'`"
    )


def test_a_backend_that_is_not_installed_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By default the demo runs on what there is."""
    monkeypatch.setattr("anycast._demo._options.find_spec", nothing_but("asyncio"))
    run()
    output = capsys.readouterr().out
    assert [line for line in output.splitlines() if line.startswith("on ")] == ["on asyncio"]


def test_it_is_the_main_program_of_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m anycast`` runs it with the arguments of the process."""
    monkeypatch.setattr(sys, "argv", ["anycast", "--messages=8", "--backend=asyncio"])
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_module("anycast", run_name="__main__")
    assert row(capsys.readouterr().out, "asyncio")[:2] == ["asyncio", "8"]
