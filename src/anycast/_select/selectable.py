"""The interface of an operation, and of a channel, for `select`.

An operation is either a *leaf*, which belongs to an endpoint of a channel, or is derived from
further operations, as the operations of `merge`, `map` and `filter` are. `select` asks each
operation for a ready leaf, and lets the leaf act. If every leaf has to wait, `select` registers all
leaves in their channels, and a peer acts for a leaf. In both cases the leaf then has an outcome,
and the operation makes an outcome from the outcome of the leaf (`complete`).

`Leaf` is all that `select` knows of a channel. A kind of channel implements `Leaf`, or lends out
the leaves of a channel in memory that it contains, as the channel on a server does.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from anycast._interface.operation import Operation
from anycast._waiting.event_loop import LoopBinding
from anycast._waiting.protection import protected
from anycast._waiting.waiter import NOTHING, WaitQueue, Wakeable

T_co = TypeVar("T_co", covariant=True)


class Selectable(Operation[T_co]):
    """An operation with an outcome, and the steps by which `select` performs the operation."""

    __slots__ = ("ended", "error", "traceback", "value")

    def __init__(self) -> None:
        # The outcome of the last time: `value` or `error`, or `ended` if the operation can never
        # happen again. All are empty before the first time.
        self.value: T_co = NOTHING
        self.error: Exception | None = None
        self.traceback: TracebackType | None = None  # of `error`, before `result` raises it
        self.ended = False

    @protected
    def result(self) -> T_co:
        if self.value is not NOTHING:
            return self.value
        if self.ended:
            self.raise_ended()
        if self.error is not None:
            try:
                raise self.error.with_traceback(self.traceback)
            finally:
                del self  # else the traceback would keep the error alive
        raise RuntimeError("the operation has not happened: `select` did not return it")

    def __repr__(self) -> str:
        # Neither the message nor the error: a message may be large, or a secret.
        state = "has not happened"
        if self.value is not NOTHING:
            state = "has happened"
        elif self.ended:
            state = "has ended"
        elif self.error is not None:
            state = f"has failed with {type(self.error).__name__}"
        return f"<{self}: {state}>"

    def set_outcome(self, *, value: Any = NOTHING, error: Exception | None = None) -> bool:
        """Record what the operation gave. Returns True: the operation has happened."""
        self.ended = False
        self.value = value
        self.error = error
        self.traceback = error.__traceback__ if error is not None else None
        return True

    def set_ended(self) -> bool:
        """Record that the channel or the endpoint is closed.

        Returns True: `select` treats a closed operation as ready and returns the operation, and
        `result` raises.
        """
        self.clear_result()
        self.ended = True
        return True

    def take_result(self) -> T_co:
        """Return or raise the result, and drop every reference to the result.

        A stored error would be a cycle: the frames of the traceback refer to their callers, and a
        caller refers to the operation.
        """
        try:
            return self.result()
        finally:
            self.clear_result()

    def clear_result(self) -> None:
        """Drop the references to what the operation gave."""
        self.value, self.error, self.traceback = NOTHING, None, None

    def try_fast(self) -> bool:
        """Fast path: perform the operation if a single check shows that the operation may act now.

        The operation may act if the operation is ready, and if a yield is not due.

        Returns:
            Whether the operation has happened. If not, `select` goes the long way.
        """
        return False

    def before_wait(self) -> None:
        """Prepare for a wait. `select` calls this before `select` registers the leaves."""

    def note_nothing_ready(self) -> None:
        """Prepare for a repeated call, after a call that does not wait has found nothing ready.

        A receiver of a channel on a server asks the server for a message.
        """

    @abstractmethod
    def leaves(self) -> Iterable[Leaf[Any]]:
        """Return the leaves of this operation."""

    @abstractmethod
    def find_ready(self) -> Leaf[Any] | None:
        """Return a ready leaf; None if every leaf has to wait."""

    @abstractmethod
    def complete(self, leaf: Leaf[Any]) -> bool:
        """Make the outcome of this operation from the outcome of a leaf.

        Returns:
            Whether the operation has happened. A filter may have dropped the message.
        """

    @abstractmethod
    def raise_ended(self) -> NoReturn:
        """Raise the error that tells why the operation can never happen again."""
        raise NotImplementedError


class Leaf(Selectable[T_co]):
    """A send or receive through an endpoint of a channel.

    Args:
        binding: the core of the channel. `select` uses only what the core inherits from
            `LoopBinding`.
        queue: where a task waits for this operation.
    """

    __slots__ = ("binding", "queue")

    def __init__(self, binding: LoopBinding, queue: WaitQueue) -> None:
        super().__init__()
        self.binding = binding
        self.queue = queue

    def leaves(self) -> Iterable[Leaf[Any]]:
        return (self,)

    def complete(self, leaf: Leaf[Any]) -> bool:  # noqa: ARG002  the leaf is this operation
        return True

    @abstractmethod
    def must_yield(self) -> bool:
        """Return whether a yield is due before the next operation in this channel."""

    @abstractmethod
    def act(self) -> bool:
        """Send or receive, or record that the endpoint is closed.

        Returns:
            Whether the operation has happened. If not, the operation has to wait.
        """

    @abstractmethod
    def act_nowait(self) -> bool:
        """Do as `act`, without being counted towards ``yield_every``."""

    @abstractmethod
    def register(self, arm: Wakeable, binding: LoopBinding) -> bool:
        """Let a task wait for this operation.

        Args:
            arm: what a peer is to wake. `accept` gets the result if the arm was chosen.
            binding: the event loop of the waiting task.

        Returns:
            Whether `act` would succeed now: code that ran before the arm stood in the queue may
            have made the operation ready.

        Raises:
            RuntimeError: if tasks of another event loop wait in the channel. Nothing has changed
                then.
        """

    @abstractmethod
    def unregister(self, arm: Wakeable) -> None:
        """Take an arm out of the queue. An arm that has left before is ignored."""

    def accept(self, given: Any) -> None:
        """Record what a peer gave."""
        self.value = given

    def undo(self, given: Any) -> None:
        """Give back what a peer gave, because the task was destroyed before the task could run.

        A send has nothing to give back: the send stays done.
        """
