"""Whether a message that was decoded is the message that was encoded.

The comparison is stricter than ``==``. In Python ``True == 1 == 1.0``, two equal times may stand
in different time zones, and a dataclass may define ``==`` as it likes. So the comparison looks at
the types first, at all depths, and compares a dataclass field by field. `nan` differs from itself.

The classes below are all that JSON can bring back. An object of any other class is a difference.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from operator import attrgetter
from reprlib import Repr
from types import NoneType
from typing import Any, cast
from uuid import UUID

import msgspec

Compare = Callable[[Any, Any], None]

# Stands for an item of a set that does not arrive.
_MISSING = object()
# The texts of errors show a value, or a key, up to this length.
_LENGTH = 80
_short = Repr()
_short.maxother = _short.maxstring = _short.maxlong = _LENGTH


class Difference(Exception):  # noqa: N818  caught by the codec, which raises an error of its own
    """A part of a message that would arrive as something else.

    Args:
        sent: the part, as it was encoded.
        arrived: the part, as it was decoded.
    """

    def __init__(self, sent: object, arrived: object) -> None:
        super().__init__(sent, arrived)
        self.sent = sent
        self.arrived = arrived
        # The class of the error to raise.
        self.error_class = ValueError if type(sent) is type(arrived) else TypeError
        # The labels that lead to the part. The innermost label comes first.
        self.path: list[object] = []

    def error(self) -> Exception:
        """Return the error to raise, which says what would change."""
        if isinstance(self.sent, float) and not math.isfinite(self.sent):
            return ValueError(f"`{self._place()}` is {self.sent!r}, and JSON has no such number")
        return self.error_class(
            f"`{self._place()}` is {_described(self.sent)},"
            f" and would arrive as {_described(self.arrived)}"
        )

    def _place(self) -> str:
        """Return where the part is: ``$`` is the message, as in the errors of msgspec."""
        return "$" + "".join(
            f".{label[:_LENGTH]}" if isinstance(label, str) else f"[{_short.repr(label)}]"
            for label in reversed(self.path)
        )


def _described(value: object) -> str:
    return f"the {type(value).__name__} {_short.repr(value)}"


class Comparison:
    """Compares messages with what arrives, and remembers how to compare each class."""

    def __init__(self) -> None:
        self._by_class: dict[type, Compare] = {
            **dict.fromkeys(_PLAIN, _by_value),
            float: _float,
            Decimal: _decimal,
            datetime: _clock,
            time: _clock,
            list: self._sequence,
            tuple: self._sequence,
            dict: self._dict,
            set: self._set,
            frozenset: self._set,
        }

    def check(self, sent: object, arrived: object) -> None:
        """Check that a value arrives unchanged.

        Raises:
            Difference: if the value, or a part of the value, arrives as something else.
        """
        kind = type(sent)
        if type(arrived) is not kind:
            raise Difference(sent, arrived)
        compare = self._by_class.get(kind)
        if compare is None:
            compare = self._by_class[kind] = self._find(kind)
        compare(sent, arrived)

    def _find(self, kind: type[Any]) -> Compare:
        if issubclass(kind, enum.Enum):
            return _identity
        if is_dataclass(kind):
            return self._fields([field.name for field in fields(kind)])
        if issubclass(kind, msgspec.Struct):
            return self._fields(kind.__struct_fields__)
        if issubclass(kind, tuple):  # a NamedTuple
            return self._fields(cast("Any", kind)._fields)
        return _never

    def _parts(
        self, labels: Iterable[object], sent: Iterable[object], arrived: Iterable[object]
    ) -> None:
        # The labels may go on for ever.
        for label, one, other in zip(labels, sent, arrived, strict=False):
            # inlined: the commonest case of `check`
            if type(one) in _PLAIN and type(one) is type(other) and one == other:
                continue
            try:
                self.check(one, other)
            except Difference as difference:
                difference.path.append(label)
                raise

    def _fields(self, names: Collection[str]) -> Compare:
        # With two names or more, `attrgetter` returns a tuple.
        values: Callable[[object], tuple[Any, ...]] = attrgetter(*names, "__class__", "__class__")

        def compare(sent: object, arrived: object) -> None:
            try:
                before, after = values(sent), values(arrived)
            except AttributeError:  # a field was never set
                raise Difference(sent, arrived) from None
            self._parts(names, before, after)

        return compare

    def _sequence(self, sent: Collection[Any], arrived: Collection[Any]) -> None:
        if len(sent) != len(arrived):
            raise Difference(sent, arrived)
        self._parts(count(), sent, arrived)

    def _dict(self, sent: dict[Any, Any], arrived: dict[Any, Any]) -> None:
        """Compare keys, in order, and values."""
        self._whole(sent, arrived, arrived)
        self._parts(sent, sent.values(), arrived.values())

    def _set(self, sent: Collection[Any], arrived: Collection[Any]) -> None:
        same = {item: item for item in arrived}
        self._whole(sent, arrived, [same.get(item, _MISSING) for item in sent])

    def _whole(
        self, sent: Collection[Any], arrived: Collection[Any], partners: Iterable[Any]
    ) -> None:
        """Compare keys or items that no label leads to. The error then shows the collection."""
        try:
            self._parts(count(), sent, partners)
        except Difference as difference:
            whole = Difference(sent, arrived)
            whole.error_class = difference.error_class
            raise whole from None
        if len(sent) != len(arrived):
            raise Difference(sent, arrived)


# The classes whose objects are the same if they are equal.
_PLAIN = {NoneType, bool, int, str, bytes, bytearray, date, timedelta, UUID}


def _by_value(sent: object, arrived: object) -> None:
    if sent != arrived:
        raise Difference(sent, arrived)


def _identity(sent: object, arrived: object) -> None:
    if sent is not arrived:
        raise Difference(sent, arrived)


def _float(sent: float, arrived: float) -> None:
    # 0.0 equals -0.0.
    if sent != arrived or math.copysign(1, sent) != math.copysign(1, arrived):
        raise Difference(sent, arrived)


def _decimal(sent: Decimal, arrived: Decimal) -> None:
    # 1.0 equals 1.00. A comparison of a signalling NaN raises.
    if sent.is_nan() or sent.as_tuple() != arrived.as_tuple():
        raise Difference(sent, arrived)


def _clock(sent: datetime | time, arrived: datetime | time) -> None:
    # Equal times may stand in different zones, and a day later the times may differ. The comparison
    # ignores `fold`, as Python does: `fold` matters for one hour in a year.
    if (sent, sent.tzinfo) != (arrived, arrived.tzinfo):
        raise Difference(sent, arrived)


def _never(sent: object, arrived: object) -> None:
    raise Difference(sent, arrived)
