"""Where public classes and functions say that they are from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_overloads, overload


def show_as_from(package: str, things: Iterable[Any]) -> None:
    """Let tracebacks, pickles and reprs show the package from which users import things.

    `typing.get_overloads` looks for the overloads of a function in the module that the function
    names, so the overloads move along.
    """
    for thing in things:
        overloads = get_overloads(thing)
        for one in (thing, *overloads):
            one.__module__ = package
        for one in overloads:
            overload(one)
