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
# The rooms that may not know the fields of the core, and their own attributes of the same names.
ROOMS = {
    "_combinators": {"name"},
    "_demo": {"limit", "name", "received", "receivers", "senders"},
    "_interface": {"closed", "limit", "name"},
    "_select": set[str](),
    "_waiting": {"name"},
    "redis": {"closed", "leases", "limit", "name", "open_receivers", "open_senders", "peak"},
}


def attributes(*files: Path) -> set[str]:
    """Return the name of each attribute that is read or written in some files."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return {
        node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_touches_no_field_of_the_core(room: str) -> None:
    """`select` and the combinators know a channel only through `Leaf`, and a loop's binding."""
    fields_of_the_core = {field.name for field in fields(Core)}
    assert attributes(*(SOURCE / room).rglob("*.py")) & fields_of_the_core <= ROOMS[room]


def test_only_select_knows_where_a_leaf_waits() -> None:
    """Only `select` uses the queue of a leaf and the binding of the channel."""
    others = [room for room in ROOMS if room not in {"_select", "_waiting"}]
    files = [file for room in others for file in (SOURCE / room).rglob("*.py")]
    assert not {"binding", "queue"} & attributes(*files)


def test_only_the_channels_in_memory_reach_a_core() -> None:
    """An endpoint and an operation keep the core under these names."""
    inside = {*(SOURCE / "_anycast").rglob("*.py"), *(SOURCE / "_broadcast").rglob("*.py")}
    assert {"core", "_core"} <= attributes(*inside)
    assert not {"core", "_core"} & attributes(*({*SOURCE.rglob("*.py")} - inside))


def test_few_private_modules_lie_outside_of_the_rooms() -> None:
    """A new module goes into a room."""
    assert {path.name for path in SOURCE.glob("_[a-z]*.py")} == {"_arguments.py", "_log.py"}
