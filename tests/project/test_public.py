"""The public surface: the exported names, the module that they show, and the docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import re
import subprocess
import sys

import pytest

import anycast
from anycast import Anycast, BroadcastStatistics, ChannelStatistics

PUBLIC = [getattr(anycast, name) for name in anycast.__all__]
MEMBERS = [
    pytest.param(thing, name, id=f"{thing.__name__}.{name}")
    for thing in PUBLIC
    for name in dir(thing)
    if not dataclasses.is_dataclass(thing)  # a field is no attribute that could have a docstring
    if not name.startswith("_") and not hasattr(Exception, name)
]


def test_all_is_sorted() -> None:
    """``__all__`` is sorted, and names each thing once."""
    assert anycast.__all__ == sorted(set(anycast.__all__))


def test_nothing_else_is_exported() -> None:
    """Each public name of the package is in ``__all__``, except for submodules."""
    exported = {name for name in vars(anycast) if not name.startswith("_")}
    assert exported - {"redis"} == set(anycast.__all__)


@pytest.mark.parametrize("thing", PUBLIC)
def test_where_it_is_from(thing: type[object]) -> None:
    """Tracebacks, pickles and reprs show the module from which users import."""
    assert thing.__module__ == "anycast"
    assert getattr(anycast, thing.__qualname__) is thing


@pytest.mark.parametrize("thing", PUBLIC)
def test_classes_are_documented(thing: type[object]) -> None:
    """Every public class has a docstring of its own."""
    assert thing.__doc__
    assert not thing.__doc__.startswith(
        thing.__name__ + "("
    )  # the default docstring of a dataclass


@pytest.mark.parametrize(("thing", "name"), MEMBERS)
def test_members_are_documented(thing: type[object], name: str) -> None:
    """Every public method and property has a docstring, written here or inherited."""
    assert inspect.getdoc(getattr(thing, name))


def test_fields_of_statistics_are_documented() -> None:
    """A docstring after each field says what the field counts."""
    lines = inspect.getsource(sys.modules["anycast._interface.statistics"]).splitlines()
    for field in dataclasses.fields(BroadcastStatistics):
        [number] = [n for n, line in enumerate(lines) if line.startswith(f"    {field.name}: ")]
        counted = r' {4}""".*\b(?:[Mm]essages|Senders|[Rr]eceivers?|[Tt]asks)\b'
        assert re.match(counted, lines[number + 1])


def test_fields_of_statistics() -> None:
    """The fields have these names, in this order."""
    assert [field.name for field in dataclasses.fields(ChannelStatistics)] == [
        "current_buffer_used",
        "max_buffer_size",
        "peak_buffer_used",
        "open_senders",
        "open_receivers",
        "tasks_waiting_send",
        "tasks_waiting_receive",
        "messages_sent",
        "messages_received",
    ]


def test_statistics() -> None:
    """The statistics count messages and endpoints, and are a snapshot."""
    channel = Anycast[int](limit=3)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    sender.clone()
    before = channel.statistics()
    for number in range(3):
        sender.send_nowait(number)
    receiver.receive_nowait()
    assert before == ChannelStatistics(0, 3, 0, 2, 1, 0, 0, 0, 0)
    assert channel.statistics() == ChannelStatistics(2, 3, 3, 2, 1, 0, 0, 3, 1)


def test_statistics_are_frozen() -> None:
    """No field can be set."""
    now = Anycast[int]().statistics()
    for field in dataclasses.fields(now):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(now, field.name, 1)


def test_statistics_pickle() -> None:
    """Statistics can be sent to another process, and name their module."""
    now = Anycast[int]().statistics()
    pickled = pickle.dumps(now, protocol=0)
    assert pickle.loads(pickled) == now  # noqa: S301  written above
    assert b"anycast\nChannelStatistics" in pickled


def test_importing_it_imports_no_backend() -> None:
    """The import loads neither trio nor uvloop, and no code of anyio for an event loop."""
    code = (
        "import sys, anycast\n"
        "heavy = {'trio', 'uvloop', 'asyncio'}\n"
        "heavy |= {'anyio._backends._asyncio', 'anyio._backends._trio'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    of_anycast = run_python(code)
    of_anyio = run_python(code.replace("anycast", "anyio, anyio.abc, anyio.lowlevel"))
    assert of_anycast == of_anyio
    assert "trio" not in of_anycast
    assert "uvloop" not in of_anycast


def run_python(code: str) -> str:
    """Run code in a new interpreter, and return what it prints."""
    run = subprocess.run(  # noqa: S603  the code is ours
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return run.stdout
