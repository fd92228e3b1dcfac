"""Messages as JSON, by msgspec. What is sent is what arrives, or the send raises.

The rule: if `encode` returns a body, then `decode` makes of this body an equal message, with the
same types at all depths. msgspec alone does not keep the rule. Its encoder looks at the message
and not at the type: it writes an int into a field that should have a str, a nan as null, and a
subclass as its base class. So `encode` decodes each body, and compares. A check of the fields by
their types, without decoding, would miss what the class of a message does on its own: a
`__post_init__` that changes a field, for example.

A union whose members look alike in JSON cannot keep the rule for each member. msgspec refuses
such a union, and so `json_codec` does.

Decoding is strict, too. msgspec takes no str for an int; but it passes over a field of a dataclass
that it does not know, and the process might then do less than the sender asked for. `decode`
encodes what it has read, and looks for such fields if the two bodies differ.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast, overload

import msgspec

from anycast.redis._codec import Codec
from anycast.redis._codec_type import check_type, name_of
from anycast.redis._comparison import Comparison, Difference
from anycast.redis._known_fields import check_known

T = TypeVar("T")


@overload
def json_codec(message_type: type[T]) -> Codec[T]: ...


@overload
def json_codec(message_type: object) -> Codec[Any]: ...


def json_codec(message_type: object) -> Codec[Any]:
    """Return a codec that writes messages of one type as JSON.

    The type may be

    - `str`, `int`, `float`, `bool`, ``None``, `bytes`, `decimal.Decimal`, `uuid.UUID`, or the
      `datetime`, `date`, `time` and `timedelta` of `datetime`;
    - a dataclass, also a generic dataclass; a `NamedTuple`, a `TypedDict`, or a `msgspec.Struct`;
    - an `Enum` of `str` or of `int`, or a `Literal`;
    - `list`, `tuple`, `set`, `frozenset` and `dict` of these types;
    - a union of types that look different in JSON, such as ``Job | None``;
    - `typing.Any`, for plain data: None, bool, int, float, str, list, and dict whose keys are str.

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

    If `Codec.encode` returns, then `Codec.decode` returns an equal message, with the same types at
    all depths. `encode` makes sure of this: it decodes each body, and compares. So the
    `__post_init__` of a dataclass runs once more.

    Args:
        message_type: the type of the messages.

    Returns:
        A codec. Its `encode` raises `TypeError` or `ValueError` for a message that would not arrive
            as it is: a bool for an int, an int for a float, an instance of a subclass, a nan. Its
            `decode` raises `ValueError` for a body that is no message of the type.

    Raises:
        TypeError: if the type is not supported, or is a union of types that look alike in JSON,
            such as two dataclasses. Structs with tags look different.
    """
    return _JsonCodec(message_type)


class _JsonCodec:
    def __init__(self, message_type: object) -> None:
        check_type(message_type)
        self._name = name_of(message_type)
        self._encoder = msgspec.json.Encoder(enc_hook=_refuse)
        self._decoder = msgspec.json.Decoder(cast("Any", message_type))
        self._comparison = Comparison()

    def __repr__(self) -> str:
        return f"json_codec({self._name})"

    def encode(self, message: object, /) -> bytes:
        try:
            body = self._encoder.encode(message)
            self._comparison.check(message, self._read(message, body))
        except Difference as difference:
            raise difference.error() from None
        except RecursionError:
            raise ValueError("the message is nested too deeply, or contains itself") from None
        return body

    def decode(self, body: bytes, /) -> Any:
        try:
            message = self._decoder.decode(body)
            if self._encoder.encode(message) != body:
                check_known(msgspec.json.decode(body), message)
        except (msgspec.MsgspecError, TypeError, UnicodeError) as error:
            # TypeError: an item of a set has no hash, for example.
            raise ValueError(f"the body is no {self._name}: {error}") from error
        except RecursionError:
            raise ValueError("the body is nested too deeply") from None
        return message

    def _read(self, message: object, body: bytes) -> Any:
        """Decode what was encoded a moment ago."""
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            self._check_finite(message, body)
            raise TypeError(f"the message is no {self._name}: {error}") from error

    def _check_finite(self, message: object, body: bytes) -> None:
        """Check for a nan, which was written as null. An error about the null would mislead."""
        plain = msgspec.to_builtins(message, str_keys=True, enc_hook=_refuse)
        self._comparison.check(plain, msgspec.json.decode(body))


def _refuse(value: object) -> Any:
    """Raise: msgspec calls this function for a value of a class that msgspec does not know."""
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON by this codec")
