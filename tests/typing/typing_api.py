"""The types that type checkers find in the public API: checked by both, and never run.

Each ``assert_type`` holds for both checkers, and each ``type: ignore`` must be needed, since unused
comments are errors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any, assert_type

from anyio.streams.stapled import StapledObjectStream

from anycast import (
    Anycast,
    Broadcast,
    BroadcastStatistics,
    Channel,
    ChannelClosedError,
    ChannelStatistics,
    Lease,
    Operation,
    Receiver,
    ReceiverLaggedError,
    ReceiverStoppedError,
    Sender,
    SenderClosedError,
    SenderError,
    open_channel,
)

if TYPE_CHECKING:
    from collections import deque

    from anyio.abc import ObjectReceiveStream, ObjectSendStream, ObjectStream


def a_channel_makes_endpoints_of_its_type() -> None:
    """Pass the type of the messages from the channel to its endpoints and their clones."""
    channel = Anycast[int](name="numbers", limit=1, yield_every=1, auto_close=True)
    assert_type(channel, Anycast[int])
    assert_type(channel.new_sender(), Sender[int])
    assert_type(channel.new_receiver(), Receiver[int])
    assert_type(channel.new_sender().clone(), Sender[int])
    assert_type(channel.new_receiver().clone(), Receiver[int])
    assert_type(channel.name, str)
    assert_type(channel.limit, float)
    assert_type(channel.is_closed, bool)
    assert_type(channel.close(), Awaitable[None])
    assert_type(channel.statistics(), ChannelStatistics)
    assert_type(channel.new_sender().statistics(), ChannelStatistics)
    assert_type(channel.new_receiver().statistics(), ChannelStatistics)


def a_broadcast_channel_makes_endpoints_of_its_type() -> None:
    """Pass the type of the messages on, and know the options."""
    channel = Broadcast[int](limit=1, overflow="drop_oldest", raise_on_lag=False, replay=1)
    assert_type(channel.new_sender(), Sender[int])
    receiver = channel.new_receiver(limit=2, overflow="block", raise_on_lag=True, replay=0)
    assert_type(receiver, Receiver[int])
    assert_type(receiver.clone(), Receiver[int])
    assert_type(receiver.lost, int)
    assert_type(channel.statistics(), BroadcastStatistics)
    assert_type(channel.statistics().slowest_receiver, str | None)
    assert_type(channel.close(), Awaitable[None])
    whichever: Channel[int] = channel
    assert_type(whichever.new_receiver(), Receiver[int])
    Broadcast[int](overflow="drop")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def an_error_for_a_lag_tells_how_much(error: ReceiverLaggedError[int]) -> None:
    """Give the number, and the receiver."""
    assert_type(error.lost, int)
    assert_type(error.receiver, Receiver[int])


def ends_of_a_new_channel() -> None:
    """Give the two ends the type that the call names, or that they are assigned to."""
    sender, receiver = open_channel[int](10, name="numbers", yield_every=1)
    assert_type(sender, Sender[int])
    assert_type(receiver, Receiver[int])
    ends: tuple[Sender[str], Receiver[str]] = open_channel(limit=float("inf"))
    assert_type(ends[1].receive_nowait(), str)
    open_channel[int]()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    open_channel[int]("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def an_annotation_gives_the_type() -> None:
    """Take the type of a channel from the annotation of its variable."""
    channel: Channel[str] = Anycast()
    assert_type(channel.new_receiver(), Receiver[str])


def limits() -> None:
    """Infinity is a limit; names are optional."""
    Anycast[int](limit=float("inf"), name=None)
    Anycast[int](limit="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Anycast[int]("numbers")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def operations(sender: Sender[int], receiver: Receiver[int], messages: deque[int]) -> None:
    """Each operation has the type of the channel's messages."""
    await sender.send(1)
    sender.send_nowait(1)
    await sender.send_many([1])
    await sender.send_many(messages)
    await sender.send_many(number for number in (1, 2))
    assert_type(await receiver.receive(), int)
    assert_type(receiver.receive_nowait(), int)
    assert_type(await receiver.receive_many(2), list[int])
    async for message in receiver:
        assert_type(message, int)
    async with receiver.lease() as leased:
        assert_type(leased, int)
    assert_type(receiver.lease(), Lease[int])


async def wrong_messages(sender: Sender[int]) -> None:
    """Reject a message of another type, in every form of sending."""
    await sender.send("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    sender.send_nowait("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await sender.send_many(["1"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def receivers_are_covariant(bools: Receiver[bool]) -> None:
    """Take a receiver of bools as a receiver of ints, but not the other way round."""
    ints: Receiver[int] = bools
    wrong: Receiver[bool] = ints.clone()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    del wrong


def senders_are_contravariant(objects: Sender[object]) -> None:
    """Take a sender of any object as a sender of ints, but not the other way round."""
    ints: Sender[int] = objects
    wrong: Sender[object] = ints.clone()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    del wrong


def channels_are_invariant(channel: Channel[bool]) -> None:
    """Refuse a channel of bools as a channel of ints: an int could be sent."""
    wrong: Channel[int] = channel  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    del wrong


def endpoints_are_streams_of_anyio(sender: Sender[int], receiver: Receiver[int]) -> None:
    """Functions that want anyio's object streams take endpoints."""
    to: ObjectSendStream[int] = sender
    of: ObjectReceiveStream[int] = receiver
    both: ObjectStream[int] = StapledObjectStream(to, of)
    del both


async def context_managers(channel: Anycast[int]) -> None:
    """``with`` and ``async with`` give the very type that they were given."""
    async with channel as entered, channel.new_sender() as sender:
        assert_type(entered, Anycast[int])
        assert_type(sender, Sender[int])
    with channel.new_receiver() as receiver:
        assert_type(receiver, Receiver[int])
    await channel.close()


async def blocks_do_not_swallow(receiver: Receiver[int]) -> int:
    """Type checkers know that leaving a block lets errors through: no return is missing."""
    async with receiver:
        with receiver:
            return await receiver.receive()


def statistics(now: ChannelStatistics) -> None:
    """Fields are numbers, and read-only."""
    assert_type(now.current_buffer_used, int)
    assert_type(now.max_buffer_size, float)
    assert_type(now.peak_buffer_used, int)
    assert_type(now.open_senders, int)
    assert_type(now.open_receivers, int)
    assert_type(now.tasks_waiting_send, int)
    assert_type(now.tasks_waiting_receive, int)
    assert_type(now.messages_sent, int)
    assert_type(now.messages_received, int)
    now.messages_sent = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def errors(sender: Sender[int], receiver: Receiver[int], channel: Channel[int]) -> None:
    """Errors have attributes of the right types."""
    assert_type(SenderError("no", sender).sender, Sender[int])
    assert_type(SenderClosedError(sender).sender, Sender[int])
    assert_type(ReceiverStoppedError(receiver).receiver, Receiver[int])
    assert_type(ChannelClosedError(channel).channel, Channel[int])


class Doubler(Sender[int]):
    """A user's own sender implements exactly the abstract methods."""

    def __init__(self, sender: Sender[int]) -> None:
        self._sender = sender

    async def send(self, item: int) -> None:
        """Send twice the number."""
        await self._sender.send(2 * item)

    def send_nowait(self, item: int) -> None:
        """Send twice the number."""
        self._sender.send_nowait(2 * item)

    def sending(self, message: int, /) -> Operation[None]:
        """Return the operation that sends twice the number."""
        return self._sender.sending(2 * message)

    async def send_many(self, messages: Iterable[int]) -> None:
        """Send twice the numbers."""
        await self._sender.send_many(2 * message for message in messages)

    def statistics(self) -> ChannelStatistics:
        """Return the statistics of the channel."""
        return self._sender.statistics()

    def clone(self) -> Doubler:
        """Clone."""
        return Doubler(self._sender.clone())

    def close(self) -> None:
        """Close."""
        self._sender.close()


def own_senders_can_be_made(sender: Sender[int]) -> Any:
    """Make a sender that implements every abstract method."""
    return Doubler(sender)
