"""Code that is written twice for speed is the same in both places.

The comment ``# Inlined: `NAME`.`` marks a copy, right before its first statement. The copy may
return another constant than its original, and may use other names, as `RENAMED` says. A copy may
begin in the midst of its original: ``# Inlined: `NAME`, after its take.`` leaves out the statements
that `LEFT_OUT` counts. ``# Inlined: the take of `NAME`.`` and ``# Inlined: the end of `NAME`.``
mark copies of one block of an original.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

import anycast

SOURCE = Path(anycast.__file__).parent
MARK = re.compile(r"# Inlined: `(?P<name>[\w.]+)`(?:, after its (?P<after>\w+))?\.$")
# The marks of the copies of one block of an original.
TAKE = re.compile(r"# Inlined: the take of `(?P<name>_Receiver\.receive)`\.$")
END = re.compile(r"# Inlined: the end of `(?P<name>Core\.take)`\.")
# The names of an original, and the names in the copy.
RENAMED = {
    "Core.offer": {"self": "core", "message": "item"},
    "_Receiver._take_or_wait": {},
    "_Sender._wait": {"offer": "item"},
    "Leaf.accept": {"given": "message"},
    "random_index": {"length": "len(candidates)"},
}
# How many first statements of an original stand before the part that a copy repeats.
LEFT_OUT = {None: 0, "take": 2, "look": 2}


class Copy(NamedTuple):
    """A copy, and its original."""

    name: str
    file: Path
    line: int
    left_out: int


def copies(mark: re.Pattern[str] = MARK) -> list[Copy]:
    """Return every copy that has a mark in the source."""
    return [
        Copy(match["name"], file, number, LEFT_OUT[match.groupdict().get("after")])
        for file in sorted(SOURCE.rglob("*.py"))
        for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if (match := mark.search(text))
    ]


class Normalised(ast.NodeTransformer):
    """Makes equal what may differ: names, type hints, and what is returned."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Rename."""
        new = self.names.get(node.id)
        return node if new is None else ast.parse(new, mode="eval").body

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Drop the type hint."""
        assert node.value is not None
        return self.generic_visit(ast.Assign([node.target], node.value))

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop a retry: a copy may retry where its original lets the caller retry."""
        return (
            None if ast.unparse(node).startswith("await self.send(") else self.generic_visit(node)
        )

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """Drop a returned constant: a copy has a result of its own."""
        if isinstance(node.value, ast.Constant):
            node.value = None
        return self.generic_visit(node)


def normal(statement: ast.stmt, names: dict[str, str]) -> str:
    """Return a statement as text that can be compared."""
    tree = Normalised(names).visit(ast.parse(ast.unparse(statement)))
    return ast.unparse(ast.fix_missing_locations(tree))


def original(name: str, *, whole: bool = False) -> list[ast.stmt]:
    """Return the statements of an original that its copies repeat, or all of them."""
    *owner, function = name.split(".")
    (found,) = [
        node
        for file in SOURCE.rglob("*.py")
        if file.parent.name != "_broadcast"  # which has no originals, but classes of the same names
        for parent in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(parent, ast.ClassDef if owner else ast.Module)
        and (not owner or getattr(parent, "name", "") == owner[0])
        for node in parent.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
    ]
    _docstring, *body = found.body
    if whole:
        return body
    if ast.unparse(body[0]) == "core = self._core":
        del body[0]
    if len(body) > 1 and isinstance(body[-1], ast.Return):
        del body[-1]  # a copy has its own last statement
    return body


def statements_after(copy: Copy) -> list[ast.stmt]:
    """Return the statements after a mark, in the same block as the mark."""
    tree = ast.parse(copy.file.read_text(encoding="utf-8"))
    blocks: list[list[ast.stmt]] = [
        node.body
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.If | ast.Try)
    ]
    following = [[one for one in block if one.lineno > copy.line] for block in blocks]
    return min(filter(None, following), key=_first_line)


def _first_line(block: list[ast.stmt]) -> int:
    return block[0].lineno


@pytest.mark.parametrize("copy", copies(), ids=lambda copy: f"{copy.name} in {copy.file.stem}")
def test_a_copy_is_like_its_original(copy: Copy) -> None:
    """A change of the original alone, or of the copy alone, makes this test fail."""
    wanted = [normal(one, RENAMED[copy.name]) for one in original(copy.name)[copy.left_out :]]
    texts = [normal(one, {}) for one in statements_after(copy)]
    found = [text for text in texts if text][: len(wanted)]
    (expression, *more) = original(copy.name)
    if isinstance(expression, ast.Return):  # a part of a statement in the copy
        assert not more
        assert expression.value is not None
        (wanted,) = [[normal(ast.Expr(expression.value), RENAMED[copy.name])]]
        assert any(wanted[0] in one for one in map(ast.unparse, statements_after(copy)[:2]))
        return
    assert found == wanted


def test_the_two_takes_of_a_stored_message_are_alike() -> None:
    """`receive` and `__anext__` take a stored message by the same statements."""
    (mark,) = copies(TAKE)
    copy = [ast.unparse(one) for one in statements_after(mark)]
    blocks = [
        [ast.unparse(one) for one in node.body]
        for node in ast.walk(ast.parse(mark.file.read_text(encoding="utf-8")))
        if isinstance(node, ast.If)
    ]
    assert blocks.count(copy) == 2  # the original, and the copy


def test_an_end_of_a_take_is_like_its_original() -> None:
    """`receive` and an operation take the oldest message by the same steps as `Core.take`."""
    *_, block, _ = original("Core.take", whole=True)
    assert isinstance(block, ast.If)
    wanted = [step(one) for one in block.body[:-1]]
    marks = copies(END)
    assert len(marks) == 2
    for mark in marks:
        assert [step(one) for one in statements_after(mark)][: len(wanted)] == wanted


def step(statement: ast.stmt) -> str:
    """Return what a statement does to the core, and to its buffer and its budget."""
    text = re.sub(r"^(message|self\.value) = ", "", ast.unparse(statement))
    return re.sub(r"\b(self|core)\.", "", text)


def test_the_copies_are_known() -> None:
    """Each copy has a mark: a copy without a mark would not be compared."""
    assert {copy.name for copy in copies()} == {*RENAMED}
