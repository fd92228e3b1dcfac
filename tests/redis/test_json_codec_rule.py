"""The rule of `json_codec`, for generated types and values: what arrives is what was sent."""

from __future__ import annotations

import enum
from collections import OrderedDict
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict, Union, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from anycast.redis import json_codec

Values = st.SearchStrategy[Any]
# A type, and a strategy for its values.
Typed = tuple[Any, Values]


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Rank(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Count(int): ...


class Word(str):
    __slots__ = ()


@dataclass
class Job:
    number: int


@dataclass
class UrgentJob(Job):
    by: str = "noon"


@dataclass
class Rounded:
    seconds: float

    def __post_init__(self) -> None:
        self.seconds = round(self.seconds, 1)


@dataclass
class Growing:
    size: int

    def __post_init__(self) -> None:
        self.size += 1


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: float = 0.0


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list["Tree"])
    size: int = field(init=False, default=7)


class Pair(NamedTuple):
    left: int
    right: str = ""


class Options(TypedDict, total=False):
    colour: Colour
    size: int


class Move(msgspec.Struct, tag=True):
    by: int


class Turn(msgspec.Struct, tag=True):
    by: int


def wrong(kind: Any, *values: object) -> Any:
    """Make an instance with fields of wrong types."""
    return kind(*values)


def exact(value: Any) -> Any:
    """Return what equals only for values with the same types at all depths."""
    kind = cast("Any", type(value))
    if is_dataclass(kind):
        parts: Any = [exact(getattr(value, part.name)) for part in fields(kind)]
    elif issubclass(kind, msgspec.Struct):
        parts = [exact(getattr(value, name)) for name in value.__struct_fields__]
    elif issubclass(kind, dict):
        parts = [(exact(key), exact(part)) for key, part in value.items()]
    elif issubclass(kind, (list, tuple)):
        parts = [exact(part) for part in value]
    elif issubclass(kind, (set, frozenset)):
        parts = sorted(repr(exact(part)) for part in value)
    elif issubclass(kind, (datetime, time)):
        parts = repr(value.replace(fold=0))  # `fold` is no part of what is equal
    else:
        parts = repr(value)
    return (kind, parts)


NOON = datetime.fromisoformat("2020-01-01T12:00")

# Values that look like other values in JSON or in Python, and values beyond JSON.
FOREIGN: Values = st.sampled_from(
    [
        *(True, 0, 1, 1.0, -0.0, Count(1), Rank.LOW, Access.READ, 2**70, Decimal("1.0")),
        *("", "1", Word("1"), "red", Colour.RED, "\ud800", b"1", bytearray(b"1"), memoryview(b"1")),
        *(None, float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), 1j, object(), int),
        *([], [1], [True], (), (1,), {1}, {True}, frozenset({1}), {}, {1: 1}, {"1": 1}),
        *({True: 1}, {None: 1}, OrderedDict(a=1), range(1), Pair(1), Pair(left=True), ["\ud800"]),
        *(Job(1), Job(number=True), wrong(Job, 1.0), UrgentJob(1), Point(1), Point(1, 1)),
        *(Growing(1), Move(1), Turn(1), Rounded(0.5), Rounded(1)),
        *(Tree("a"), Tree("a", [Tree("b")]), wrong(Tree, "a", (Tree("b"),)), {"number": 1}),
        *(datetime(2020, 1, 1, tzinfo=UTC), NOON, NOON.replace(fold=1)),
        *(datetime(2020, 7, 1, tzinfo=ZoneInfo("UTC")), time(1, fold=1), date(2020, 1, 1)),
        datetime(2020, 1, 1, tzinfo=timezone(timedelta(seconds=30))),
    ]
)  # fmt: skip

ZONES = st.none() | st.builds(
    timezone, st.integers(-1439, 1439).map(lambda m: timedelta(minutes=m))
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
LARGE = 10**50
# The types whose values may be keys of a dict and items of a set.
KEYS: list[Typed] = [
    (str, TEXTS),
    (int, st.integers(-LARGE, LARGE)),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bytes, st.binary(max_size=5)),
    (Decimal, st.decimals(allow_nan=False)),
    (UUID, st.uuids()),
    (datetime, st.datetimes(timezones=ZONES)),
    (date, st.dates()),
    (time, st.times(timezones=ZONES)),
    (timedelta, st.timedeltas()),
    (Colour, st.sampled_from(Colour)),
    (Rank, st.sampled_from(Rank)),
    (Literal["a", "b"], st.sampled_from(["a", "b"])),
    (Literal[1, 2], st.sampled_from([1, 2])),
]
PLAIN: Values = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGE, LARGE) | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXTS, part, max_size=3),
    max_leaves=5,
)  # fmt: skip
POINT: Typed = (
    Point,
    st.builds(Point, st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
)
OPTIONS = st.fixed_dictionaries({name: st.booleans() for name in ("frozen", "slots", "kw_only")})
TREES: Values = st.recursive(
    st.builds(Tree, TEXTS), lambda tree: st.builds(Tree, TEXTS, st.lists(tree, max_size=2))
)
LEAVES: list[Typed] = [
    *KEYS,
    (bool, st.booleans()),
    (None, st.none()),
    (bytearray, st.binary(max_size=5).map(bytearray)),
    (Access, st.sampled_from([Access.READ, Access.READ | Access.WRITE, Access(0)])),
    (Any, PLAIN),
    (Job, st.builds(Job, st.integers())),
    (UrgentJob, st.builds(UrgentJob, st.integers(), TEXTS)),
    (Rounded, st.builds(Rounded, st.floats(-1000, 1000))),
    POINT,
    (Tree, TREES),
    (Pair, st.builds(Pair, st.integers(), TEXTS)),
    (Options, st.fixed_dictionaries({}, optional={"size": st.integers()})),
    (Move | Turn, st.builds(Move, st.integers()) | st.builds(Turn, st.integers())),
]


def of(generic: Any, *parts: object) -> Any:
    """Return a generic type with these parts."""
    return generic[parts]


def dataclass_of(parts: list[Typed], options: dict[str, bool]) -> Typed:
    """Make a dataclass with fields of these types."""
    make: Any = make_dataclass
    made = make("Made", [(f"f{number}", kind) for number, (kind, _) in enumerate(parts)], **options)
    values = {f"f{number}": values for number, (_, values) in enumerate(parts)}
    return made, st.builds(made, **values)


def dict_of(key: Typed, value: Typed) -> Typed:
    """Make the type of a dict."""
    return of(dict, key[0], value[0]), st.dictionaries(key[1], value[1], max_size=3)


def tuple_of(parts: list[Typed]) -> Typed:
    """Make the type of a tuple with one item of each type."""
    return of(tuple, *(kind for kind, _ in parts)), st.tuples(*(values for _, values in parts))


def types(foreign: Values, foreign_keys: Values) -> st.SearchStrategy[Typed]:
    """Return a strategy for types and their values, some of which are foreign to the type."""
    keys = st.sampled_from([(kind, values | foreign_keys) for kind, values in KEYS])
    items = st.sampled_from([(kind, values | foreign_keys) for kind, values in (*KEYS, POINT)])
    leaves = st.sampled_from([(kind, values | foreign) for kind, values in LEAVES])

    def containers(part: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
        parts = st.lists(part, min_size=1, max_size=3)
        made = st.one_of(
            part.map(lambda item: (of(list, item[0]), st.lists(item[1], max_size=3))),
            part.map(
                lambda item: (of(tuple, item[0], ...), st.lists(item[1], max_size=3).map(tuple))
            ),
            part.map(lambda item: (of(Union, item[0], None), st.none() | item[1])),
            items.map(lambda item: (of(set, item[0]), st.sets(item[1], max_size=3))),
            items.map(lambda item: (of(frozenset, item[0]), st.frozensets(item[1], max_size=3))),
            st.builds(dict_of, keys, part),
            parts.map(tuple_of),
            st.builds(dataclass_of, parts, OPTIONS),
        )
        return made.map(lambda typed: (typed[0], typed[1] | foreign))

    return st.recursive(leaves, containers, max_leaves=4)


def hashable(value: object) -> bool:
    try:
        hash(value)
    except (TypeError, ValueError):  # a ValueError for a signalling NaN
        return False
    return True


PROPER = types(st.nothing(), st.nothing())
MIXED = types(FOREIGN, FOREIGN.filter(hashable))


@given(st.data())
@settings(deadline=None, max_examples=500)
def test_a_message_of_the_type_arrives(data: st.DataObject) -> None:
    """The message can be sent, and arrives unchanged, with the same types at all depths."""
    kind, values = data.draw(PROPER)
    message = data.draw(values)
    body = json_codec(kind).encode(message)
    assert exact(json_codec(kind).decode(body)) == exact(message)


@given(st.data())
@settings(deadline=None, max_examples=2000)
def test_what_is_sent_arrives(data: st.DataObject) -> None:
    """Any message is refused by a TypeError or ValueError, or arrives unchanged."""
    kind, values = data.draw(MIXED)
    message = data.draw(values)
    try:
        body = json_codec(kind).encode(message)
    except (TypeError, ValueError):
        event("refused")
    else:
        event("sent")
        assert exact(json_codec(kind).decode(body)) == exact(message)
