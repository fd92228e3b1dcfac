"""Every example of the README, of the documentation and of the docstrings runs.

An example that calls `anyio.run` runs on asyncio and on trio. If a block marked ``output`` follows
the example, the printed text is compared with this block. Functions with names ``test_...`` are
tests, and are called, too. An example that needs a server is run in ``tests/redis``.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import Any

import pytest

import anycast
from examples import FENCED, PACKAGE, PAGES, ROOT, Example, examples_in, on_each_backend

EXAMPLES = [
    example for path in [*PAGES, *sorted(PACKAGE.rglob("*.py"))] for example in examples_in(path)
]


@on_each_backend(EXAMPLES)
def test_example(
    example: Example,
    backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An example runs unchanged, its asserts hold, and its output is the output on the page."""
    if "starlette" in example.code:
        pytest.importorskip("starlette", reason="the group `docs` is not installed")
    with of_a_peer(example.code):
        example.run(backend, monkeypatch)
    if example.output is not None:
        assert capsys.readouterr().out == example.output


def of_a_peer(code: str) -> Any:
    """Allow what `frequenz.channels` warns of, which is deprecated and not installed everywhere."""
    if "frequenz" not in code:
        return nullcontext()
    pytest.importorskip("frequenz.channels")
    return pytest.warns(DeprecationWarning, match=r"^Anycast channels are deprecated, ")


@pytest.mark.parametrize("name", ["README", "index"])
def test_the_first_program_of_a_reader(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The output of the first program is on the page, and no warning is logged."""
    first = next(example for example in EXAMPLES if example.name.startswith(f"{name}:"))
    first.run("asyncio", monkeypatch)
    assert capsys.readouterr().out == first.output
    assert not caplog.records


@pytest.mark.parametrize("name", ["README", "CONTRIBUTING", "RELEASING", "SECURITY"])
def test_the_files_that_are_named_exist(name: str) -> None:
    """A reader of the repository follows the links and sees the charts."""
    text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
    prose = FENCED.sub("", text)
    links = re.findall(r"\]\((?!https:|#)([^)#]+)", prose)
    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_the_installs_from_a_checkout_are_listed() -> None:
    """Whoever publishes the package finds each page whose install then changes."""
    releasing = (ROOT / "RELEASING.md").read_text(encoding="utf-8")
    pages = [page for page in PAGES if "pip install '.[" in page.read_text(encoding="utf-8")]
    assert len(pages) > 1
    names = [page.relative_to(ROOT).as_posix() for page in pages]
    assert [name for name in names if f"`{name}`" not in releasing] == []


def test_there_are_examples() -> None:
    """Every program of the documentation is on a page, and so is run."""
    shown = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    programs = [path.name for path in (ROOT / "docs" / "examples").glob("*.py")]
    assert [name for name in programs if f"/{name}" not in shown] == []
    assert {"README", "channel"} <= {example.name.partition(":")[0] for example in EXAMPLES}


def test_every_public_object_has_an_example() -> None:
    """The docstring of every public object has an example."""
    documented = {name: getattr(anycast, name).__doc__ or "" for name in anycast.__all__}
    assert [name for name, text in documented.items() if "```python" not in text] == []
