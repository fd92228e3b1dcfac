"""Which messages a script carries, and what becomes of each send; a test plays the pump."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio import fail_after

from anycast.redis._outbox import MAX_BYTES, MAX_MESSAGES, Item, Outbox
from anycast.redis._pending_request import RequestState
from redis_tools import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.anyio

HEADED = [(b"a", b""), (b"b", b"of b"), (b"c", b"of c")]


def put(outbox: Outbox, *bodies: bytes, headers: bytes = b"", sender: Any = None) -> Item:
    """Queue messages as a task does."""
    return outbox.put(sender, bodies, headers)


def failing(text: str) -> Any:
    """Return a factory of errors."""

    def make(_: object) -> Exception:
        return ValueError(text)

    return make


def states(items: Sequence[Item]) -> list[str]:
    """Return how far each item has come."""
    return [item.state.name for item in items]


async def test_headers_belong_to_their_message() -> None:
    """The script is told the place of each message that has headers."""
    outbox = Outbox()
    items = [put(outbox, body, headers=headers) for body, headers in HEADED]
    batch = outbox.next_batch(outbox.first_items())
    assert (batch.items, batch.headers) == (items, [2, b"of b", 3, b"of c"])


async def test_a_script_has_a_bound() -> None:
    """It carries so many messages and bytes, but a single message may be larger."""
    outbox = Outbox()
    put(outbox, *[b"x"] * (MAX_MESSAGES + 1))
    assert len(outbox.next_batch(outbox.first_items()).bodies) == MAX_MESSAGES
    outbox = Outbox()
    put(outbox, *[b"x" * (MAX_BYTES // 2)] * 3)
    assert len(outbox.next_batch(outbox.first_items()).bodies) == 2
    outbox = Outbox()
    put(outbox, *[b"x" * (MAX_BYTES + 1)] * 2)
    assert len(outbox.next_batch(outbox.first_items()).bodies) == 1


async def test_what_is_stored_in_part() -> None:
    """The rest keeps its place, and the task is told how much is stored."""
    outbox = Outbox()
    first, second = put(outbox, b"a", b"b", b"c"), put(outbox, b"d")
    batch = outbox.next_batch(outbox.first_items())
    outbox.settle_batch(batch.items, 2)
    assert states([first, second]) == ["QUEUED", "QUEUED"]
    with fail_after(DEADLINE):
        assert await first.wait() is False
    assert (first.take_stored_count(), first.take_stored_count()) == (2, 0)
    batch = outbox.next_batch(outbox.first_items())
    assert batch.bodies == [b"c", b"d"]
    outbox.settle_batch(batch.items, 2)
    assert states([first, second]) == ["DONE", "DONE"]
    assert (outbox.stored, len(outbox)) == (4, 0)


async def test_a_send_that_is_withdrawn() -> None:
    """It is never sent, unless it is on its way."""
    outbox = Outbox()
    queued = put(outbox, b"a")
    outbox.withdraw(queued)
    assert outbox.next_batch(outbox.first_items()).bodies == []
    flying = put(outbox, b"b")
    batch = outbox.next_batch(outbox.first_items())
    outbox.withdraw(flying)
    outbox.settle_batch(batch.items, 1)
    assert flying.state is RequestState.DONE


async def test_a_send_whose_task_has_gone() -> None:
    """What found no room is not sent later."""
    outbox = Outbox()
    item = put(outbox, b"a")
    batch = outbox.next_batch(outbox.first_items())
    item.abandoned = True
    outbox.settle_batch(batch.items, 0)
    assert (item.state, len(outbox)) == (RequestState.NOT_DONE, 0)


async def test_closing_while_sends_are_under_way() -> None:
    """What is queued fails at once, what is stored is sent, and what found no room fails."""
    outbox = Outbox()
    stored, roomless = put(outbox, b"a"), put(outbox, b"b")
    batch = outbox.next_batch(outbox.first_items())
    queued = put(outbox, b"c")
    outbox.shut(failing("closed"))
    outbox.shut(failing("left"))
    assert states([stored, roomless, queued]) == ["IN_FLIGHT", "IN_FLIGHT", "NOT_DONE"]
    outbox.settle_batch(batch.items, 1)
    stored.check()
    for item in (roomless, queued):
        with pytest.raises(ValueError, match="closed"):
            item.check()
    with pytest.raises(ValueError, match="closed"):
        put(outbox, b"d")


async def test_closing_a_sender() -> None:
    """Its sends fail as with a closed channel, and those of other senders go on."""
    outbox = Outbox()
    mine: Any = "mine"
    stored, roomless = (put(outbox, b"a", sender=mine) for _ in range(2))
    batch = outbox.next_batch(outbox.first_items())
    queued, other = put(outbox, b"c", sender=mine), put(outbox, b"d")
    outbox.fail_sends_of(mine, failing("sender"))
    assert states([stored, queued, other]) == ["IN_FLIGHT", "NOT_DONE", "QUEUED"]
    outbox.settle_batch(batch.items, 1)
    stored.check()
    with pytest.raises(ValueError, match="sender"):
        roomless.check()
    assert outbox.next_batch(outbox.first_items()).bodies == [b"d"]


async def test_a_pump_that_has_ended() -> None:
    """Every send fails, whether it is queued or on its way."""
    outbox = Outbox()
    flying = put(outbox, b"a")
    outbox.next_batch(outbox.first_items())
    queued = put(outbox, b"b")
    outbox.abort(failing("gone"))
    for item in (flying, queued):
        with pytest.raises(ValueError, match="gone"):
            item.check()
