"""Frameworks can ask for the types of `anycast.redis` at run time."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import pytest

import anycast.redis
from anycast.redis import RedisAnycast, json_codec
from hints import check_class, check_function, functions_of


def given() -> list[type[Any]]:
    """Return the classes of what users are given, whose names are private."""
    codec = json_codec(int)
    channel = RedisAnycast(name="jobs", url="redis://localhost", codec=codec)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    return [type(thing) for thing in (sender, receiver, receiver.receiving(), codec)]


KINDS: list[Any] = [*(getattr(anycast.redis, name) for name in anycast.redis.__all__), *given()]
FUNCTIONS = functions_of(KINDS)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_hints_of_functions(function: Any) -> None:
    """Each name in an annotation of a function, method or property is found."""
    check_function(function)


@pytest.mark.parametrize("kind", [*filter(inspect.isclass, KINDS)])
def test_hints_of_classes(kind: type[Any]) -> None:
    """Each name in an annotation of a class, of its bases and of its constructor is found."""
    check_class(kind)


def test_what_is_looked_at() -> None:
    """Methods, properties, constructors, overloads, functions, and endpoints are."""
    names = {"RedisAnycast.__init__", "RedisReceiver.deliveries", "json_codec 1", "Codec.encode"}
    assert names | {"_Sender.send", "RedisLease.__aenter__"} <= FUNCTIONS.keys()


def test_overloads_are_found() -> None:
    """`typing.get_overloads` knows the overloads under the public name."""
    overloads = typing.get_overloads(json_codec)
    assert [one.__module__ for one in overloads] == ["anycast.redis", "anycast.redis"]
