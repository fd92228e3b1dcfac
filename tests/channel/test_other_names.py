"""Names that other libraries have for the same things: the error tells the name here."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest

from anycast import Anycast, Broadcast, Channel, Receiver, Sender, merge, open_channel
from anycast._interface.other_names import KEYWORDS, explained
from helpers import raises

KINDS: list[Any] = [Anycast, Broadcast]
open_pair: Any = open_channel[int]
MAKERS: dict[str, Any] = {
    "Anycast": Anycast,
    "Broadcast": Broadcast,
    "Broadcast.new_receiver": Broadcast[int]().new_receiver,
    "open_channel": partial(open_pair, 1),
}
LIMITS = sorted(name for name, ours in KEYWORDS.items() if ours == "limit")
ARGUMENTS = {
    "Anycast": "`name`, `limit`, `yield_every`, `auto_close`",
    "Broadcast": (
        "`name`, `limit`, `overflow`, `raise_on_lag`, `replay`, `yield_every`, `auto_close`"
    ),
    "Broadcast.new_receiver": "`limit`, `overflow`, `raise_on_lag`, `replay`",
    "open_channel": "`limit`, `name`, `yield_every`",
}
BY_NAME = {**ARGUMENTS, "open_channel": "`name`, `yield_every`"}
SECRET = "redis://:password@localhost"  # noqa: S105  no value may be shown


@pytest.mark.parametrize("keyword", LIMITS)
@pytest.mark.parametrize("made", MAKERS)
def test_a_keyword_of_another_library(made: str, keyword: str) -> None:
    """The error names our keyword."""
    with raises(TypeError, f"`{made}` has no argument `{keyword}`: use `limit`"):
        MAKERS[made](**{keyword: 1})


@pytest.mark.parametrize("made", MAKERS)
def test_a_limit_of_another_library_that_is_none(made: str) -> None:
    """The error says what 0 means in a queue, but 0 is a rendezvous in anyio, as it is here."""
    expected = f"`{made}` has no argument `maxsize`: use `limit`, and `math.inf` for no limit"
    with raises(TypeError, expected):
        MAKERS[made](maxsize=0)
    with raises(TypeError, f"`{made}` has no argument `max_buffer_size`: use `limit`"):
        MAKERS[made](max_buffer_size=0)


@pytest.mark.parametrize(
    ("keyword", "ours"), [("resend_latest", "replay"), ("on_buffer_overflow", "overflow")]
)
@pytest.mark.parametrize("made", ["Broadcast", "Broadcast.new_receiver"])
def test_a_keyword_of_another_broadcast(made: str, keyword: str, ours: str) -> None:
    """The error names our keyword."""
    with raises(TypeError, f"`{made}` has no argument `{keyword}`: use `{ours}`"):
        MAKERS[made](**{keyword: True})


@pytest.mark.parametrize("keyword", ["colour", "resend_latest_"])
@pytest.mark.parametrize("made", MAKERS)
def test_a_keyword_of_nobody(made: str, keyword: str) -> None:
    """The error names all our keywords, and not the value."""
    expected = f"`{made}` has no argument `{keyword}`: the arguments are {ARGUMENTS[made]}"
    with raises(TypeError, expected):
        MAKERS[made](**{keyword: SECRET})


@pytest.mark.parametrize("keyword", ["resend_latest", "ssl"])
def test_a_keyword_that_does_not_exist_for_this_kind(keyword: str) -> None:
    """A keyword that only another kind of channel has is not named."""
    expected = f"`Anycast` has no argument `{keyword}`: the arguments are "
    with raises(TypeError, expected + ARGUMENTS["Anycast"]):
        KINDS[0](**{keyword: True})


def test_tls_for_a_channel_with_a_url() -> None:
    """The error names the scheme for TLS, unless the call turns TLS off."""

    @explained
    def connect(*, url: str) -> str:
        return url

    call: Any = connect
    name = connect.__qualname__
    with raises(TypeError, f"`{name}` has no argument `ssl`: use `url` with `rediss://`"):
        call(ssl=True)
    with raises(TypeError, f"`{name}` has no argument `ssl`: use `url`"):
        call(ssl=False)
    assert connect(url="redis://localhost") == "redis://localhost"


@pytest.mark.parametrize("made", MAKERS)
def test_an_argument_without_a_name(made: str) -> None:
    """The error names the keywords, and not the value."""
    expected = f"`{made}` takes no str without a keyword: the keywords are {BY_NAME[made]}"
    with raises(TypeError, expected):
        MAKERS[made](SECRET)


@pytest.mark.parametrize("made", ["Anycast", "Broadcast", "Broadcast.new_receiver"])
def test_a_limit_without_a_name(made: str) -> None:
    """The error says what to write."""
    with raises(TypeError, f"`{made}` takes no int without a keyword: write `limit=5`"):
        MAKERS[made](5)


@pytest.mark.parametrize("made", ["Anycast", "Broadcast", "open_channel"])
def test_the_type_of_the_messages_as_an_argument(made: str) -> None:
    """The error says where the type belongs, and says nothing else."""
    make: Any = open_channel if made == "open_channel" else MAKERS[made]
    text = f"`{made}` takes the type of the messages in brackets: use `{made}[...]`"
    for kind in (int, list[int], int | None):
        for more in ((), (3,)):
            with raises(TypeError, text) as at:
                make(kind, *more)
            assert at.value.__suppress_context__


def test_the_type_of_the_messages_for_a_receiver() -> None:
    """A method takes no type at all."""
    expected = "`Broadcast.new_receiver` takes no type without a keyword: the keywords are "
    with raises(TypeError, expected + BY_NAME["Broadcast.new_receiver"]):
        MAKERS["Broadcast.new_receiver"](int)


def test_a_missing_argument() -> None:
    """Python's own error names the missing argument."""
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'limit'"):
        open_pair()


def test_a_wrong_value_keeps_its_own_error() -> None:
    """A right keyword with a wrong value is told as such."""
    with raises(TypeError, "`limit` must be an int or math.inf, not '1'"):
        KINDS[0](limit="1")


def test_a_subclass_has_arguments_of_its_own() -> None:
    """The error of a subclass with further arguments is about the arguments of the channel."""

    class Jobs(Anycast[int]):
        """A channel with a priority."""

        def __init__(self, *, priority: int, **options: Any) -> None:
            super().__init__(**options)
            self.priority = priority

    assert Jobs(priority=3, limit=5).limit == 5
    with raises(TypeError, "`Anycast` has no argument `maxsize`: use `limit`"):
        Jobs(priority=3, maxsize=5)


SEND, RECEIVE = "new_sender().send(message)", "new_receiver().receive()"
CHANNEL_NAMES = {
    "put": SEND,
    "send": SEND,
    "publish": SEND,
    "get": RECEIVE,
    "receive": RECEIVE,
    "put_nowait": "new_sender().send_nowait(message)",
    "get_nowait": "new_receiver().receive_nowait()",
    "send_many": "new_sender().send_many(messages)",
    "receive_many": "new_receiver().receive_many(max_messages)",
    "clone": "new_sender()` or `new_receiver()",
    "subscribe": "new_receiver()",
    "qsize": "statistics().current_buffer_used",
    "maxsize": "limit",
    "task_done": "new_receiver().lease()",
    "shutdown": "close()",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "ours"), CHANNEL_NAMES.items())
def test_an_attribute_of_another_queue(kind: Any, name: str, ours: str) -> None:
    """The error of a channel names what to use."""
    with raises(AttributeError, f"`{kind.__name__}` has no `{name}`: use `{ours}`"):
        getattr(kind(), name)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("put", "send(message)"),
        ("put_nowait", "send_nowait(message)"),
        ("receive", "channel.new_receiver().receive()"),
        ("join", "channel.join()"),
        ("qsize", "statistics().current_buffer_used"),
    ],
)
def test_an_attribute_of_another_sender(name: str, ours: str) -> None:
    """The error of a sender names what to use."""
    with raises(AttributeError, f"`_Sender` has no `{name}`: use `{ours}`"):
        getattr(Broadcast[int]().new_sender(), name)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("get", "receive()"),
        ("get_nowait", "receive_nowait()"),
        ("send", "channel.new_sender().send(message)"),
        ("task_done", "lease()"),
        ("ack", "lease()"),
        ("shutdown", "channel.close()"),
        ("join", "channel.join()"),
        ("empty", "statistics().current_buffer_used"),
    ],
)
def test_an_attribute_of_another_receiver(name: str, ours: str) -> None:
    """The error of a receiver, also of a derived receiver, names what to use."""
    receiver = Anycast[int]().new_receiver()
    for one, kind in ((receiver, "_Receiver"), (merge(receiver), "MergedReceiver")):
        with raises(AttributeError, f"`{kind}` has no `{name}`: use `{ours}`"):
            getattr(one, name)


@pytest.mark.parametrize("name", ["put", "colour"])
def test_an_attribute_that_is_not_there(name: str) -> None:
    """Code that asks for the attribute first is told that there is none."""
    for one in (Anycast[int](), Anycast[int]().new_sender(), Anycast[int]().new_receiver()):
        assert not hasattr(one, name)


@pytest.mark.parametrize("kind", [Channel, Sender, Receiver])
def test_a_class_explains_its_names(kind: Any) -> None:
    """`help` shows, at the name of another library, what to use."""
    assert repr(kind.put).startswith("<a name of other libraries: use `")
    assert kind.put.__doc__ == f"A name of other libraries: {kind.put.hint}."


def test_completion_shows_no_other_names() -> None:
    """`dir` has the names of this library alone."""
    channel = Anycast[int]()
    assert {"limit", "new_sender"} <= {*dir(channel)}
    lease = channel.new_receiver().lease()
    assert "deliveries" in dir(lease)
    for one in (channel, channel.new_sender(), channel.new_receiver(), lease):
        assert not {"put", "get", "publish", "task_done"} & {*dir(one)}


def test_a_subclass_may_use_the_name() -> None:
    """A name of another library is free for a subclass, and for an attribute."""

    class Jobs(Anycast[int]):
        """A channel that knows its messages."""

        def put(self, message: int) -> None:
            """Send a message."""
            self.new_sender().send_nowait(message)

    jobs = Jobs()
    jobs.put(1)
    assert jobs.statistics().current_buffer_used == 1
    other: Any = Anycast[int]()
    other.subscribe = 5
    assert other.subscribe == 5


@pytest.mark.parametrize("ends", [(Sender, Receiver), (Receiver, Sender)])
def test_both_ends_in_one(ends: tuple[Any, Any]) -> None:
    """A class that is a sender and a receiver has the methods of both."""
    both: Any = type("Both", ends, {})
    assert both.send is ends[ends.index(Sender)].send
    assert both.receive is ends[ends.index(Receiver)].receive


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.anyio
async def test_a_loop_over_the_channel(kind: Any) -> None:
    """A receiver is what a loop goes over."""
    text = "cannot be iterated over: use `async for message in channel.new_receiver()`"
    with raises(TypeError, f"{kind.__name__}:jobs {text}"):
        async for _ in kind(name="jobs"):
            pass


@pytest.mark.anyio
async def test_a_loop_over_a_sender() -> None:
    """A receiver is what a loop goes over."""
    sender: Any = Anycast[int](name="jobs").new_sender()
    text = "cannot be iterated over: use `async for message in channel.new_receiver()`"
    with raises(TypeError, f"Anycast:jobs:_Sender {text}"):
        async for _ in sender:
            pass


def test_a_plain_loop_over_a_receiver() -> None:
    """A loop over a receiver, also over a derived receiver, needs ``async``."""
    receiver: Any = Anycast[int](name="jobs").new_receiver()
    for one in (receiver, receiver.map(str)):
        with raises(TypeError, f"{one} needs `async for`, not a plain `for`"):
            for _ in one:
                pass
        assert not isinstance(one, Iterable)


@pytest.mark.parametrize("kind", KINDS)
def test_a_channel_that_is_unpacked(kind: Any) -> None:
    """The error names what to use, as for a loop without ``async``; no channel is an iterable."""
    channel = kind(name="jobs")
    text = (
        f"{kind.__name__}:jobs cannot be iterated over or unpacked: use `async for message in"
        " channel.new_receiver()` to receive, and `open_channel` for a pair of two ends"
    )
    with raises(TypeError, text):
        _sender, _receiver = channel
    with raises(TypeError, text):
        for _ in channel:
            pass
    assert not isinstance(channel, Iterable)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("open_send_channels", "open_senders"),
        ("open_receive_channels", "open_receivers"),
        ("open_send_streams", "open_senders"),
        ("open_receive_streams", "open_receivers"),
    ],
)
def test_a_field_of_other_statistics(kind: Any, name: str, ours: str) -> None:
    """The error names our field, and `dir` has our field alone."""
    now = kind().statistics()
    with raises(AttributeError, f"`{type(now).__name__}` has no `{name}`: use `{ours}`"):
        getattr(now, name)
    assert ours in dir(now)
    assert name not in dir(now)


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_with(kind: Any) -> None:
    """A channel needs ``async with``, and is not closed by the attempt."""
    channel = kind(name="jobs")
    with (
        raises(TypeError, f"use `async with` for {kind.__name__}:jobs, not a plain `with`"),
        channel,
    ):
        pass
    assert not channel.is_closed
    assert not isinstance(channel, AbstractContextManager)


def test_an_awaited_lease() -> None:
    """A lease needs ``async with``, and no ``await`` of its own."""

    async def wait(lease: Any) -> None:
        await lease

    lease = Anycast[int](name="jobs").new_receiver().lease()
    text = "use `async with` for Lease of Anycast:jobs:_Receiver, not `await`"
    with raises(TypeError, text):
        wait(lease).send(None)


@pytest.mark.anyio
async def test_a_loop_over_a_lease() -> None:
    """A lease holds one message."""
    lease: Any = Anycast[int](name="jobs").new_receiver().lease()
    text = "use `async with` for Lease of Anycast:jobs:_Receiver, not `async for`"
    with raises(TypeError, text):
        async for _ in lease:
            pass


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ack", "the message is done when the block ends normally"),
        ("task_done", "the message is done when the block ends normally"),
        ("nack", "let an exception leave the block"),
        ("reject", "let an exception leave the block"),
    ],
)
def test_an_acknowledgement_of_another_library(name: str, hint: str) -> None:
    """The error of a lease tells what ends the lease."""
    lease = Anycast[int]().new_receiver().map(str).lease()
    with raises(AttributeError, f"`SelectedLease` has no `{name}`: {hint}"):
        getattr(lease, name)


def test_an_awaited_operation() -> None:
    """An operation is for `select`."""

    async def wait(operation: Any) -> None:
        await operation

    jobs = Anycast[int](name="jobs")
    receiver = jobs.new_receiver()
    for one in (receiver.receiving(), receiver.map(str).receiving(), jobs.new_sender().sending(1)):
        with raises(TypeError, f"use `await select(operation)` for {one}, not `await`"):
            wait(one).send(None)


def test_a_function_that_returns_what_only_explains_await() -> None:
    """A lease and an operation are plain results of the function of a `map`."""
    workers = Anycast[Receiver[int]]()
    worker = Anycast[int]().new_receiver()
    for _ in range(2):
        workers.new_sender().send_nowait(worker)
    lease: Any = workers.new_receiver().map(lambda ready: ready.lease()).receive_nowait()
    assert str(lease) == f"Lease of {worker}"
    waits: Any = workers.new_receiver().map(lambda ready: ready.receiving()).receive_nowait()
    assert str(waits) == f"ReceiveOperation of {worker}"


def test_a_plain_with_for_a_lease() -> None:
    """A lease needs ``async with``."""
    lease: Any = Anycast[int](name="jobs").new_receiver().lease()
    text = "use `async with` for Lease of Anycast:jobs:_Receiver, not a plain `with`"
    with raises(TypeError, text), lease:
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_the_length_of_a_channel(kind: Any) -> None:
    """The statistics tell how many messages are stored; an empty channel is true all the same."""
    channel = kind(name="jobs")
    text = f"{kind.__name__}:jobs has no length: use `statistics().current_buffer_used`"
    with raises(TypeError, text):
        len(channel)
    assert bool(channel) is True
