"""Messages as JSON: what goes in comes out, and nothing else does."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import pytest

from anycast.redis import Codec, json_codec
from helpers import raises


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


class TooMuch: ...


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (int, 7),
        (str, "ünï"),
        (bool, True),
        (float, 0.5),
        (None, None),
        (list[int], [1, 2]),
        (list, [1, "a", None]),
        (dict[str, int], {"a": 1}),
        (dict, {"a": [1]}),
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2, 3)),
        (int | str | None, "a"),
        (Optional[Point], Point(1.0, 2.0)),  # noqa: UP045  the old spelling works, too
        (Union[int, list[str]], ["a"]),  # noqa: UP007
        (Point, Point(1.0, 2.0)),
        (Tree, Tree("a", [Tree("b"), Tree("c", [Tree("d")])], Point(1.0))),
        (Any, {"a": [1, 2.5, None, "x"]}),
    ],
)
def test_there_and_back(kind: Any, message: object) -> None:
    """A message comes out as it went in, as its type says."""
    codec = json_codec(kind)
    again = codec.decode(codec.encode(message))
    assert again == message
    assert type(again) is type(message)


def test_an_int_may_stand_for_a_float() -> None:
    """It comes out as a float."""
    assert type(json_codec(float).decode(b"1")) is float


def test_defaults_stand_for_what_is_missing() -> None:
    """So a field may be added while old messages are on their way."""
    assert json_codec(Point).decode(b'{"x":1}') == Point(1.0, 0.0)


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (int, b"true", "this is no int: True"),
        (int, b"1.0", "this is no int: 1.0"),
        (str, b"1", "this is no str: 1"),
        (float, b"true", "this is no float: True"),
        (None, b"0", "this is no NoneType: 0"),
        (list[int], b"{}", "this is no list: {}"),
        (list[int], b'["a"]', "this is no int: 'a'"),
        (dict[str, int], b"[]", "this is no dict: []"),
        (int | str, b"[]", "this is no str: []"),
        (Point, b"[]", "this is no dict: []"),
        (Point, b'{"x":1,"z":2}', "Point has no z"),
    ],
)
def test_a_body_of_another_shape(kind: Any, body: bytes, text: str) -> None:
    """It is refused, and the error says where it differs."""
    with raises(TypeError, text):
        json_codec(kind).decode(body)


def test_a_tuple_of_another_length() -> None:
    """It is refused."""
    with pytest.raises(ValueError, match="zip"):
        json_codec(tuple[int, str]).decode(b"[1]")


def test_what_json_cannot_say() -> None:
    """It is refused before it is sent."""
    with pytest.raises(ValueError, match="JSON"):
        json_codec(float).encode(math.nan)
    anything: Codec[Any] = json_codec(Any)
    for message, kind in ((TooMuch(), "TooMuch"), (Point, "type")):
        with raises(TypeError, f"a {kind} cannot be written as JSON by this codec"):
            anything.encode(message)


@pytest.mark.parametrize("kind", [TooMuch, set[int], dict[int, int], bytes])
def test_a_type_that_is_not_known(kind: Any) -> None:
    """It is refused when the codec is made."""
    with pytest.raises(TypeError, match=r"`json_codec` does not know how to write a .*Codec"):
        json_codec(kind)
