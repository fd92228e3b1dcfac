"""How many bytes an answer may have, so that the answer comes in time."""

from __future__ import annotations

import pytest

from anycast.redis._answer_size import GROWING, MOST_BYTES, AnswerSize


@pytest.fixture
def size() -> AnswerSize:
    """Return the bound of a pump that waits for eight seconds."""
    return AnswerSize(8.0)


def test_an_answer_that_is_lost(size: AnswerSize) -> None:
    """The bound becomes smaller, down to a single message."""
    while size.shrink():
        assert 1 <= size.most < MOST_BYTES
    assert size.most == 1
    assert not size.shrink()


def test_an_answer_that_comes_soon(size: AnswerSize) -> None:
    """After some such answers the bound grows again, at most to its first value."""
    size.shrink()
    before = size.most
    for _ in range(GROWING - 1):
        size.came(0.9)
    assert size.most == before
    size.came(0.9)
    assert size.most == 2 * before
    for _ in range(5 * GROWING):
        size.came(0.9)
    assert size.most == MOST_BYTES


def test_an_answer_that_comes_late(size: AnswerSize) -> None:
    """A larger answer might be lost."""
    size.shrink()
    before = size.most
    for _ in range(GROWING - 1):
        size.came(0.9)
    size.came(1.1)
    size.came(0.9)
    assert size.most == before


def test_an_answer_that_is_lost_after_many_that_came_soon(size: AnswerSize) -> None:
    """The bound does not grow before as many answers have come soon again."""
    for _ in range(GROWING - 1):
        size.came(0.9)
    size.shrink()
    before = size.most
    size.came(0.9)
    assert size.most == before
