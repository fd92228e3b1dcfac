"""What an inbox asks for, keeps and gives back; no server is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio import WouldBlock

from anycast import ReceiverStoppedError
from anycast.redis import _inbox
from anycast.redis._delivery import Delivery
from anycast.redis._inbox import BatchDemand, Inbox
from helpers import begin, settle, task_group

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.anyio


def deliveries(*messages: str) -> list[Delivery[str]]:
    """Return deliveries of messages that were fetched ahead of need."""
    return [Delivery(message.encode(), message, {}, 0) for message in messages]


def messages(batch: Iterable[Delivery[str]]) -> list[str]:
    """Return the messages of deliveries."""
    return [delivery.message for delivery in batch]


class Stock:
    """An inbox with a receiver, and what a task does that receives.

    Args:
        prefetch: of the inbox.
    """

    def __init__(self, prefetch: int) -> None:
        self.inbox: Inbox[str] = Inbox(prefetch)
        self.receiver = self.inbox.new_receiver()

    def take(self) -> str:
        """Take a message without waiting."""
        self.receiver.receive_nowait()
        return self.inbox.take().message

    async def receive(self, count: int = 1) -> str:
        """Wait for a message, and want so many."""
        self.inbox.add_demand(count)
        try:
            await self.receiver.receive()
        except BaseException:
            self.inbox.remove_demand(count)
            raise
        return self.inbox.take_demanded(count).message


async def test_what_is_asked_for_ahead_of_need() -> None:
    """The stock is refilled when half of it is taken, and not while nobody takes from it."""
    stock, inbox = (each := Stock(4)), each.inbox
    inbox.add_demand(1)
    assert inbox.wanted() == (1, 4)
    inbox.put(deliveries("a", "b", "c", "d", "e"))
    stock.receiver.receive_nowait()
    inbox.take_demanded(1)
    await inbox.wakeup.wait()  # set by the demand
    wants: list[tuple[bool, tuple[int, int]]] = []
    for _ in range(3):
        stock.take()
        wants.append((inbox.wakeup._is_set, inbox.wanted()))
        inbox.wakeup._is_set = False
    assert wants == [(False, (0, 0)), (True, (0, 2)), (True, (0, 3))]
    assert inbox.wanted() == (0, 0)
    stock.take()
    stock.receiver.close()
    assert inbox.wanted() == (0, 0)


async def test_a_poll_that_got_its_message() -> None:
    """It wants no other message."""
    stock = Stock(0)
    stock.inbox.linger()
    assert stock.inbox.wanted() == (1, 0)
    stock.inbox.put(deliveries("a"))
    assert stock.take() == "a"
    assert stock.inbox.wanted() == (0, 0)


async def test_the_demand_of_a_poll_lingers(monkeypatch: pytest.MonkeyPatch) -> None:
    """For half a second, the message that came for the poll stays here."""
    now = [100.0]
    monkeypatch.setattr(_inbox, "monotonic", lambda: now[0])
    stock = Stock(0)
    inbox = stock.inbox
    inbox.linger()
    inbox.put(deliveries("a", "b"))
    assert messages(inbox.surplus()) == ["b"]
    now[0] += 0.4
    assert messages(inbox.surplus()) == []
    assert inbox.lingers_for == pytest.approx(0.1)
    now[0] += 0.2
    assert messages(inbox.surplus()) == ["a"]


async def test_a_request_has_a_bound() -> None:
    """However many messages tasks want."""
    stock = Stock(10**6)
    stock.inbox.add_demand(10**6)
    assert stock.inbox.wanted() == (512, 0)


async def test_a_batch_is_asked_for_at_once() -> None:
    """When a task has got its batch, nothing is wanted any more, nor if the task gives up."""
    stock = Stock(0)
    inbox = stock.inbox
    async with task_group() as tasks:
        attempt = await begin(tasks, stock.receive, 5)
        assert inbox.wanted() == (5, 0)
        inbox.put(deliveries("a"))
        await settle()
        assert attempt.result == "a"
        assert (inbox._asking, inbox._more) == (0, 0)
        attempt = await begin(tasks, stock.receive, 5)
        attempt.cancel()
        await settle()
        assert (inbox._asking, inbox._more) == (0, 0)


async def test_the_demand_of_a_batch() -> None:
    """It changes with what the batch lacks."""
    stock = Stock(0)
    demand = BatchDemand(stock.inbox)
    for lacking in (5, 3):
        demand.change(lacking)
        assert stock.inbox.wanted() == (lacking, 0)
    demand.change(0)
    assert (stock.inbox._asking, stock.inbox._more) == (0, 0)


async def test_a_task_in_a_select_is_seen_in_the_queue() -> None:
    """It adds no demand."""
    stock = Stock(0)
    async with task_group() as tasks:
        attempt = await begin(tasks, stock.receiver.receive)
        assert stock.inbox.wanted() == (1, 0)
        attempt.cancel()


async def test_what_goes_back_of_a_stock() -> None:
    """The newest messages go back, beyond those that tasks want and those held ahead of need."""
    stock = Stock(1)
    inbox = stock.inbox
    inbox.put(deliveries("a", "b", "c", "d", "e"))
    inbox.add_demand(2)
    assert messages(inbox.surplus()) == ["e", "d"]
    stock.receiver.close()
    assert messages(inbox.surplus()) == ["c", "b", "a"]


async def test_an_idle_stock_goes_back() -> None:
    """If no message was taken between two beats."""
    stock = Stock(4)
    inbox = stock.inbox
    inbox.put(deliveries("a", "b", "c"))
    stock.take()
    assert messages(inbox.idle()) == []
    assert messages(inbox.idle()) == ["c", "b"]


async def test_a_message_whose_task_has_yet_to_run() -> None:
    """It is not given back before the end, and its task gets it."""
    stock = Stock(0)
    inbox = stock.inbox
    async with task_group() as tasks:
        attempt = await begin(tasks, stock.receive)
        inbox.put(deliveries("a"))
        assert messages(inbox.idle()) == []
        assert messages(inbox.end()) == ["a"]
        await settle()
    assert attempt.result == "a"
    assert inbox.ended


async def test_a_take_that_is_undone() -> None:
    """Its message goes to the next task, before the others, unless the inbox has ended."""
    stock = Stock(4)
    inbox = stock.inbox
    inbox.put(deliveries("a", "b"))
    assert inbox.put_back(*deliveries("first"))
    assert [stock.take() for _ in range(3)] == ["first", "a", "b"]
    with pytest.raises(WouldBlock):
        stock.take()
    inbox.end()
    assert not inbox.put_back(*deliveries("late"))
    with pytest.raises(ReceiverStoppedError):
        stock.take()


async def test_a_dry_inbox() -> None:
    """A batch waits for no more messages while the inbox is dry, and for more later."""
    stock = Stock(0)
    for dry in (True, False, True):
        stock.inbox.set_dry(dry=dry)
        ready: Any = stock.inbox.drying().find_ready()
        assert (ready is not None) is dry
