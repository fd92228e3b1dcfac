"""The demo: the output and the options."""

from __future__ import annotations

import runpy
import sys
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from anycast._demo import main
from demo import BACKENDS, row, run, table

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("taken_back")
NAMES = ("A1", "A2", "A3", "B1", "B2", "B3")  # of the messages of the small run


SHOWN = ("received", "sent")


FAULTLESS = "anycast: nothing was lost, and nothing came twice."


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_message_of_the_small_run_is_shown(
    backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of six messages is shown once as sent and once as received."""
    run("--backend", backend)
    words = capsys.readouterr().out.partition("A broadcast:")[0].split()
    shown = [(name, what) for name, what in pairwise(words) if what in SHOWN]
    assert sorted(shown) == [(name, what) for name in NAMES for what in SHOWN]


def test_a_sender_without_room_is_shown_to_wait(capsys: pytest.CaptureFixture[str]) -> None:
    """The small run shows that a full channel makes a sender wait."""
    run("--backend", "asyncio")
    assert " B1 must wait\n" in capsys.readouterr().out


def test_each_part_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    """Each part begins with the numbers of messages and of tasks, and with the limit."""
    run("--senders", 3, "--receivers", 1, "--limit", "inf", "--backend", "asyncio")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "limit" in line] == [
        "6 messages, 2 senders, 2 receivers, limit 1",
        "A broadcast: 3 messages, 1 sender, 3 receivers, limit 2",
        "40 messages, 3 senders, 1 receiver, limit inf",
        "A storm: 40 messages, 4 senders, 4 receivers, limit 10",
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
    """Four shares stand in a line, and the lines are aligned."""
    run("--backend", "asyncio", "--receivers", 5)
    first, second = table(capsys.readouterr().out, 1)
    assert len(first.split()) == 6 + 4
    assert second.rindex(" ") + 1 == first.index(" ".join(first.split()[6:]))


def test_output_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """No line is longer than 80 characters, and no line ends in a space."""
    run()
    output, progress = capsys.readouterr()
    for line in (output + progress).splitlines():
        assert len(line) <= 80
        assert line == line.rstrip()


def test_senders_that_block_log_nothing(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The demo shows blocked senders without log records."""
    run("--backend", "asyncio", "--limit", 0)
    assert " must wait\n" in capsys.readouterr().out
    assert not caplog.records


@pytest.mark.parametrize(
    ("option", "value", "rule"),
    [
        ("--backend", "curio", "must be one of asyncio, trio, uvloop, not 'curio'"),
        ("--messages", "0", "must be an int from 1 to 100000000, not '0'"),
        ("--messages", "100000001", "must be an int from 1 to 100000000, not '100000001'"),
        ("--messages", "many", "must be an int from 1 to 100000000, not 'many'"),
        ("--senders", "0", "must be an int from 1 to 1000, not '0'"),
        ("--receivers", "1001", "must be an int from 1 to 1000, not '1001'"),
        ("--seed", "0", "must be an int from 1 to 4294967295, not '0'"),
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
    """Return a stand-in for `find_spec` that finds a single module."""
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
    """By default the demo runs on the installed backends."""
    monkeypatch.setattr("anycast._demo._options.find_spec", nothing_but("asyncio"))
    run()
    output = capsys.readouterr().out
    assert [line for line in output.splitlines() if line.startswith("on ")] == ["on asyncio"] * 2


def test_it_is_the_main_program_of_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m anycast`` runs the demo with the arguments of the process."""
    monkeypatch.setattr(sys, "argv", ["anycast", "--messages=8", "--backend=asyncio"])
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_module("anycast", run_name="__main__")
    assert row(capsys.readouterr().out, "asyncio")[:2] == ["asyncio", "8"]


def pretend(monkeypatch: pytest.MonkeyPatch, *, installed: bool) -> None:
    """Let the demo find the client library for Redis, or let the search fail."""

    def find_spec(_: str) -> bool | None:
        return installed or None

    monkeypatch.setattr("anycast._demo._options.find_spec", find_spec)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the demo with options that the demo refuses; return the last line of the output."""
    with pytest.raises(SystemExit) as exit_:
        main([*arguments])
    assert exit_.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("installed", "limit", "error"),
    [
        (False, "1", "--redis needs more: run `pip install 'anycast[redis]'`"),
        (True, "0", "argument --limit: must be >= 1 with --redis, not 0"),
    ],
)
def test_what_redis_needs(
    installed: bool,
    limit: str,
    error: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client library, and a limit."""
    pretend(monkeypatch, installed=installed)
    assert refusal(capsys, "--redis", "--limit", limit).endswith(f"error: {error}")


def test_on_redis_the_demo_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is run in place of the four parts, and its exit code is the demo's."""
    stub: Any = ModuleType("anycast._demo._on_redis")

    def run_on_redis(url: str, *_: object) -> int:
        return 7 if url == "redis://here" else 0

    stub.run_on_redis = run_on_redis
    monkeypatch.setitem(sys.modules, stub.__name__, stub)
    pretend(monkeypatch, installed=True)
    assert main(["--redis", "redis://here"]) == 7
