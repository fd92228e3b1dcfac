"""Each mutant fits the source, so that the long run of mutants does not fail late."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from mutants import MUTANTS, SOURCE, UNCHANGED, Mutant


@pytest.mark.parametrize("mutant", [UNCHANGED, *MUTANTS], ids=lambda mutant: mutant.what)
def test_it_fits_one_place(mutant: Mutant) -> None:
    """The text that it changes is in the source once, and what comes of it is Python or Lua."""
    file = mutant.file(SOURCE)
    text = file.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1
    if file.suffix == ".py":  # `tests/redis/test_scripts.py` looks at the scripts in Lua
        ast.parse(text.replace(mutant.old, mutant.new))


def test_each_is_told_from_the_others() -> None:
    """No two have the same description, or make the same change."""
    for distinct in (
        [mutant.what for mutant in MUTANTS],
        [mutant[1:] for mutant in MUTANTS],
    ):
        assert max(Counter(distinct).values()) == 1
