"""The functions of a process pool: a process finds the functions by the name of this module."""

from __future__ import annotations

from typing import Any, Self

import anyio

from anycast import Anycast, Error, Receiver, SenderClosedError


class RefusedError(SenderClosedError[int]):
    """An error of a user, whose constructor takes no argument."""

    def __init__(self) -> None:
        super().__init__(Anycast[int](name="mine").new_sender())


class UnreachableError(RefusedError, ConnectionError):
    """An error of a user that is an `OSError`, too."""


class MadeError(RefusedError):
    """An error of a user with its own `__reduce__`."""

    def __new__(cls, *, why: str) -> Self:
        """Make an error that has no arguments."""
        del why
        return super().__new__(cls)

    def __init__(self, *, why: str) -> None:
        super().__init__()
        self.why = why


class BareError(Error):
    """An error of a user that keeps its argument unchanged."""

    def __init__(self, receiver: Receiver[int]) -> None:
        self.source = receiver


def identity(thing: Any) -> Any:
    """Return the argument to the process that sent it."""
    return thing


def make_channel() -> Anycast[int]:
    """Return a channel, which cannot leave the process."""
    return Anycast[int](name="jobs")


def fail(backend: str, how: str) -> None:
    """Fail in an operation of a channel in which a task has waited."""

    async def main() -> None:
        channel = Anycast[int](name="jobs", limit=1)
        sender, receiver = channel.new_sender(), channel.new_receiver()
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(receiver.receive)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
        if how == "closed endpoints":
            sender.close()
            receiver.close()
        channel.close()
        if how == "receive":
            await receiver.receive()
        await sender.send(1)

    anyio.run(main, backend=backend)
