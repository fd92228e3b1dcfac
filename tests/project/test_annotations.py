"""Frameworks can ask for the types of all public objects at run time."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from typing import Any

import pytest

import anycast
from anycast import Anycast, Channel, Receiver, merge
from hints import check_class, check_function, functions_of


def given() -> list[type[Any]]:
    """Return the classes of what users are given, whose names are private."""
    channel = Anycast[int]()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    receivers = [receiver, receiver.map(str), receiver.filter(bool), merge(receiver, receiver)]
    operations = [sender.sending(1), *(one.receiving() for one in receivers)]
    rest = [sender, receiver.lease(), channel.close()]
    return [type(thing) for thing in (*receivers, *operations, *rest)]


KINDS: list[Any] = [*(getattr(anycast, name) for name in anycast.__all__), *given()]
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
    names = {"Anycast.__init__", "Channel.limit", "Receiver.filter 1", "select 3", "merge"}
    assert names | {"open_channel.__new__", "SelectedLease.__aenter__"} <= FUNCTIONS.keys()
    assert names | {"_Sender.send", "SendOperation.result"} <= FUNCTIONS.keys()


@pytest.mark.parametrize("name", ["merge", "select", "select_nowait"])
def test_overloads_are_found(name: str) -> None:
    """`typing.get_overloads` knows the overloads under the public name."""
    overloads = typing.get_overloads(getattr(anycast, name))
    assert [one.__module__ for one in overloads] == ["anycast"] * 4


def test_a_hint_names_the_public_class() -> None:
    """A framework can look for a class among the hints."""
    new_receiver = Anycast[int].new_receiver
    assert typing.get_type_hints(new_receiver)["return"].__origin__ is Receiver
    assert typing.get_type_hints(anycast.ChannelError.__init__)["channel"].__origin__ is Channel


def test_statistics_have_types() -> None:
    """The fields of the dataclass have types, and not texts."""
    assert {*typing.get_type_hints(anycast.ChannelStatistics).values()} == {int, float}


@pytest.mark.parametrize(
    "module",
    [
        "_interface.channel",
        "_interface.errors",
        "_interface.receiver",
        "_interface.sender",
        "_anycast.opening",
        "_combinators.receivers",
        "_select.select",
    ],
)
def test_each_module_can_be_imported_first(module: str) -> None:
    """No module needs that another module was imported before."""
    code = (
        "import sys, types\n"
        "sys.modules['anycast'] = package = types.ModuleType('anycast')\n"
        f"package.__path__ = {list(anycast.__path__)!r}\n"
        f"import anycast.{module}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603  the code is ours
