"""The examples in the documentation, in the README and in docstrings, and their runner."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest

import anycast

ROOT = Path(__file__).parents[2]
PACKAGE = Path(anycast.__file__).parent
FENCED = re.compile(
    r"^(?P<indent> *)```(?P<kind>py|python)\n(?P<code>.*?)^(?P=indent)```$"
    r"(?:\n*(?P=indent)```output\n(?P<output>.*?)^(?P=indent)```$)?",
    re.DOTALL | re.MULTILINE,
)
INCLUDED = re.compile(r'--8<-- "(.+)"')  # a separate file that a page shows
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BACKENDS = ["asyncio", "trio"]
NEWLINE = "\n"  # Python 3.11 allows no backslash within an f-string


@dataclass(frozen=True)
class Example:
    """An example: its place, its code, and its expected output, if any."""

    name: str
    code: str
    output: str | None

    @property
    def chooses_backend(self) -> bool:
        """Whether this is a file of tests with a fixture that chooses trio."""
        return "def anyio_backend(" in self.code

    @property
    def backends(self) -> list[str]:
        """What to run it on: most choose no backend, and some have no event loop at all."""
        if self.chooses_backend:
            return BACKENDS[1:]
        chooses_none = "anyio.run(" in self.code or "pytest.mark.anyio" in self.code
        return BACKENDS if chooses_none else BACKENDS[:1]

    def run(self, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Run it as it stands, and then what it defines that is called ``test_...``."""
        if self.chooses_backend:
            self._run_by_pytest()
            return
        run = partial(anyio.run, backend=backend)
        monkeypatch.setattr(anyio, "run", run)
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(self.code, self.name, "exec"), names)  # noqa: S102
        for function in [value for name, value in names.items() if name.startswith("test_")]:
            run(function) if iscoroutinefunction(function) else function()

    def _run_by_pytest(self) -> None:
        """Run it as a file of tests."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "test_example.py"
            path.write_text(self.code, encoding="utf-8")
            command = [sys.executable, "-m", "pytest", "-q", "-W", "error", path.name]
            run = subprocess.run(  # noqa: S603
                command, cwd=folder, capture_output=True, text=True, check=False
            )
        assert run.returncode == 0, run.stdout + run.stderr


def include(match: re.Match[str]) -> str:
    """Return the file that a page shows."""
    return (ROOT / match[1]).read_text(encoding="utf-8")


def examples_in(path: Path, kind: str = "python") -> list[Example]:
    """Return the fenced examples of a file: ``python``, or ``py`` for what needs a server."""
    text = path.read_text(encoding="utf-8")
    return [
        Example(
            name=f"{path.stem}:{1 + text.count(NEWLINE, 0, match.start())}",
            code=INCLUDED.sub(include, textwrap.dedent(match["code"])),
            output=match["output"] and textwrap.dedent(match["output"]),
        )
        for match in FENCED.finditer(text)
        if match["kind"] == kind
    ]


def on_each_backend(examples: list[Example]) -> pytest.MarkDecorator:
    """Parametrize a test: each example, on each backend of the example."""
    return pytest.mark.parametrize(
        ("example", "backend"),
        [
            pytest.param(example, backend, id=f"{example.name}-{backend}")
            for example in examples
            for backend in example.backends
        ],
    )
