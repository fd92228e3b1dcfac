"""What ``repr`` shows of operations, leases and receivers: whose they are, and their state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import Anycast, Broadcast, ReceiverLaggedError, merge, select
from helpers import begin, task_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast import Channel

pytestmark = pytest.mark.anyio
SECRET = "a large secret"  # noqa: S105  a message
KINDS = {"Anycast:jobs:_Receiver": Anycast, "Broadcast:jobs:_Receiver#1": Broadcast}


@pytest.fixture(params=KINDS.items(), ids=lambda item: item[0].partition(":")[0])
def named(request: pytest.FixtureRequest) -> tuple[str, Channel[str]]:
    """Return the name of the first receiver, and a channel, of each kind."""
    receiver, kind = request.param
    return receiver, kind(name="jobs")


async def test_a_send_operation(named: tuple[str, Channel[str]]) -> None:
    """The state is shown, and the message is not."""
    _, channel = named
    shown = f"<SendOperation of {channel}:_Sender: "
    sending = channel.new_sender().sending(SECRET)
    assert repr(sending) == f"{shown}has not happened>"
    await select(sending)
    assert repr(sending) == f"{shown}has happened>"
    channel.close()
    await select(sending)
    assert repr(sending) == f"{shown}has ended>"


async def test_a_receive_operation(named: tuple[str, Channel[str]]) -> None:
    """The state is shown, and the message is not."""
    name, channel = named
    receiving = channel.new_receiver().receiving()
    assert repr(receiving) == f"<ReceiveOperation of {name}: has not happened>"
    await channel.new_sender().send(SECRET)
    await select(receiving)
    assert repr(receiving) == f"<ReceiveOperation of {name}: has happened>"
    channel.close()
    await select(receiving)
    assert repr(receiving) == f"<ReceiveOperation of {name}: has ended>"


async def test_an_operation_that_failed() -> None:
    """The class of the error is shown, and its text is not."""
    channel = Anycast[str](name="jobs")
    await channel.new_sender().send(SECRET)
    receiving = channel.new_receiver().map(int).receiving()
    await select(receiving)
    assert repr(receiving) == (
        "<MapOperation of map(Anycast:jobs:_Receiver): has failed with ValueError>"
    )


async def test_a_lag_is_a_failure() -> None:
    """The operation tells that the receiver has lost messages."""
    channel = Broadcast[int](name="jobs", limit=1, overflow="drop_oldest")
    receiver = channel.new_receiver()
    for number in range(2):
        channel.new_sender().send_nowait(number)
    receiving = receiver.receiving()
    await select(receiving)
    assert repr(receiving).endswith(f"has failed with {ReceiverLaggedError.__name__}>")


async def test_operations_of_combinators() -> None:
    """An operation of a combinator names the sources."""
    one, two = Anycast[int](name="one").new_receiver(), Broadcast[int](name="two").new_receiver()
    assert repr(merge(one, two).receiving()) == (
        "<MergeOperation of merge(Anycast:one:_Receiver, Broadcast:two:_Receiver#1):"
        " has not happened>"
    )
    assert repr(one.filter(bool).receiving()) == (
        "<FilterOperation of filter(Anycast:one:_Receiver): has not happened>"
    )


async def test_a_lease(named: tuple[str, Channel[str]]) -> None:
    """The state and the number of deliveries are shown, and the message is not."""
    name, channel = named
    receiver = channel.new_receiver()
    await channel.new_sender().send(SECRET)
    lease = receiver.lease()
    assert repr(lease) == f"<Lease of {name}: not entered>"
    async with lease:
        assert repr(lease) == f"<Lease of {name}: a message is held, deliveries=1>"
    assert repr(lease) == f"<Lease of {name}: the block has ended, deliveries=1>"


async def test_a_lease_that_waits(named: tuple[str, Channel[str]]) -> None:
    """A task that enters the lease waits for a message."""
    name, channel = named
    lease = channel.new_receiver().lease()
    async with task_group() as tasks:
        await begin(tasks, lease.__aenter__)
        assert repr(lease) == f"<Lease of {name}: no message yet>"
        tasks.cancel_scope.cancel()


async def test_a_receiver_of_a_broadcast() -> None:
    """The number tells the receiver from others; unread and lost messages are counted."""
    channel = Broadcast[int](name="news", limit=1, overflow="drop_oldest")
    one, two = channel.new_receiver(), channel.new_receiver()
    for number in range(3):
        channel.new_sender().send_nowait(number)
    with pytest.raises(ReceiverLaggedError):
        two.receive_nowait()
    assert two.receive_nowait() == 2
    two.close()
    assert repr(one) == f"_Receiver#1({channel!r}, unread=1, lost=2)"
    assert repr(two) == f"_Receiver#2({channel!r}, unread=0, lost=2, closed)"


async def test_what_a_close_returns() -> None:
    """An interactive session shows what `close` returns."""
    assert repr(Anycast[int]().close()) == "<closed>"


@pytest.mark.parametrize("kind", KINDS.values())
async def test_no_repr_fails_while_tasks_wait(kind: Callable[..., Any]) -> None:
    """Each object of a channel in use has a `repr` without the address of the object."""
    channel = kind(limit=1)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, receiver.receive)
        sending, lease = sender.sending(SECRET), receiver.lease()
        for one in (channel, sender, receiver, sending, lease, channel.statistics()):
            assert " at 0x" not in repr(one)
            assert SECRET not in repr(one)
        tasks.cancel_scope.cancel()
    with pytest.raises(anyio.WouldBlock):
        receiver.receive_nowait()
