"""An endpoint that is lost while open gives a warning, since its channel never closes."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
import warnings
import weakref
from typing import TYPE_CHECKING

import pytest

from anycast import Anycast, open_channel
from debris import Message
from helpers import begin, task_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast import Receiver, Sender

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_garbage_collection")]

TEXT = (
    r"^Anycast:numbers:{} was lost without being closed, so the channel may never close by itself:"
    r" use `with`, or call `close\(\)`$"
)
MAKERS: dict[str, Callable[[Anycast[int]], Sender[int] | Receiver[int]]] = {
    "_Sender": Anycast[int].new_sender,
    "_Receiver": Anycast[int].new_receiver,
}
each_side = pytest.mark.parametrize("kind", MAKERS)


def auto_closing() -> Anycast[int]:
    """Return a channel with ``auto_close``."""
    return Anycast[int](name="numbers", auto_close=True)


@each_side
def test_an_endpoint_that_is_dropped(kind: str) -> None:
    """The warning names the endpoint and the channel, and gives advice."""
    channel = auto_closing()
    with pytest.warns(ResourceWarning, match=TEXT.format(kind)) as warned:
        MAKERS[kind](channel)
    assert len(warned) == 1
    assert not channel.is_closed


@each_side
def test_a_clone_that_is_dropped(kind: str) -> None:
    """A clone counts as an endpoint of its own: the channel waits for the close of the clone."""
    with MAKERS[kind](auto_closing()) as endpoint:
        with pytest.warns(ResourceWarning, match=TEXT.format(kind)) as warned:
            endpoint.clone()
        assert len(warned) == 1


def test_the_ends_of_open_channel() -> None:
    """The sender and the receiver each warn if they are dropped."""
    with pytest.warns(ResourceWarning, match=TEXT.format("_.*")) as warned:
        open_channel[int](1, name="numbers")
    assert len(warned) == 2


def test_endpoints_in_a_cycle() -> None:
    """The garbage collector finds them, and they warn."""
    cycle: list[object] = [auto_closing().new_sender()]
    cycle.append(cycle)
    del cycle
    with pytest.warns(ResourceWarning, match=TEXT.format("_Sender")):
        gc.collect()


# A warning would fail the following tests: warnings are errors.


@each_side
def test_an_endpoint_that_was_closed(kind: str) -> None:
    """A closed endpoint gives no warning when the endpoint is collected."""
    channel = auto_closing()
    with MAKERS[kind](channel) as endpoint, endpoint.clone():
        pass
    del endpoint
    assert channel.is_closed


@each_side
def test_an_endpoint_of_a_closed_channel(kind: str) -> None:
    """An endpoint of a closed channel gives no warning, made before or after the close."""
    channel = auto_closing()
    endpoint = MAKERS[kind](channel)
    channel.close()
    MAKERS[kind](channel)
    del endpoint


def test_an_endpoint_of_a_channel_that_closed_itself() -> None:
    """A receiver need not be closed after the last sender was."""
    sender, receiver = open_channel[int](1)
    sender.close()
    del receiver


@each_side
def test_without_auto_close(kind: str) -> None:
    """The channel does not wait for its endpoints, and the endpoints have no finalizer."""
    endpoint = MAKERS[kind](Anycast[int]())
    assert not hasattr(type(endpoint), "__del__")
    assert vars(endpoint).get("_guard") is None
    del endpoint


async def test_an_endpoint_with_a_task_in_it() -> None:
    """A close that is refused changes nothing, and a later close disarms the warning."""
    channel = Anycast[int](auto_close=True, limit=0)
    async with task_group() as tasks:
        with channel.new_receiver(), channel.new_sender() as sender:
            await begin(tasks, sender.send, 1)


# References of a warning.


def test_nothing_is_kept() -> None:
    """A lost endpoint and its warning keep no reference to the channel or a message."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        sender, receiver = open_channel[Message](1)
        message = Message()
        sender.send_nowait(message)
        things = [weakref.ref(thing) for thing in (sender, receiver, message)]
        del sender, receiver, message
        assert [thing() for thing in things] == [None] * 3
    assert len(warned) == 2


def test_where_the_endpoint_was_made() -> None:
    """Python shows where the endpoint was made, if `tracemalloc` is on."""
    tracemalloc.start(4)
    try:
        with pytest.warns(ResourceWarning) as warned:
            auto_closing().new_sender()
        trace = tracemalloc.get_object_traceback(warned[0].source)
    finally:
        tracemalloc.stop()
    assert trace is not None
    assert __file__ in [frame.filename for frame in trace]


AT_EXIT = """
import builtins, os
from anycast import open_channel
ends = open_channel[int](1, name="of the program")
builtins.kept = open_channel[int](1, name="kept")
os.kept = open_channel[int](1, name="kept until late")
"""


@pytest.mark.parametrize(("options", "warnings"), [((), 0), (("-W", "always"), 6)])
def test_at_the_exit_of_the_interpreter(options: tuple[str, ...], warnings: int) -> None:
    """Warnings are shown at the exit of the interpreter if asked for, and no error occurs."""
    command = [sys.executable, *options, "-c", AT_EXIT]
    run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  ours
    assert run.stderr.count("ResourceWarning") == run.stderr.count("Anycast:") == warnings
    assert "Traceback" not in run.stderr
