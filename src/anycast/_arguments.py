"""Checks of arguments. A wrong type raises `TypeError`, and a wrong value raises `ValueError`.

In Python a bool is an int. Here a bool is a wrong type for a number: ``limit=True`` is a mistake.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Iterable
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, TypeVar

T = TypeVar("T")


def check_int(argument: str, value: object, *, least: int, or_inf: bool = False) -> None:
    """Check that an argument is an int of at least ``least``.

    Args:
        argument: the name of the argument, for the error.
        value: the value of the argument.
        least: the smallest int that is allowed.
        or_inf: whether `math.inf` is allowed, too.

    Raises:
        TypeError: if the value is a bool or not an int; `math.inf` is the only float allowed.
        ValueError: if the value is less than ``least``.
    """
    if type(value) is not int:  # fast path: a plain int skips the checks of the type
        if or_inf and isinstance(value, float) and value == math.inf:
            return
        if isinstance(value, bool) or not isinstance(value, int):
            rule = "an int or math.inf" if or_inf else "an int"
            raise TypeError(f"`{argument}` must be {rule}, not {value!r}")
    if value < least:
        raise ValueError(f"`{argument}` must be >= {least}, not {value!r}")


def check_seconds(argument: str, value: object, *, least: float = 0, or_inf: bool = False) -> None:
    """Check that an argument is a number of seconds.

    Args:
        argument: the name of the argument, for the error.
        value: the value of the argument.
        least: the smallest number that is allowed.
        or_inf: whether `math.inf` is allowed, too.

    Raises:
        TypeError: if the value is a bool or not a number.
        ValueError: if the value is less than ``least``, not a number (NaN), or too large.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        rule = "a number of seconds or math.inf" if or_inf else "a number of seconds"
        raise TypeError(f"`{argument}` must be {rule}, not {value!r}")
    if not (least <= value < math.inf or (or_inf and value == math.inf)):
        rule = f">= {least}" if or_inf else f">= {least} and finite"
        raise ValueError(f"`{argument}` must be {rule}, not {value!r}")
    if math.inf > value > sys.float_info.max:
        raise ValueError(f"`{argument}` must be a number that fits a float, not {value!r}")


def check_iterable(argument: str, value: object) -> None:
    """Check that an argument is iterable."""
    if not isinstance(value, Iterable):
        raise TypeError(f"`{argument}` must be iterable, not {value!r}")


def check_messages(messages: Iterable[T]) -> Iterable[T]:
    """Check that messages are iterable, and copy a list or a tuple into a new deque.

    The copy keeps the messages as they were at the time of the call.
    """
    check_iterable("messages", messages)
    return deque(messages) if type(messages) in {list, tuple} else messages


def check_function(argument: str, value: object) -> None:
    """Check that an argument can be called, and that a call does not need an ``await``."""
    if not callable(value):
        raise TypeError(f"`{argument}` must be callable, not {value!r}")
    function: Any = value
    while isinstance(function, partial):
        function = function.func
    # An object with `__call__` is a function, too. The `__call__` of a class makes objects.
    for one in (function, type(function).__call__):
        if iscoroutinefunction(one) or isasyncgenfunction(one):
            raise TypeError(
                f"`{argument}` must be a plain function, but {value!r} is async:"
                " await in the task that receives"
            )


def check_bool(argument: str, value: object) -> None:
    """Check that an argument is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"`{argument}` must be a bool, not {value!r}")


def check_choice(argument: str, value: object, choices: tuple[str, ...]) -> None:
    """Check that an argument is one of several texts."""
    rule = " or ".join(map(repr, choices))
    if not isinstance(value, str):
        raise TypeError(f"`{argument}` must be {rule}, not {value!r}")
    if value not in choices:
        raise ValueError(f"`{argument}` must be {rule}, not {value!r}")


def check_name(value: object) -> None:
    """Check that the name of a channel is a str or None."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"`name` must be a str or None, not {value!r}")


def check_some(argument: str, values: tuple[object, ...], kind: type, made_by: str) -> None:
    """Check that there is at least one value, and that each value is an instance of a class.

    Some callers check only after a wrong value has made other code raise. The error of the check
    explains that first error, so `from None` hides the first error.

    Args:
        argument: the name of the arguments, for the error.
        values: the values of the arguments.
        kind: the class.
        made_by: the methods that make such values, for the error.
    """
    if not values:
        raise ValueError(f"`{argument}` must be at least one, not none") from None
    for value in values:
        if not isinstance(value, kind):
            text = f"`{argument}` must each come from {made_by}, not be {value!r}"
            raise TypeError(text) from None
