"""The types of public functions and classes at run time."""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def functions_of(kinds: Iterable[Any]) -> dict[str, Any]:
    """Return all functions of some classes, and functions themselves, by their names."""
    return {name: one for kind in kinds for name, one in _functions(kind, kind.__name__)}


def _functions(thing: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield a function, or the functions of a class or property; and the overloads of each."""
    if isinstance(thing, property):
        thing = thing.fget
    if isinstance(thing, staticmethod):  # as for `__new__`
        thing = thing.__func__
    if inspect.isclass(thing):
        for key, _ in inspect.getmembers_static(thing):
            owner = next(one for one in thing.__mro__ if key in vars(one))
            if owner.__module__.startswith("anycast"):
                yield from _functions(vars(owner)[key], f"{name}.{key}")
    elif inspect.isfunction(thing):
        yield name, thing
        for number, one in enumerate(typing.get_overloads(thing)):
            yield f"{name} {number}", one


def check_function(function: Any) -> None:
    """Check that each name in the annotations of a function is found."""
    hints = typing.get_type_hints(function)
    assert hints.keys() == function.__annotations__.keys()
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        assert not isinstance(parameter.annotation, str)


def check_class(kind: type[Any]) -> None:
    """Check that each name in the annotations of a class and its bases is found."""
    assert all(not isinstance(hint, str) for hint in typing.get_type_hints(kind).values())
    for owner in kind.__mro__[:-1]:
        inspect.get_annotations(owner, eval_str=True)
    if {"__init__", "__new__"} & vars(kind).keys():
        inspect.signature(kind, eval_str=True)
