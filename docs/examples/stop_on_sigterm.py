"""A worker that stops on SIGTERM: it finishes what it has in hand, and gives back the rest."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

import anyio

from anycast import ReceiverError, ReceiverStoppedError
from anycast.redis import RedisAnycast, json_codec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anycast.redis import RedisReceiver

logger = logging.getLogger(__name__)

URL = "redis://localhost"
TASKS = 2
GRACE = 20.0  # seconds; less than the time after which SIGKILL comes


def new_channel() -> RedisAnycast[int]:
    """Return the channel with the orders."""
    return RedisAnycast[int](name="orders", url=URL, codec=json_codec(int))


async def handle(order: int) -> None:
    """Work on an order."""
    if order == 1:
        signal.raise_signal(signal.SIGTERM)  # so the example ends by itself
    await anyio.sleep(0.1 + order / 10)
    print("done:", order)


async def work(receiver: RedisReceiver[int]) -> None:
    """Work on orders until the receiver is closed, or the channel is closed and empty."""
    while True:
        try:
            async with receiver.lease() as order:
                await handle(order)
        except ReceiverStoppedError:
            return  # the receiver is closed, or the channel is closed and empty
        except ReceiverError:
            raise  # the channel has failed: a loop that goes on would fail again and again
        except Exception:
            logger.exception("the work failed")  # the order comes again later


async def stop_on_signal(
    receivers: Sequence[RedisReceiver[int]], workers: anyio.CancelScope
) -> None:
    """On a signal, take no more orders, and let the workers go on for `GRACE` seconds at most."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            print("stopping:", signal.Signals(number).name)
            for receiver in receivers:
                receiver.close()
            workers.deadline = anyio.current_time() + GRACE


async def run_worker() -> None:
    """Work until a signal comes, or until the channel is closed and empty."""
    async with new_channel() as orders, anyio.create_task_group() as tasks:
        receivers = [orders.new_receiver() for _ in range(TASKS)]
        async with anyio.create_task_group() as workers:
            tasks.start_soon(stop_on_signal, receivers, workers.cancel_scope)
            for receiver in receivers:
                workers.start_soon(work, receiver)
        tasks.cancel_scope.cancel()  # nobody needs the signals any more


async def main() -> None:
    """Show that nothing is lost, and that the next worker need not wait."""
    async with new_channel() as orders:
        await orders.new_sender().send_many(range(8))
    await run_worker()
    async with new_channel() as orders:
        receiver = orders.new_receiver()
        rest = [await receiver.receive() for _ in range(6)]
        print("given back:", rest, "in delivery", receiver.deliveries)


if __name__ == "__main__":
    anyio.run(main)
