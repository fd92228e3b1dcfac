"""The demo on terminals: colours, narrow terminals, and the version."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace
from typing import NoReturn

import pytest

from anycast._demo import main
from demo import run

pytestmark = pytest.mark.usefixtures("taken_back")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the standard output be a terminal with colours, as far as the demo can tell."""
    stdout = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("anycast._demo._terminal.sys", SimpleNamespace(stdout=stdout))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def output(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return what a run on asyncio prints."""
    run("--backend", "asyncio", *arguments)
    return capsys.readouterr().out


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_colours(capsys: pytest.CaptureFixture[str]) -> None:
    """Faults are counted in green or red, and headings are bold."""
    text = output(capsys)
    assert "\x1b[1mlost\x1b[0m" in text
    assert "\x1b[32m   0\x1b[0m" in text
    assert text.endswith("\x1b[32manycast: nothing was lost, and nothing came twice.\x1b[0m\n")


@pytest.mark.usefixtures("terminal")
def test_a_fault_is_red(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count of more than 0, and the verdict."""
    monkeypatch.setattr("anycast._demo._run.Run.lost", 3)
    text = output(capsys)
    assert "\x1b[1;31m   3\x1b[0m" in text
    assert "\x1b[1;31manycast is FAULTY: 9 lost, 0 duplicated.\x1b[0m" in text


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Colours are off if the user asks so, or if the terminal has no colours."""
    monkeypatch.setenv(name, value)
    assert not COLOUR.search(output(capsys))


@pytest.mark.usefixtures("terminal")
def test_an_empty_wish_is_no_wish(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`NO_COLOR` counts only if its value is not empty."""
    monkeypatch.setenv("NO_COLOR", "")
    assert COLOUR.search(output(capsys))


def test_a_file_gets_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    """A file, or another program, gets plain text."""
    assert not COLOUR.search(output(capsys))


@pytest.mark.parametrize("width", [20, 32, 40, 57, 72, 79, 80])
def test_a_narrow_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No line is wider than the terminal, but for the one of the options in an error."""
    monkeypatch.setenv("COLUMNS", str(width))
    assert run("--messages", 1000) == 0
    output, progress = capsys.readouterr()
    lines = (output + progress).splitlines()
    assert [line for line in lines if len(line) > max(width, 32)] == []


def test_a_table_without_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each cell is a line with its heading, and the small run names the speakers."""
    monkeypatch.setenv("COLUMNS", "40")
    lines = output(capsys).splitlines()
    assert "sender A: A1 sent" in lines
    assert "backend               asyncio" in lines
    assert "lost                  0" in lines
    assert "channel     anycast" in lines
    assert lines[lines.index("channel     anycast") - 1] == ""  # a separate line


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """An option shows the version, for reports of errors."""
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert re.fullmatch(r"anycast \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_the_version_of_a_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo runs from a folder in which the package is not installed."""

    def fail(_: str) -> NoReturn:
        raise PackageNotFoundError

    monkeypatch.setattr("anycast._demo._options.version", fail)
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert capsys.readouterr().out == "anycast (not installed)\n"
