"""Errors that are copied, pickled, or raised in another process."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from anycast import (
    Anycast,
    ChannelClosedError,
    ChannelError,
    Error,
    ReceiverClosedError,
    ReceiverError,
    ReceiverStoppedError,
    SenderClosedError,
    SenderError,
)
from pool_jobs import BareError, MadeError, RefusedError, UnreachableError, fail, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANNEL = Anycast[int](name="numbers")
SENDER, RECEIVER = CHANNEL.new_sender(), CHANNEL.new_receiver()
ERRORS: list[Error] = [
    Error("no", 1),
    ChannelError("no", CHANNEL),
    ChannelClosedError(CHANNEL),
    SenderError("no", SENDER),
    SenderClosedError(SENDER),
    ReceiverError("no", RECEIVER),
    ReceiverStoppedError(RECEIVER),
    ReceiverStoppedError(RECEIVER.map(str)),
    ReceiverClosedError(RECEIVER),
    SenderError[int]("no", SENDER),
    RefusedError(),
    UnreachableError(),
    MadeError(why="a reason"),
    BareError(RECEIVER),
]
NAMES = {"channel", "receiver", "sender", "source"}
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
every_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


def pickled(thing: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> Any:
    """Return the object that arrives in another process."""
    return pickle.loads(pickle.dumps(thing, protocol))  # noqa: S301  written here


def rest(error: Error) -> dict[str, Any]:
    """Return the attributes of an error that do not name where the error happened."""
    return {name: value for name, value in vars(error).items() if name not in NAMES}


@every_error
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
def test_a_copy_names_the_same_endpoint(error: Error, how: Any) -> None:
    """A copy is of the same kind, says the same, and carries the very same channel or endpoint."""
    error.add_note("a note")
    copied = how(error)
    assert copied is not error
    assert type(copied) is type(error)
    assert copied.args == error.args
    assert vars(copied) == vars(error)


@every_error
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_pickling_keeps_class_text_and_notes(error: Error, protocol: int) -> None:
    """An error that was pickled is of the same kind and says the same, with any protocol."""
    error.add_note("a note")
    loaded = pickled(error, protocol)
    assert type(loaded) is type(error)
    assert str(loaded) == str(error)
    assert rest(loaded) == rest(error)


@every_error
def test_pickling_keeps_the_text_of_what_the_error_names(error: Error) -> None:
    """A channel or an endpoint cannot be pickled, so the pickled attribute is a text."""
    loaded = pickled(error)
    for name in NAMES & vars(error).keys():
        assert getattr(loaded, name) == str(getattr(error, name))


def test_pickling_twice() -> None:
    """An error that came out of a process can go on to the next process."""
    loaded = pickled(pickled(ERRORS[3]))
    assert (str(loaded), loaded.sender) == ("no", "Anycast:numbers:_Sender")


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickled])
def test_the_cause_is_kept(how: Any) -> None:
    """The cause tells a closed channel from a closed endpoint, also in a copy."""
    channel = Anycast[int](name="jobs")
    channel.close()
    with pytest.raises(SenderError) as caught:
        channel.new_sender().send_nowait(1)
    cause = how(caught.value).__cause__
    assert type(cause) is ChannelClosedError
    assert str(cause) == "Anycast:jobs is closed"


def test_pickling_drops_a_foreign_cause() -> None:
    """The cause may be an error that cannot be pickled; the error is pickled even so."""
    error = SenderError("no", SENDER)
    error.__cause__ = OSError(lambda: None)
    loaded = pickled(error)
    assert (str(loaded), loaded.__cause__) == ("no", None)
    assert copy.copy(error).__cause__ is error.__cause__


def test_a_copy_of_an_error_without_a_cause() -> None:
    """The original and the copy hide the context only if the original hides the context."""
    error = SenderError("no", SENDER)
    assert not copy.copy(error).__suppress_context__
    error.__suppress_context__ = True
    assert copy.copy(error).__suppress_context__


def test_errors_in_a_group() -> None:
    """A group that a task group raised is pickled together with its errors."""
    loaded = pickled(ExceptionGroup("several", [ERRORS[4], ExceptionGroup("more", [ERRORS[6]])]))
    errors = loaded.exceptions[0], loaded.exceptions[1].exceptions[0]
    assert [type(error) for error in errors] == [SenderClosedError, ReceiverStoppedError]


def test_a_deep_copy_copies_the_rest() -> None:
    """An attribute that a program adds to an error is copied, and the error is copied once."""
    error: Any = SenderError("no", SENDER)
    error.jobs, error.myself = [[1]], error
    copied = copy.deepcopy(error)
    assert copied.jobs == [[1]]
    assert copied.jobs[0] is not error.jobs[0]
    assert copied.myself is copied
    assert copied.sender is SENDER


def test_a_channel_that_a_program_adds_to_an_error() -> None:
    """A channel that a program adds to an error becomes a text, too."""
    error: Any = Error("no")
    error.where = CHANNEL
    assert pickled(error).where == "Anycast:numbers"
    assert copy.deepcopy(error).where is CHANNEL


def test_a_stand_in_for_a_sender() -> None:
    """A sender that a test has faked becomes a text as well, and a copy shares the fake."""
    fake: Any = (lambda: None,)  # cannot be pickled
    error = SenderError("no", fake)
    assert pickled(error).sender == str(fake)
    assert copy.deepcopy(error).sender is fake


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Start a process that shares no state with this process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        yield pool


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    ("how", "kind", "text"),
    [
        ("send", SenderError, "Anycast:jobs:_Sender cannot send: its channel is closed"),
        (
            "receive",
            ReceiverStoppedError,
            "Anycast:jobs:_Receiver has stopped: no more messages will come",
        ),
        ("closed endpoints", SenderClosedError, "Anycast:jobs:_Sender is closed"),
    ],
)
def test_an_error_leaves_a_process_pool(
    pool: ProcessPoolExecutor, backend: str, how: str, kind: type[Error], text: str
) -> None:
    """The caller gets the very kind of error that was raised in the process."""
    error = pool.submit(fail, backend, how).exception()
    assert type(error) is kind
    assert str(error) == text


@every_error
def test_an_error_goes_through_a_process_pool(pool: ProcessPoolExecutor, error: Error) -> None:
    """An error can be an argument and a result of a function in the pool."""
    returned = pool.submit(identity, error).result()
    assert type(returned) is type(error)
    assert str(returned) == str(error)
