"""Every example of the README, of the documentation and of the docstrings runs.

An example that calls `anyio.run` runs on asyncio and on trio. What it prints is compared with
the block that follows it, if that is marked as ``output``; its functions that are called
``test_...`` are tests, and are called too.
"""

from __future__ import annotations

import re
import textwrap
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import anyio
import pytest

import anycast

ROOT = Path(__file__).parent.parent
PACKAGE = Path(anycast.__file__).parent
FENCED = re.compile(
    r"^(?P<indent> *)```python\b[^\n]*\n(?P<code>.*?)^(?P=indent)```$"
    r"(?:\n*(?P=indent)```output\n(?P<output>.*?)^(?P=indent)```$)?",
    re.DOTALL | re.MULTILINE,
)
INCLUDED = re.compile(r'--8<-- "(.+)"')  # a file of its own, shown on a page
BACKENDS = ["asyncio", "trio"]
NEWLINE = "\n"  # Python 3.11 allows no backslash within an f-string


@dataclass(frozen=True)
class Example:
    """One example: where it is, its code, and what it is to print, if that is told."""

    name: str
    code: str
    output: str | None

    @property
    def backends(self) -> list[str]:
        """What to run it on: most choose no backend, and some have no event loop at all."""
        return BACKENDS if "anyio.run(" in self.code else BACKENDS[:1]


def include(match: re.Match[str]) -> str:
    """Return the file that a page shows."""
    return (ROOT / match[1]).read_text(encoding="utf-8")


def examples_in(path: Path) -> list[Example]:
    """Return every fenced example of a file."""
    text = path.read_text(encoding="utf-8")
    return [
        Example(
            name=f"{path.stem}:{1 + text.count(NEWLINE, 0, match.start())}",
            code=INCLUDED.sub(include, textwrap.dedent(match["code"])),
            output=match["output"] and textwrap.dedent(match["output"]),
        )
        for match in FENCED.finditer(text)
    ]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = [
    example for path in [*PAGES, *sorted(PACKAGE.rglob("*.py"))] for example in examples_in(path)
]


@pytest.mark.parametrize(
    ("example", "backend"),
    [
        pytest.param(example, backend, id=f"{example.name}-{backend}")
        for example in EXAMPLES
        for backend in example.backends
    ],
)
def test_example(
    example: Example,
    backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An example runs as it stands, holds what it asserts, and prints what it says."""
    run = partial(anyio.run, backend=backend)
    monkeypatch.setattr(anyio, "run", run)
    with of_a_peer(example.code):
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(example.code, example.name, "exec"), names)  # noqa: S102
    for function in [value for name, value in names.items() if name.startswith("test_")]:
        run(function) if iscoroutinefunction(function) else function()
    if example.output is not None:
        assert capsys.readouterr().out == example.output


def of_a_peer(code: str) -> Any:
    """Allow what `frequenz.channels` warns of, which is deprecated and not installed everywhere."""
    if "frequenz" not in code:
        return nullcontext()
    pytest.importorskip("frequenz.channels")
    return pytest.warns(DeprecationWarning, match=r"^Anycast channels are deprecated, ")


def test_there_are_examples() -> None:
    """Every program of the documentation is shown on a page, and so it runs."""
    shown = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    programs = [path.name for path in (ROOT / "docs").rglob("*.py")]
    assert [name for name in programs if f"/{name}" not in shown] == []
    assert {"README", "_anycast"} <= {example.name.partition(":")[0] for example in EXAMPLES}


def test_every_public_object_has_an_example() -> None:
    """In its own docstring: the first place where people look."""
    documented = {name: getattr(anycast, name).__doc__ or "" for name in anycast.__all__}
    assert [name for name, text in documented.items() if "```python" not in text] == []
