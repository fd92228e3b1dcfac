"""Messages as JSON: each message arrives unchanged, or is refused."""

from __future__ import annotations

import enum
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from typing import Any, Generic, Literal, NamedTuple, Optional, TypedDict, TypeVar, Union
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import msgspec
import pytest

from anycast.redis import Codec, json_codec
from helpers import raises

T = TypeVar("T")
ORDERED: OrderedDict[str, int] = OrderedDict(a=1)
JULY = datetime(2020, 7, 1, tzinfo=ZoneInfo("UTC"))
JULY_UTC = datetime(2020, 7, 1, tzinfo=UTC)


@dataclass
class Point:
    x: float
    y: float = 0.0


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list["Tree"])
    at: Point | None = None
    size: int = field(init=False, default=7)


@dataclass
class Job:
    number: int


@dataclass
class UrgentJob(Job):
    by: str = "noon"


@dataclass
class Growing:
    size: int

    def __post_init__(self) -> None:
        self.size += 1


@dataclass
class Odd:
    """Refuses the number that it has from the second time on."""

    number: int

    def __post_init__(self) -> None:
        if self.number == 3:
            raise KeyError("three")


@dataclass(frozen=True, slots=True)
class Frozen:
    number: int


@dataclass
class Box(Generic[T]):
    content: T


@dataclass
class Never:
    """Equals every object, so that `==` is useless."""

    number: int
    content: Any = None

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@dataclass
class WithCache:
    number: int

    @cached_property
    def double(self) -> int:
        return self.number * 2


@dataclass
class Unset:
    __slots__ = ("number",)
    number: int


class Colour(enum.Enum):
    RED = "red"


class Rank(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Count(int): ...


class Pair(NamedTuple):
    left: int
    right: str = ""


class Options(TypedDict, total=False):
    size: int


class Move(msgspec.Struct, tag=True):
    by: int


class Turn(msgspec.Struct, tag=True):
    by: int


@dataclass
class Sized(list[int]):
    size: int = 0


@dataclass
class Failure(Exception):  # noqa: N818
    reason: str = ""


@attrs.define
class OfAttrs:
    number: int


class TooMuch: ...


def wrong(kind: Any, *values: object) -> Any:
    """Make an instance with fields of wrong types."""
    return kind(*values)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (int, 7),
        (str, "ünï"),
        (bool, True),
        (float, 0.5),
        (None, None),
        (int, 10**50),
        (float, -0.0),
        (bytes, b"\xff"),
        (Decimal, Decimal("1.00")),
        (UUID, UUID(int=7)),
        (datetime, datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC)),
        (time, time(3, 4, tzinfo=timezone(timedelta(hours=2)))),
        (date, date(2020, 1, 2)),
        (timedelta, timedelta(days=-1, microseconds=1)),
        (Colour, Colour.RED),
        (Rank, Rank.HIGH),
        (Literal["a", "b"], "a"),
        (list[int], [1, 2]),
        (list, [1, "a", None]),
        (dict[str, int], {"a": 1}),
        (dict, {"a": [1]}),
        (dict[int, str], {1: "a"}),
        (dict[UUID, list[Rank]], {UUID(int=7): [Rank.LOW]}),
        (dict[Literal["a"] | Rank, int], {"a": 1}),
        (set[int], {1, 2}),
        (frozenset[Colour], frozenset({Colour.RED})),
        (Sequence[int], [1, 2]),
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2, 3)),
        (int | str | None, "a"),
        (Optional[Point], Point(1.0, 2.0)),  # noqa: UP045  the old spelling works, too
        (Union[int, list[str]], ["a"]),  # noqa: UP007
        (Point, Point(1.0, 2.0)),
        (Tree, Tree("a", [Tree("b"), Tree("c", [Tree("d")])], Point(1.0))),
        (Box[int], Box(1)),
        (Box[Box[str]], Box(Box("a"))),
        (Frozen, Frozen(1)),
        (Pair, Pair(1, "a")),
        (Options, {"size": 1}),
        (Move | Turn, Turn(1)),
        (Move | Turn, Move(1)),
        (float | int, 1),
        (float | int, 1.0),
        (Any, {"a": [1, 2.5, None, "x"]}),
    ],
)
def test_there_and_back(kind: Any, message: object) -> None:
    """A message arrives unchanged, with the types that the codec was given."""
    codec = json_codec(kind)
    again = codec.decode(codec.encode(message))
    assert again == message
    assert type(again) is type(message)


def test_a_cached_property_is_no_field() -> None:
    """The message can be sent, whether the property was read or not."""
    message = WithCache(2)
    assert message.double == 4
    assert json_codec(WithCache).encode(message) == b'{"number":2}'


def test_an_int_may_stand_for_a_float() -> None:
    """In a body of another program an int is read as a float."""
    assert type(json_codec(float).decode(b"1")) is float


def test_defaults_stand_for_what_is_missing() -> None:
    """So a field may be added while old messages are on their way."""
    assert json_codec(Point).decode(b'{"x":1}') == Point(1.0, 0.0)
    assert json_codec(list[Point]).decode(b'[{"x":1},{"x":2,"y":3}]') == [Point(1), Point(2, 3)]


@pytest.mark.parametrize(
    ("kind", "message", "text"),
    [
        (int, True, "the message is no int: Expected `int`, got `bool`"),
        (int, 1.0, "the message is no int: Expected `int`, got `float`"),
        (int, Rank.LOW, "`$` is the Rank <Rank.LOW: 1>, and would arrive as the int 1"),
        (int, Count(1), "a Count cannot be written as JSON by this codec"),
        (Rank, 1, "`$` is the int 1, and would arrive as the Rank <Rank.LOW: 1>"),
        (float, 1, "`$` is the int 1, and would arrive as the float 1.0"),
        (str, b"a", "`$` is the bytes b'a', and would arrive as the str 'YQ=='"),
        (str, 7, "the message is no str: Expected `str`, got `int`"),
        (None, 0, "the message is no None: Expected `null`, got `int`"),
        (Any, (1,), "`$` is the tuple (1,), and would arrive as the list [1]"),
        (Any, Job(1), "`$` is the Job Job(number=1), and would arrive as the dict {'number': 1}"),
        (list[int], (1,), "`$` is the tuple (1,), and would arrive as the list [1]"),
        (Sequence[int], (1,), "`$` is the tuple (1,), and would arrive as the list [1]"),
        (list[float], [0.5, 1], "`$[1]` is the int 1, and would arrive as the float 1.0"),
        (set[float], {1}, "`$` is the set {1}, and would arrive as the set {1.0}"),
        (dict[str, int], {1: 2}, "`$` is the dict {1: 2}, and would arrive as the dict {'1': 2}"),
        (dict[int, float], {1: 2}, "`$[1]` is the int 2, and would arrive as the float 2.0"),
        (dict[str, float], {"a": 2}, "`$.a` is the int 2, and would arrive as the float 2.0"),
        (
            dict[str, int],
            ORDERED,
            f"`$` is the OrderedDict {ORDERED!r}, and would arrive as the dict {{'a': 1}}",
        ),
        (
            dict[str, int],
            Counter("a"),
            "`$` is the Counter Counter({'a': 1}), and would arrive as the dict {'a': 1}",
        ),
        (
            Job,
            UrgentJob(1),
            f"`$` is the UrgentJob {UrgentJob(1)!r}, and would arrive as the Job Job(number=1)",
        ),
        (Job, wrong(Job, "1"), "the message is no Job: Expected `int`, got `str` - at `$.number`"),
        (
            Job,
            {"number": 1},
            "`$` is the dict {'number': 1}, and would arrive as the Job Job(number=1)",
        ),
        (Never, Never(1, (2,)), "`$.content` is the tuple (2,), and would arrive as the list [2]"),
        (
            Unset,
            Unset.__new__(Unset),
            "the message is no Unset: Object missing required field `number`",
        ),
        (
            Tree,
            wrong(Tree, "a", (Tree("b"),)),
            f"`$.children` is the tuple ({Tree('b')},), and would arrive as the list [{Tree('b')}]",
        ),
        (
            Pair,
            (1, "a"),
            "`$` is the tuple (1, 'a'), and would arrive as the Pair Pair(left=1, right='a')",
        ),
        (
            Box[int],
            Box("a"),
            f"the message is no {Box[int]!r}: Expected `int`, got `str` - at `$.content`",
        ),
    ],
)  # fmt: skip
def test_a_message_of_another_type(kind: Any, message: object, text: str) -> None:
    """The message is refused before the send, and the error names the change and its place."""
    with raises(TypeError, text):
        json_codec(kind).encode(message)


@pytest.mark.parametrize(
    ("kind", "message", "text"),
    [
        (float, math.nan, "`$` is nan, and JSON has no such number"),
        (list[float | None], [None, -math.inf], "`$[1]` is -inf, and JSON has no such number"),
        (Any, {"a": math.inf}, "`$.a` is inf, and JSON has no such number"),
        (
            Decimal,
            Decimal("NaN"),
            "`$` is the Decimal Decimal('NaN'), and would arrive as the Decimal Decimal('NaN')",
        ),
        (Growing, Growing(1), "`$.size` is the int 2, and would arrive as the int 3"),
        (
            Options,
            {"size": 1, "colour": 2},
            "`$` is the dict {'colour': 2, 'size': 1}, and would arrive as the dict {'size': 1}",
        ),
        (
            datetime,
            JULY,
            f"`$` is the datetime {JULY!r}, and would arrive as the datetime {JULY_UTC!r}",
        ),
    ],
)
def test_a_message_that_would_change(kind: Any, message: object, text: str) -> None:
    """A value that JSON cannot hold is refused before the send."""
    with raises(ValueError, text):
        json_codec(kind).encode(message)


def test_a_text_that_is_no_text() -> None:
    """Half of a surrogate pair has no bytes."""
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        json_codec(str).encode("\ud800")


def test_a_long_value_is_cut_short() -> None:
    """An error shows the beginning and the end of a long value."""
    codec: Codec[Any] = json_codec(Any)
    with pytest.raises(TypeError) as caught:
        codec.encode(("x" * 10_000,) * 1000)
    assert len(str(caught.value)) < 1500
    with pytest.raises(TypeError) as caught:
        codec.encode({"x" * 10_000: (1,)})
    assert len(str(caught.value)) < 200


def test_a_message_that_contains_itself() -> None:
    """The message is refused before the send."""
    message = Box[Any](None)
    message.content = [message]
    with raises(ValueError, "the message is nested too deeply, or contains itself"):
        json_codec(Box[Any]).encode(message)


def test_a_message_that_is_nested_too_deeply() -> None:
    """Too deep a message is refused, and an accepted message can be read deep in a stack."""
    codec: Codec[Any] = json_codec(Any)
    bodies: list[bytes] = []

    def send_deeper_and_deeper(message: list[Any]) -> None:
        while True:
            bodies.append(codec.encode(message))
            message = [message]

    def read(body: bytes, depth: int) -> object:
        return read(body, depth - 1) if depth else codec.decode(body)

    with raises(ValueError, "the message is nested too deeply, or contains itself"):
        send_deeper_and_deeper([])
    assert codec.encode(read(bodies[-1], 300)) == bodies[-1]


def test_an_error_of_the_class_of_a_message() -> None:
    """The error is raised unchanged."""
    message = Odd(2)
    message.number = 3
    with raises(KeyError, "'three'"):
        json_codec(Odd).encode(message)


def error_of_a_list_in_a_set() -> str:
    """Return the text of the error, which differs between versions of Python."""
    with pytest.raises(TypeError) as caught:
        set([[]])  # noqa: C405  the error of this call
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (int, b"true", "the body is no int: Expected `int`, got `bool`"),
        (int, b"1.0", "the body is no int: Expected `int`, got `float`"),
        (str, b"1", "the body is no str: Expected `str`, got `int`"),
        (float, b"true", "the body is no float: Expected `float`, got `bool`"),
        (None, b"0", "the body is no None: Expected `null`, got `int`"),
        (list[int], b"{}", "the body is no list[int]: Expected `array`, got `object`"),
        (list[int], b'["a"]', "the body is no list[int]: Expected `int`, got `str` - at `$[0]`"),
        (int | str, b"[]", "the body is no int | str: Expected `int | str`, got `array`"),
        (Point, b"[]", "the body is no Point: Expected `object`, got `array`"),
        (Point, b"{}", "the body is no Point: Object missing required field `x`"),
        (Any, b"", "the body is no Any: Input data was truncated"),
        (set[Any], b"[[]]", f"the body is no set[typing.Any]: {error_of_a_list_in_a_set()}"),
        (list, b"[" * 100_000, "the body is nested too deeply"),
    ],
)  # fmt: skip
def test_a_body_of_another_shape(kind: Any, body: bytes, text: str) -> None:
    """The body is refused, and the error names the place of the difference."""
    with raises(ValueError, text):
        json_codec(kind).decode(body)


def test_a_body_that_is_no_text() -> None:
    """The body is refused."""
    with pytest.raises(ValueError, match=r"^the body is no str: 'utf-8' codec can't decode"):
        json_codec(str).decode(b'"\xff"')


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (Point, b'{"x":1,"z":2,"a":3}', "a Point has no a, z"),
        (Point | None, b'{"x":1,"z":2}', "a Point has no z"),
        (list[Point], b'[{"x":1.0},{"x":1,"z":2}]', "a Point has no z"),
        (tuple[int, Point], b'[1,{"x":1,"z":2}]', "a Point has no z"),
        (dict[int, Point], b'{"1":{"x":1,"z":2}}', "a Point has no z"),
        (Tree, b'{"name":"a","children":[{"name":"b","colour":1}]}', "a Tree has no colour"),
        (Options, b'{"size":1,"colour":2}', "a dict has no colour"),
        (Box[Options], b'{"content":{"colour":2}}', "a dict has no colour"),
    ],
)
def test_a_body_with_a_field_that_is_not_known(kind: Any, body: bytes, text: str) -> None:
    """The body is refused: the message asks for more than this process would do."""
    with raises(ValueError, text):
        json_codec(kind).decode(body)


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        (Point, b'{ "y": 2, "x": 1 }', Point(1.0, 2.0)),
        (dict[int, Point], b'{"1":{"x":1}}', {1: Point(1.0)}),
        (set[tuple[int, ...]], b"[[2,3],[1],[1]]", {(1,), (2, 3)}),
        (set[Frozen], b'[{"number":2},{"number":1}]', {Frozen(1), Frozen(2)}),
        (Move, b'{"type":"Move","by":1,"at":2}', Move(1)),
        (Tree, b'{"name":"a","at":null}', Tree("a")),
    ],
)
def test_a_body_that_another_program_wrote(kind: Any, body: bytes, message: object) -> None:
    """Spaces, the order of fields and of sets, and missing fields make no difference."""
    assert json_codec(kind).decode(body) == message


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (TooMuch, "TooMuch is none of the types that it writes"),
        (list[TooMuch], "TooMuch is none of the types that it writes"),
        (Box[TooMuch], "TooMuch is none of the types that it writes"),
        (object, "object is none of the types that it writes"),
        (complex, "complex is none of the types that it writes"),
        (memoryview, "MemoryView is none of the types that it writes"),
        (msgspec.Raw, "Raw is none of the types that it writes"),
        (deque[int], "deque is none of the types that it writes"),
        (Callable[[], int], "Callable is none of the types that it writes"),
        (Iterable[int], "Iterable is none of the types that it writes"),
        (dict[bool, int], "a key must be a str, or a type that is written as a str or as a number"),
        (dict[str | None, int], "a key must be"),
        (dict[tuple[int, int], int], "a key must be"),
        (dict[Frozen, int], "a key must be"),
        (Sized, "Sized is a dataclass that has more than fields"),
        (Failure, "Failure is a dataclass that has more than fields"),
        ("int", "Type ''int'' is not supported"),
        (7, "Type '7' is not supported"),
        (OfAttrs, "OfAttrs is no dataclass"),
        (InitVar[int], "Type 'dataclasses.InitVar[int]' is not supported"),
    ],
)
def test_a_type_that_is_not_known(kind: Any, reason: str) -> None:
    """The type is refused when the codec is made."""
    text = f"`json_codec` does not know how to write a {kind!r}: {reason}"
    with pytest.raises(TypeError) as caught:
        json_codec(kind)
    assert str(caught.value).startswith(text)
    assert str(caught.value).endswith(". Write a `Codec` for it")


@pytest.mark.parametrize(
    "kind",
    [
        Job | UrgentJob,
        list[Job | UrgentJob],
        Job | dict[str, int],
        tuple[int, ...] | list[int],
        str | datetime,
        Rank | int,
        Box[Job | Point],
    ],
)
def test_a_union_of_types_that_look_alike(kind: Any) -> None:
    """The union is refused when the codec is made, and the error gives advice."""
    with pytest.raises(
        TypeError, match=r"may not contain more than one .*`msgspec.Struct` with tags$"
    ):
        json_codec(kind)


def test_a_name_that_is_not_defined() -> None:
    """A dataclass with an undefined name in an annotation is refused when the codec is made."""

    @dataclass
    class Lost:
        at: Any

    Lost.__annotations__["at"] = "Nowhere"

    with pytest.raises(TypeError, match="name 'Nowhere' is not defined"):
        json_codec(Lost)
