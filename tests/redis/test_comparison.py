"""The comparison of a message with what arrives: equal is not enough."""

from __future__ import annotations

import enum
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest

from anycast.redis._comparison import Comparison, Difference


@dataclass
class Job:
    number: Any
    tags: list[Any] = field(default_factory=list[Any])


@dataclass(slots=True)
class Empty: ...


@dataclass(slots=True)
class Slots:
    number: int


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Pair(NamedTuple):
    left: Any
    right: Any


class Move(msgspec.Struct):
    by: Any


class Opaque: ...


def unset() -> Slots:
    """Return an object whose field was deleted."""
    job = Slots(1)
    del job.number
    return job


PARIS = timezone(timedelta(hours=1))
NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)
OPAQUE = Opaque()
ORDERED: OrderedDict[str, int] = OrderedDict(a=1)
SAME = [
    *(None, True, 1, 1.5, 0.0, -0.0, float("inf"), "a", b"a", Decimal("1.0"), Decimal("Infinity")),
    *(Colour.RED, NOON, NOON.astimezone(PARIS), NOON.time(), NOON.date(), timedelta(1)),
    *([1, "a"], (1, 2.0), {"a": [1], 2: None}, {1, "a"}, frozenset({1.0}), set[int]()),
    *(Job(1, ["a"]), Empty(), Slots(1), Pair(1, "a"), Move(1)),
]


@pytest.mark.parametrize("value", SAME)
def test_the_same(value: object) -> None:
    """A value, and a copy of the value, are the same."""
    Comparison().check(value, value)
    Comparison().check([value, {"a": value}], [value, {"a": value}])


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        (True, 1),
        (1, 1.0),
        (1, 2),
        (0.0, -0.0),
        (-0.0, 0.0),
        (0.5, 1.5),
        (float("nan"), float("nan")),
        (Decimal("1.0"), Decimal("1.00")),
        (Decimal("NaN"), Decimal("NaN")),
        (Decimal("sNaN"), Decimal("sNaN")),
        ("a", "b"),
        (Colour.RED, Colour.GREEN),
        (NOON, NOON.astimezone(PARIS)),
        (NOON, NOON.replace(tzinfo=None)),
        (NOON, NOON.replace(hour=13)),
        (time(12, tzinfo=UTC), time(13, tzinfo=PARIS)),
        ([1], [True]),
        ([1], [1, 2]),
        ([1, 2], [1]),
        ([1], (1,)),
        ((1,), (1.0,)),
        (Pair(1, 2), (1, 2)),
        (Pair(1, 2), Pair(1, 2.0)),
        ({1}, {True}),
        ({1}, {2}),
        ({1}, {1, 2}),
        ({1, 2}, {1}),
        ({(1, 2)}, {(1, 2.0)}),
        ({1}, frozenset({1})),
        ({"a": 1}, {"a": True}),
        ({1: "a"}, {True: "a"}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1}, ORDERED),
        (ORDERED, ORDERED),
        (Job(1), Job(True)),  # noqa: FBT003
        (Job(1, ["a"]), Job(1, ["b"])),
        (unset(), Slots(1)),
        (Slots(1), unset()),
        (unset(), unset()),
        (Move(1), Move(1.0)),
        (OPAQUE, OPAQUE),
        (object, object),
    ],
)
def test_not_the_same(sent: object, arrived: object) -> None:
    """Types, the sign of zero, time zones and order count; a class may not be known."""
    with pytest.raises(Difference):
        Comparison().check(sent, arrived)
    with pytest.raises(Difference):
        Comparison().check([1, Job(sent)], [1, Job(arrived)])


@pytest.mark.parametrize(
    ("sent", "arrived", "place"),
    [
        (1, 2, "$"),
        ([0, 1], [0, 2], "$[1]"),
        ({"a": [1]}, {"a": [2]}, "$.a[0]"),
        ({Colour.RED: 1}, {Colour.RED: 2}, "$[<Colour.RED: 1>]"),
        (Job(0, [0, Job(1)]), Job(0, [0, Job(2)]), "$.tags[1].number"),
        (Pair(0, {"x": Move(1)}), Pair(0, {"x": Move(2)}), "$.right.x.by"),
    ],
)
def test_where(sent: object, arrived: object, place: str) -> None:
    """An error says where the difference is, from the outside to the inside."""
    with pytest.raises(Difference) as caught:
        Comparison().check(sent, arrived)
    error = caught.value.error()
    assert str(error) == f"`{place}` is the int 1, and would arrive as the int 2"
    assert type(error) is ValueError


@pytest.mark.parametrize(
    ("sent", "arrived", "kind"),
    [
        ({1: "a"}, {"1": "a"}, TypeError),
        ({1}, {True}, TypeError),
        ({1}, {1, 2}, ValueError),
        ({Decimal("1.0")}, {Decimal("1.00")}, ValueError),
    ],
)
def test_keys_and_items(sent: object, arrived: object, kind: type[Exception]) -> None:
    """The error shows the collection, and is of the class that the key or item asks for."""
    with pytest.raises(Difference) as caught:
        Comparison().check([sent], [arrived])
    error = caught.value.error()
    name = type(sent).__name__
    assert str(error) == f"`$[0]` is the {name} {sent}, and would arrive as the {name} {arrived}"
    assert type(error) is kind
