"""Which types `json_codec` takes: the types of which each value, as a rule, can be sent.

msgspec knows which types JSON can hold. `check_type` refuses more types: the types that msgspec can
write and not read, and the types that lose a part on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, cast, get_origin

import msgspec
from msgspec import inspect

# The types of keys: the keys of an object of JSON are texts.
_KEYS = (
    inspect.AnyType,
    inspect.BytesType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.DecimalType,
    inspect.EnumType,
    inspect.FloatType,
    inspect.IntType,
    inspect.LiteralType,
    inspect.StrType,
    inspect.TimeDeltaType,
    inspect.TimeType,
    inspect.UUIDType,
)


def check_type(kind: object) -> None:
    """Check that messages of a type can be written as JSON and read again.

    Raises:
        TypeError: if not; the error names the part of the type, and the reason.
    """
    try:
        msgspec.json.Decoder(kind)
        parts = list(_parts(inspect.type_info(kind), set()))
    except Exception as error:
        # A name that is not defined, say: the annotations are read here.
        raise _refusal(kind, str(error)) from error
    for part in parts:
        if obstacle := _obstacle(part):
            raise _refusal(kind, obstacle)


def name_of(kind: object) -> str:
    """Return what errors call a type."""
    return kind.__name__ if isinstance(kind, type) and not get_origin(kind) else repr(kind)


def _refusal(kind: object, reason: str) -> TypeError:
    advice = "Write a `Codec` for it"
    if "union" in reason:
        advice += ", or make a union of `msgspec.Struct` with tags"
    return TypeError(f"`json_codec` does not know how to write a {kind!r}: {reason}. {advice}")


def _parts(info: object, known: set[int]) -> Iterator[inspect.Type]:
    """Return the description of a type and of the types in it. A type may contain itself."""
    if isinstance(info, tuple):
        for part in cast("tuple[object, ...]", info):
            yield from _parts(part, known)
    elif isinstance(info, (inspect.Type, inspect.Field)) and id(info) not in known:
        known.add(id(info))
        if isinstance(info, inspect.Type):
            yield info
        for name in info.__struct_fields__:
            yield from _parts(getattr(info, name), known)


def _obstacle(part: inspect.Type) -> str | None:
    """Return why values of a type would be lost, if they would be."""
    match part:
        case (
            inspect.CustomType() | inspect.MemoryViewType() | inspect.RawType() | inspect.ExtType()
        ):
            kind = getattr(part, "cls", type(part))
            return f"{name_of(kind).removesuffix('Type')} is none of the types that it writes"
        case inspect.DictType(key_type=key) if not _is_key(key):
            return "a key must be a str, or a type that is written as a str or as a number"
        case inspect.DataclassType(cls=kind):
            return _obstacle_of_class(get_origin(kind) or kind)
        case _:
            return None


def _obstacle_of_class(kind: Any) -> str | None:
    if not is_dataclass(kind):  # a class of attrs
        return f"{name_of(kind)} is no dataclass"
    if kind.__new__ is not object.__new__:  # a subclass of `str`, `list` or `Exception`, say
        return f"{name_of(kind)} is a dataclass that has more than fields"
    return None


def _is_key(key: inspect.Type) -> bool:
    if isinstance(key, inspect.UnionType):
        return all(map(_is_key, key.types))
    return isinstance(key, _KEYS)
