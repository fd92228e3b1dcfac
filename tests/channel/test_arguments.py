"""Wrong arguments are told apart at once: a wrong type from a wrong value."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import pytest

from anycast import Anycast
from helpers import raises

anycast: Any = Anycast[int]  # the type checkers would not let wrong types through


@pytest.mark.parametrize(
    "limit", [True, False, None, "1", 1.0, 0.5, -1.0, -math.inf, math.nan, Decimal(1), Fraction(2)]
)
def test_limit_of_a_wrong_type(limit: object) -> None:
    """``limit`` is an int or infinity: a float or a bool that equals an int is refused."""
    with raises(TypeError, f"`limit` must be an int or math.inf, not {limit!r}"):
        anycast(limit=limit)


@pytest.mark.parametrize("limit", [-1, -(10**30)])
def test_limit_below_zero(limit: int) -> None:
    """A negative ``limit`` is a wrong value."""
    with raises(ValueError, f"`limit` must be >= 0, not {limit}"):
        anycast(limit=limit)


class Size(IntEnum):
    """A subclass of int."""

    SMALL = 3


@pytest.mark.parametrize("limit", [0, 1, 10, 10**30, math.inf, Size.SMALL])
def test_limit_as_given(limit: float) -> None:
    """The channel keeps the given ``limit`` object."""
    channel = Anycast[int](limit=limit)
    assert channel.limit == limit
    assert channel.statistics().max_buffer_size == limit


@pytest.mark.parametrize("yield_every", [True, False, None, "64", 1.0, math.inf, math.nan])
def test_yield_every_of_a_wrong_type(yield_every: object) -> None:
    """``yield_every`` is an int."""
    with raises(TypeError, f"`yield_every` must be an int, not {yield_every!r}"):
        anycast(yield_every=yield_every)


@pytest.mark.parametrize("yield_every", [0, -1])
def test_yield_every_below_one(yield_every: int) -> None:
    """Yielding less often than never makes no sense."""
    with raises(ValueError, f"`yield_every` must be >= 1, not {yield_every}"):
        anycast(yield_every=yield_every)


@pytest.mark.parametrize("name", [1, b"numbers", True, ["numbers"]])
def test_name_of_a_wrong_type(name: object) -> None:
    """``name`` is a str, or None for a name that the channel chooses."""
    with raises(TypeError, f"`name` must be a str or None, not {name!r}"):
        anycast(name=name)


@pytest.mark.parametrize("auto_close", [1, 0, None, "yes"])
def test_auto_close_of_a_wrong_type(auto_close: object) -> None:
    """``auto_close`` is a bool."""
    with raises(TypeError, f"`auto_close` must be a bool, not {auto_close!r}"):
        anycast(auto_close=auto_close)


def test_arguments_by_position() -> None:
    """Every argument has to be named."""
    with pytest.raises(TypeError, match="takes no str without a keyword"):
        anycast("numbers")


def test_defaults() -> None:
    """The default limit is 10, and the default names tell channels apart."""
    one, other = Anycast[int](), Anycast[int]()
    assert one.limit == 10
    assert one.name != other.name
    assert max(len(one.name), len(other.name)) < 20


@pytest.mark.parametrize("name", ["", "numbers", "100 %s {} \n", "数"])
def test_name_as_given(name: str) -> None:
    """Any str is allowed as a name, and is kept unchanged."""
    channel = Anycast[int](name=name)
    assert channel.name == name
    assert str(channel) == f"Anycast:{name}"


@pytest.mark.anyio
@pytest.mark.parametrize("most", [True, None, 1.0, "1", math.inf])
async def test_receive_many_of_a_wrong_type(most: Any) -> None:
    """``max_messages`` must be an int, and a call with a wrong type takes no message."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    with raises(TypeError, f"`max_messages` must be an int, not {most!r}"):
        await channel.new_receiver().receive_many(most)
    assert channel.statistics().current_buffer_used == 1


@pytest.mark.anyio
@pytest.mark.parametrize("most", [0, -1])
async def test_receive_many_of_none(most: int) -> None:
    """``max_messages`` must be at least 1, and a call with a wrong value takes no message."""
    channel = Anycast[int]()
    channel.new_sender().send_nowait(1)
    with raises(ValueError, f"`max_messages` must be >= 1, not {most}"):
        await channel.new_receiver().receive_many(most)
    assert channel.statistics().current_buffer_used == 1


@pytest.mark.anyio
@pytest.mark.parametrize("messages", [None, 1, object()])
async def test_send_many_of_a_single_thing(messages: Any) -> None:
    """``messages`` has to be iterable, and the error shows what was given."""
    channel = Anycast[Any]()
    with raises(TypeError, f"`messages` must be iterable, not {messages!r}"):
        await channel.new_sender().send_many(messages)
    assert channel.statistics().messages_sent == 0
