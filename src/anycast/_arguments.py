"""Checks of arguments. A wrong type is a `TypeError`, a wrong value a `ValueError`.

A bool is an int to Python, but nobody means ``limit=True``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def check_int(argument: str, value: object, *, least: int, or_inf: bool = False) -> None:
    """Check that an argument is an int, or `math.inf` where allowed, and not too small.

    Raises:
        TypeError: if it is something else; any other float than infinity is.
        ValueError: if it is less than ``least``.
    """
    if type(value) is not int:  # nearly always it is; a bool is none
        if or_inf and isinstance(value, float) and value == math.inf:
            return
        if isinstance(value, bool) or not isinstance(value, int):
            rule = "an int or math.inf" if or_inf else "an int"
            raise TypeError(f"`{argument}` must be {rule}, not {value!r}")
    if value < least:
        raise ValueError(f"`{argument}` must be >= {least}, not {value!r}")


def check_iterable(argument: str, value: object) -> None:
    """Check that an argument is iterable."""
    if not isinstance(value, Iterable):
        raise TypeError(f"`{argument}` must be iterable, not {value!r}")


def check_messages(messages: Iterable[T]) -> Iterable[T]:
    """Check that messages are iterable; return those of a list or tuple in a deque of their own."""
    check_iterable("messages", messages)
    return deque(messages) if type(messages) in {list, tuple} else messages


def check_callable(argument: str, value: object) -> None:
    """Check that an argument can be called."""
    if not callable(value):
        raise TypeError(f"`{argument}` must be callable, not {value!r}")


def check_bool(argument: str, value: object) -> None:
    """Check that an argument is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"`{argument}` must be a bool, not {value!r}")


def check_name(value: object) -> None:
    """Check that a channel's name is a str, or None."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"`name` must be a str or None, not {value!r}")


def check_some(argument: str, values: tuple[object, ...], kind: type, made_by: str) -> None:
    """Check that there is at least one value, and that each is of a certain kind.

    Whatever has already gone wrong for want of that is no longer of interest: hence `from None`.
    """
    if not values:
        raise ValueError(f"`{argument}` must be at least one, not none") from None
    for value in values:
        if not isinstance(value, kind):
            text = f"`{argument}` must each come from {made_by}, not be {value!r}"
            raise TypeError(text) from None
