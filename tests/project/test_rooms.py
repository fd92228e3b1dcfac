"""Which parts of the package may touch which: what the imports do not show.

The imports themselves are checked by the contracts of import-linter in ``pyproject.toml``.
"""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import anycast
from anycast._anycast.core import Core

SOURCE = Path(anycast.__file__).parent
BELOW = ["_combinators", "_interface", "_select", "_waiting"]  # the rooms below the channel


def attributes(*files: Path) -> set[str]:
    """Return the name of each attribute that is read or written in some files."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return {
        node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }


@pytest.mark.parametrize("room", BELOW)
def test_a_room_below_touches_no_field_of_the_core(room: str) -> None:
    """`select` and the combinators know a channel only through `Leaf`, and a loop's binding."""
    own = {field.name for field in fields(Core)} - {"closed", "limit", "name"}  # these are public
    assert not attributes(*(SOURCE / room).rglob("*.py")) & own


def test_only_the_channel_in_memory_reaches_its_core() -> None:
    """An endpoint and an operation keep the core under these names."""
    inside = {*(SOURCE / "_anycast").rglob("*.py")}
    assert {"core", "_core"} <= attributes(*inside)
    assert not {"core", "_core"} & attributes(*({*SOURCE.rglob("*.py")} - inside))


def test_few_private_modules_lie_outside_of_the_rooms() -> None:
    """A new module goes into a room."""
    assert {path.name for path in SOURCE.glob("_[a-z]*.py")} == {"_arguments.py", "_log.py"}
