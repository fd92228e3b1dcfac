"""Every example of the README, of the guide and of the docstrings runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import anycast

ROOT = Path(__file__).parent.parent
FENCED = re.compile(r"^( *)```python\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def examples() -> list[tuple[str, str]]:
    """Return the place and the code of every fenced example."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    modules = sorted(Path(anycast.__file__).parent.rglob("*.py"))
    found: list[tuple[str, str]] = []
    for path in [*pages, *modules]:
        text = path.read_text(encoding="utf-8")
        for match in FENCED.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append((f"{path.name}:{line}", match[2].replace("\n" + match[1], "\n")))
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("code", [code for _, code in EXAMPLES], ids=[name for name, _ in EXAMPLES])
def test_example(code: str) -> None:
    """An example runs as it stands, and its own assertions hold."""
    exec(compile(code.strip(), "example", "exec"), {"__name__": "__main__"})  # noqa: S102


def test_there_are_examples() -> None:
    """The README and a docstring at least have some."""
    names = {name.partition(":")[0] for name, _ in EXAMPLES}
    assert {"README.md", "_anycast.py"} <= names
