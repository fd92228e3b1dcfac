"""Whether a body has a field that the dataclasses of this process do not know.

Such a body comes from a newer process. msgspec passes over an unknown field, and the process might
then do less than the sender asked for.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import fields, is_dataclass
from typing import Any, cast

Pairs = Iterable[tuple[Any, Any]]


def check_known(plain: object, message: object) -> None:
    """Check that a body has no fields that its message does not have.

    Args:
        plain: the body as plain data.
        message: what was made of the body. Sets have no order and are passed over. A Struct is
            passed over, too: an option of a Struct decides whether to take an unknown field.

    Raises:
        ValueError: if there is an unknown field.
    """
    for part, made in _pairs(plain, message):
        check_known(part, made)


def _pairs(plain: object, message: object) -> Pairs:
    """Return the parts of a body, each with what was made of the part."""
    if isinstance(plain, dict):
        texts = cast("dict[str, Any]", plain)
        if is_dataclass(message):
            return _fields(texts, message)
        if isinstance(message, dict):
            return _values(texts, cast("dict[Hashable, Any]", message))
    elif isinstance(plain, list) and isinstance(message, (list, tuple)):
        return zip(cast("list[object]", plain), cast("Iterable[object]", message), strict=False)
    return ()


def _fields(plain: dict[str, Any], message: Any) -> Pairs:
    names = [field.name for field in fields(message)]
    _refuse(plain.keys() - names, message)
    return [(part, getattr(message, name, None)) for name, part in plain.items()]


def _values(plain: dict[str, Any], message: dict[Hashable, Any]) -> Pairs:
    # msgspec drops the unknown keys of a TypedDict, so the message has fewer keys than the body. In
    # any other dict the keys may have another type than str, but their number is the same.
    if len(plain) > len(message):
        _refuse(plain.keys() - message.keys(), message)
    return zip(plain.values(), message.values(), strict=False)


def _refuse(names: set[str], message: object) -> None:
    if names:
        raise ValueError(f"a {type(message).__name__} has no {', '.join(sorted(names))}")
