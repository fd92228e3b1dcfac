"""Messages as JSON: plain data, and dataclasses of it.

A body is checked against the type, and the message is built anew. So a receiver gets only
messages of the type, and a body of another shape becomes a dead letter. For messages that these
types cannot express, write a `Codec`.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast, overload

from anycast.redis._codec import Codec

Build = Callable[[Any], Any]


T = TypeVar("T")


@overload
def json_codec(message_type: type[T]) -> Codec[T]: ...


@overload
def json_codec(message_type: object) -> Codec[Any]: ...


def json_codec(message_type: object) -> Codec[Any]:
    """Return a codec that writes messages of one type as JSON.

    The type may be `str`, `int`, `float`, `bool`, ``None``, `typing.Any`, a dataclass, `list`,
    `tuple`, `dict` with keys that are `str`, and unions of these types.

    ```py
    from dataclasses import dataclass

    from anycast.redis import json_codec


    @dataclass
    class Job:
        number: int
        tags: list[str]


    codec = json_codec(Job)
    assert codec.encode(Job(7, ["new"])) == b'{"number":7,"tags":["new"]}'
    assert codec.decode(b'{"number":7,"tags":["new"]}') == Job(7, ["new"])
    ```

    Args:
        message_type: the type of the messages.

    Returns:
        A codec; its `Codec.decode` raises for a body of another shape.

    Raises:
        TypeError: if the type is not supported.
    """
    return _JsonCodec(message_type)


class _JsonCodec:
    def __init__(self, message_type: object) -> None:
        # The checks are made once, here, and not for each message.
        self._build = _builder(message_type, {})
        self._encoder = json.JSONEncoder(separators=(",", ":"), default=_plain, allow_nan=False)

    def encode(self, message: object, /) -> bytes:
        return self._encoder.encode(message).encode()

    def decode(self, body: bytes, /) -> Any:
        return self._build(json.loads(body))


def _plain(value: object) -> dict[str, Any]:
    """Return the fields of a dataclass; `json` calls this for every type that it does not know."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON by this codec")


def _builder(kind: Any, known: dict[Any, Build]) -> Build:  # noqa: PLR0911  one return for each kind of type
    """Return a function that checks a parsed JSON value and builds a value of the type.

    Args:
        kind: the type.
        known: a builder for each dataclass met so far. A dataclass may contain itself.
    """
    if kind in known:
        return lambda value: known[kind](value)  # noqa: PLW0108  looked up late: a type may contain itself
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda value: value
    if kind in (None, types.NoneType, bool, int, str):
        return _exactly(types.NoneType if kind is None else kind)
    if kind is float:
        return _float
    if is_dataclass(kind):
        return _dataclass(cast("type", kind), known)
    if origin in (typing.Union, types.UnionType):
        return _union([_builder(part, known) for part in parts])
    if kind is list or origin is list:
        return _list(_builder(parts[0] if parts else Any, known))
    if (kind is dict or origin is dict) and (not parts or parts[0] is str):
        return _dict(_builder(parts[1] if parts else Any, known))
    if origin is tuple:
        return _tuple(parts, known)
    raise TypeError(f"`json_codec` does not know how to write a {kind!r}: write a `Codec` for it")


def _exactly(kind: type) -> Build:
    def build(value: Any) -> Any:
        if type(value) is not kind:
            raise _wrong(value, kind.__name__)
        return value

    return build


def _float(value: Any) -> float:
    if type(value) is not int and type(value) is not float:
        raise _wrong(value, "float")
    return float(value)


def _list(item: Build) -> Build:
    def build(value: Any) -> list[Any]:
        return [item(part) for part in _is_list(value)]

    return build


def _dict(item: Build) -> Build:
    def build(value: Any) -> dict[str, Any]:
        return {key: item(part) for key, part in _is_dict(value).items()}

    return build


def _tuple(parts: tuple[Any, ...], known: dict[Any, Build]) -> Build:
    if len(parts) == 2 and parts[1] is ...:  # noqa: PLR2004  tuple[int, ...]
        items = _list(_builder(parts[0], known))
        return lambda value: tuple(items(value))
    builders = [_builder(part, known) for part in parts]

    def build(value: Any) -> tuple[Any, ...]:
        return tuple(builder(part) for builder, part in zip(builders, _is_list(value), strict=True))

    return build


def _union(builders: list[Build]) -> Build:
    # The first type that accepts the value wins. If no type does, the last type's error is raised.
    def build(value: Any) -> Any:
        for builder in builders[:-1]:
            try:
                return builder(value)
            except (TypeError, ValueError):
                continue
        return builders[-1](value)

    return build


def _dataclass(kind: type, known: dict[Any, Build]) -> Build:
    def build(value: Any) -> Any:
        given = _is_dict(value)
        if unknown := given.keys() - builders.keys():
            raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
        return kind(**{name: builders[name](part) for name, part in given.items()})

    # Entered before the fields are looked at, since a field may refer to this dataclass.
    known[kind] = build
    hints = typing.get_type_hints(kind)
    builders = {
        field.name: _builder(hints[field.name], known) for field in fields(kind) if field.init
    }
    return build


def _is_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(value, "list")
    return value  # pyright: ignore[reportUnknownVariableType]


def _is_dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(value, "dict")
    return cast("dict[str, Any]", value)


def _wrong(value: object, kind: str) -> TypeError:
    return TypeError(f"this is no {kind}: {value!r}")
