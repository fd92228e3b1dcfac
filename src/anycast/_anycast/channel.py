"""The in-memory channel."""

from __future__ import annotations

from typing import TypeVar

from anycast._anycast.core import Core
from anycast._anycast.memory_channel import MemoryChannel, name_or_number
from anycast._anycast.receiver import AnycastReceiver
from anycast._anycast.sender import AnycastSender
from anycast._arguments import check_bool, check_int, check_name
from anycast._interface.other_names import explained
from anycast._interface.receiver import Receiver
from anycast._interface.sender import Sender
from anycast._waiting.protection import protected

T = TypeVar("T")


class Anycast(MemoryChannel[T]):
    """A channel in memory: many senders, many receivers, each message received once.

    ```python
    import anyio
    from anycast import Anycast, Receiver


    async def print_all(numbers: Receiver[int]) -> None:
        async for number in numbers:
            print(number)


    async def main() -> None:
        numbers = Anycast[int](name="numbers", limit=2)
        async with anyio.create_task_group() as tasks, numbers:  # closes the channel
            tasks.start_soon(print_all, numbers.new_receiver())
            sender = numbers.new_sender()
            for number in range(5):
                await sender.send(number)


    anyio.run(main)
    ```

    ```output
    0
    1
    2
    3
    4
    ```

    A channel may be made anywhere, also before an event loop runs. A channel may serve several
    event loops in turn, but only tasks of a single event loop may wait in a channel at a time.
    Tasks that were left waiting in an event loop that is over are ignored. A channel is not
    thread-safe. In a thread that `anyio.to_thread.run_sync` has started, use
    ``anyio.from_thread.run(sender.send, message)``.

    Messages leave in the order in which their sends completed. Whoever waits longest, to
    send or to receive, goes first, and a newcomer never overtakes a waiting task.

    Args:
        name: shown by logs and errors. The default is short, and differs for each channel.
        limit: how many messages are stored at most. 0 is a rendezvous: a send completes when a
            receiver takes the message, by a wait, a ``nowait`` form or a `select`. `math.inf`
            never blocks a sender.
        yield_every: the number of operations in a row that may complete at once, or raise. The next
            operation first yields to the event loop, and notices a cancellation. The operations of
            all channels of the thread count. 1 makes every operation a checkpoint, the first
            operation included, which is trio's rule.
        auto_close: whether the channel closes when the last open sender is closed, and when the
            last open receiver is closed. The garbage collector closes nothing: a sender or receiver
            that is collected while open gives a `ResourceWarning`.

    Raises:
        TypeError: if an argument has a wrong type. A bool is a wrong type for a number.
        ValueError: if ``limit`` is negative or ``yield_every`` less than 1.
    """

    @explained
    def __init__(
        self,
        *,
        name: str | None = None,
        limit: float = 10,
        yield_every: int = 64,
        auto_close: bool = False,
    ) -> None:
        check_name(name)
        check_int("limit", limit, least=0, or_inf=True)
        check_int("yield_every", yield_every, least=1)
        check_bool("auto_close", auto_close)
        super().__init__(
            Core(
                type(self),
                name_or_number(name),
                limit=limit,
                yield_every=yield_every,
                auto_close=auto_close,
            )
        )

    @protected
    def new_sender(self) -> Sender[T]:
        return AnycastSender(self, self._core, self._core.senders)

    @protected
    def new_receiver(self) -> Receiver[T]:
        return AnycastReceiver(self, self._core, self._core.receivers)
