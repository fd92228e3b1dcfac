"""Operations are told before a task waits, and after a call in vain that does not wait.

A channel in memory ignores both calls. A channel on a server then asks the server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from anyio import WouldBlock

from anycast import Anycast, Receiver, merge, select, select_nowait
from anycast._anycast.operations import ReceiveOperation
from helpers import begin, task_group

pytestmark = pytest.mark.anyio


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record which methods are called on the receive operations of channels in memory."""
    told: list[str] = []

    def prepare(_: object) -> None:
        told.append("before_wait")

    def poll(_: object) -> None:
        told.append("note_nothing_ready")

    monkeypatch.setattr(ReceiveOperation, "before_wait", prepare, raising=False)
    monkeypatch.setattr(ReceiveOperation, "note_nothing_ready", poll, raising=False)
    return told


def same(receiver: Receiver[Any]) -> Receiver[Any]:
    """Return the receiver itself."""
    return receiver


def mapped(receiver: Receiver[Any]) -> Receiver[Any]:
    """Return a receiver that maps."""
    return receiver.map(int)


def filtered(receiver: Receiver[Any]) -> Receiver[Any]:
    """Return a receiver that filters."""
    return receiver.filter(bool)


def merged(receiver: Receiver[Any]) -> Receiver[Any]:
    """Return a receiver over two sources."""
    return merge(receiver, receiver.clone())


each_kind = pytest.mark.parametrize(
    ("make", "sources"), [(same, 1), (mapped, 1), (filtered, 1), (merged, 2)]
)
Make = Callable[[Receiver[Any]], Receiver[Any]]


@each_kind
async def test_before_a_wait(told: list[str], make: Make, sources: int) -> None:
    """`before_wait` is called once for each source, when the task begins to wait."""
    channel = Anycast[int]()
    operation = make(channel.new_receiver()).receiving()
    async with task_group() as tasks:
        attempt = await begin(tasks, select, operation)
        assert told == ["before_wait"] * sources
        await channel.new_sender().send(1)
    assert attempt.result is operation
    assert operation.result() == 1
    assert told == ["before_wait"] * sources


@pytest.mark.parametrize("make", [same, mapped, filtered, merged])
async def test_nothing_is_told_where_a_message_is_ready(told: list[str], make: Make) -> None:
    """If a message is ready, the task does not wait, and no method is called."""
    channel = Anycast[int]()
    await channel.new_sender().send_many([1, 2])
    receiver = make(channel.new_receiver())
    assert (await select(receiver.receiving())).result() == 1
    assert select_nowait(receiver.receiving()).result() == 2
    assert not told


@each_kind
async def test_a_call_that_was_in_vain(told: list[str], make: Make, sources: int) -> None:
    """`note_nothing_ready` is called for each source, since the program may repeat the call."""
    receiver = make(Anycast[int]().new_receiver())
    with pytest.raises(WouldBlock):
        select_nowait(receiver.receiving())
    assert told == ["note_nothing_ready"] * sources


async def test_a_derived_receive_that_was_in_vain(told: list[str]) -> None:
    """A `receive_nowait` that finds no message calls `note_nothing_ready`, too."""
    with pytest.raises(WouldBlock):
        Anycast[int]().new_receiver().map(int).receive_nowait()
    assert told == ["note_nothing_ready"]
