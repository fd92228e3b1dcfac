"""A batch of messages that is collected for a time.

If the collection fails, all messages of the batch go back to the channel.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias, TypeVar

from anyio import move_on_after

from anycast._combinators.lease import LeasedMessage
from anycast._select.select import perform_ready, select
from anycast._select.selectable import Selectable

T = TypeVar("T")


BatchOperations: TypeAlias = tuple[Selectable[T], Selectable[T]]
"""Two operations: for the first message of a batch, and for each further message."""


async def receive_batch(
    first: Selectable[LeasedMessage[T]],
    further: Selectable[LeasedMessage[T]],
    most: int,
    within: float,
    errors: deque[Exception],
) -> list[T]:
    """Wait for a message, and then for so many seconds for further messages.

    The messages are held until the batch is complete. A task that is cancelled gives all messages
    back.

    Args:
        first: holds the first message.
        further: holds a further message. The batch is complete if this operation has ended.
        most: how many messages to take at most; at least 1.
        within: for how many seconds to wait for further messages.
        errors: gets the error of a function that completes the batch.

    Returns:
        The messages, at least one.
    """
    held: list[LeasedMessage[T]] = []

    def incomplete() -> bool:
        """Keep the outcome of `further`; return whether the batch is to have more messages."""
        if further.error is not None:
            errors.append(further.error)
        if further.ended or further.error is not None:
            further.clear_result()
            return False
        held.append(further.take_result())
        return len(held) < most

    try:
        await select(first)
        held.append(first.take_result())
        more = most > 1
        while more and perform_ready((further,)) is not None:
            more = incomplete()
        if more and within:
            with move_on_after(within):
                while more:
                    await select(further)
                    more = incomplete()
    except BaseException:
        # The first messages go to the tasks that wait. The remaining messages go back to the head
        # of the channel, the last message first, and so keep their order.
        kept = [leased.hold for leased in held if not leased.hold.pass_on()]
        for hold in reversed(kept):
            hold.give_back()
        raise
    for leased in held:
        leased.hold.finish()
    return [leased.message for leased in held]
