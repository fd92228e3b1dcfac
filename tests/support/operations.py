"""Every way to send a message, and every way to receive a message, as awaitables."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from anycast import merge, select

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anycast import Operation, Receiver, Sender

    Send = Callable[[Sender[int]], Coroutine[Any, Any, object]]
    Receive = Callable[[Receiver[int]], Coroutine[Any, Any, object]]
    Operate = Callable[[Sender[int], Receiver[int]], Coroutine[Any, Any, object]]


async def lease(receiver: Receiver[int]) -> int:
    """Receive with a lease."""
    async with receiver.lease() as message:
        return message


async def select_one(operation: Operation[object]) -> object:
    """Perform a single operation by `select`."""
    return (await select(operation)).result()


SENDS: dict[str, Send] = {
    "send": lambda sender: sender.send(1),
    "send_many": lambda sender: sender.send_many([1]),
    "send_many of a deque": lambda sender: sender.send_many(deque([1])),
    "send_many of an iterator": lambda sender: sender.send_many(iter([1])),
    "select a send": lambda sender: select_one(sender.sending(1)),
}


RECEIVES: dict[str, Receive] = {
    "receive": lambda receiver: receiver.receive(),
    "receive_many": lambda receiver: receiver.receive_many(1),
    "receive_many within a time": lambda receiver: receiver.receive_many(1, within=1),
    "anext": lambda receiver: receiver.__anext__(),
    "lease": lease,
    "select a receive": lambda receiver: select_one(receiver.receiving()),
    "merge": lambda receiver: merge(receiver).receive(),
    "merge and receive_many": lambda receiver: merge(receiver).receive_many(1),
    "merge and receive_many within a time": (
        lambda receiver: merge(receiver).receive_many(1, within=1)
    ),
    "merge and anext": lambda receiver: merge(receiver).__anext__(),
    "merge and lease": lambda receiver: lease(merge(receiver)),
    "map": lambda receiver: receiver.map(str).receive(),
    "filter": lambda receiver: receiver.filter(lambda _: True).receive(),
}


def of_sender(send: Send) -> Operate:
    """Leave the receiver alone."""
    return lambda sender, _: send(sender)


def of_receiver(receive: Receive) -> Operate:
    """Leave the sender alone."""
    return lambda _, receiver: receive(receiver)


OPERATIONS: dict[str, Operate] = {
    **{name: of_sender(send) for name, send in SENDS.items()},
    **{name: of_receiver(receive) for name, receive in RECEIVES.items()},
}
