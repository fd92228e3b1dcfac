"""An endpoint that is lost while open, so that its channel never closes, gives a warning."""

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
    """Return a channel that waits for its endpoints to be closed."""
    return Anycast[int](name="numbers", auto_close=True)


@each_side
def test_an_endpoint_that_is_dropped(kind: str) -> None:
    """The warning names the endpoint and its channel, and says what to do."""
    channel = auto_closing()
    with pytest.warns(ResourceWarning, match=TEXT.format(kind)) as warned:
        MAKERS[kind](channel)
    assert len(warned) == 1
    assert not channel.is_closed


@each_side
def test_a_clone_that_is_dropped(kind: str) -> None:
    """A clone counts as an endpoint of its own: the channel waits for the clone as well."""
    with MAKERS[kind](auto_closing()) as endpoint:
        with pytest.warns(ResourceWarning, match=TEXT.format(kind)) as warned:
            endpoint.clone()
        assert len(warned) == 1


def test_the_ends_of_open_channel() -> None:
    """Each of the two warns if it is dropped."""
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


# What follows would fail by a warning: warnings are errors.


@each_side
def test_an_endpoint_that_was_closed(kind: str) -> None:
    """It is closed, so nothing is to be said when it goes."""
    channel = auto_closing()
    with MAKERS[kind](channel) as endpoint, endpoint.clone():
        pass
    del endpoint
    assert channel.is_closed


@each_side
def test_an_endpoint_of_a_closed_channel(kind: str) -> None:
    """Nothing waits for the endpoint any more, whether it was made before or after the close."""
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
    """Nothing waits for the endpoints of such a channel, and they have no finalizer."""
    endpoint = MAKERS[kind](Anycast[int]())
    assert not hasattr(type(endpoint), "__del__")
    assert vars(endpoint).get("_guard") is None
    del endpoint


async def test_an_endpoint_with_a_task_in_it() -> None:
    """A close that is refused leaves the endpoint as it was, and the close that works is enough."""
    channel = Anycast[int](auto_close=True, limit=0)
    async with task_group() as tasks:
        with channel.new_receiver(), channel.new_sender() as sender:
            await begin(tasks, sender.send, 1)


# What a warning keeps.


def test_nothing_is_kept() -> None:
    """Neither a lost endpoint nor its warning keeps the channel, a message or the endpoint."""
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
    """`tracemalloc` knows, and Python shows it with the warning."""
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
import builtins
from anycast import open_channel
ends = open_channel[int](1, name="of the program")
builtins.kept = open_channel[int](1, name="kept")
"""


@pytest.mark.parametrize(("options", "warnings"), [((), 0), (("-W", "always"), 4)])
def test_at_the_exit_of_the_interpreter(options: tuple[str, ...], warnings: int) -> None:
    """Warnings are shown if they were asked for, and nothing fails, whatever is gone by then."""
    command = [sys.executable, *options, "-c", AT_EXIT]
    run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  ours
    assert run.stderr.count("ResourceWarning") == run.stderr.count("Anycast:") == warnings
    assert "Traceback" not in run.stderr
