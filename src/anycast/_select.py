"""Waiting for several operations, of which exactly one happens.

One waiter stands in the lines of all operations at once: an *arm* in each. The first
promise claims the waiter, and in that same step the other arms leave their lines; so no two
promises are ever held. The claim is no more than a promise: the task itself performs the
operation when it runs, or passes the promise on if it is cancelled.

Three things may wake the task:

- a promise: perform that operation;
- a closed end, which makes its operation ready: look again at what is not in line;
- a promise that was taken back before the task ran: the arm heads its line again and stays
  there; the others, which had left, look again, and wait again behind those who came since.

A receiver in line makes room for a message, and so does a receiving arm. If the same
`select` also sends to that channel, its own room must not count for it (`Line.own_room`),
or the two would wake each other for ever.
"""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, TypeVar, overload

from anyio import WouldBlock

from anycast._arguments import check_some
from anycast._operation import Operation
from anycast._waiter import wake

if TYPE_CHECKING:
    from collections.abc import Container, Generator, Iterable

    from anycast._operation import Leaf

_random_bits = Random().getrandbits  # noqa: S311  for fairness; not the program's, which may be seeded

AnyOperation = TypeVar("AnyOperation", bound=Operation[Any])
O1 = TypeVar("O1", bound=Operation[Any])
O2 = TypeVar("O2", bound=Operation[Any])
O3 = TypeVar("O3", bound=Operation[Any])
O4 = TypeVar("O4", bound=Operation[Any])


# A type checker joins the types of a variable number of arguments; these keep them apart.
@overload
async def select(one: O1, two: O2, /, *, in_order: bool = ...) -> O1 | O2: ...
@overload
async def select(one: O1, two: O2, three: O3, /, *, in_order: bool = ...) -> O1 | O2 | O3: ...
@overload
async def select(
    one: O1, two: O2, three: O3, four: O4, /, *, in_order: bool = ...
) -> O1 | O2 | O3 | O4: ...
@overload
async def select(*operations: AnyOperation, in_order: bool = ...) -> AnyOperation: ...
async def select(*operations: Operation[Any], in_order: bool = False) -> Operation[Any]:
    """Wait for several operations, and perform exactly one of them.

    It is exact under cancellation: when this returns, the operation that it returns has
    happened, and no other; when it raises, whatever it raises, none has. (Only what a
    `Receiver.filter` has turned away is gone even so.) An operation whose channel or end
    is closed is ready, and its `Operation.result` raises. An operation never pairs with
    another of the same call.

    ```python
    import anyio
    from anycast import Anycast, select


    async def main() -> None:
        numbers, words = Anycast[int](), Anycast[str](limit=0)
        number = numbers.new_receiver().receiving()
        word = words.new_sender().sending("hello")  # nobody receives it
        await numbers.new_sender().send(1)
        assert await select(number, word) is number
        assert number.result() == 1


    anyio.run(main)
    ```

    Args:
        operations: what may happen; at least one. They may belong to several channels, and
            several may belong to one.
        in_order: whether to perform the first in the order given, if several are ready.
            Otherwise each of them is as likely as the others.

    Returns:
        The operation that happened; its `Operation.result` gives what came of it.

    Raises:
        ValueError: if there is no operation.
        TypeError: if an argument is no operation; one is not looked at if another is ready.
        RuntimeError: if it would have to wait while tasks of another event loop wait in one
            of the channels.
    """
    one = operations[0] if in_order and operations else glance(operations)
    if isinstance(one, Operation) and one._at_once():
        return one
    return await _select(operations, in_order=in_order)


async def _select(operations: tuple[Operation[Any], ...], *, in_order: bool) -> Operation[Any]:
    """Look at every operation, and let them wait if none is ready."""
    check_some("operations", operations, Operation, "`sending` or `receiving`")
    rested = False
    while True:
        found = pick(operations, in_order=in_order)
        if found is None:
            operation = await _Selection(operations, in_order=in_order).wait()
            if operation is not None:
                return operation
            rested = True
            continue
        operation, leaf = found
        core = leaf.core
        if core.acts >= core.yield_at and not rested and not leaf.endpoint.stopped:
            await core.checkpoint()
            rested = True
        else:
            leaf.look()
            if operation._perform(leaf):
                return operation
            rested = False


@overload
def select_nowait(one: O1, two: O2, /, *, in_order: bool = ...) -> O1 | O2: ...
@overload
def select_nowait(one: O1, two: O2, three: O3, /, *, in_order: bool = ...) -> O1 | O2 | O3: ...
@overload
def select_nowait(
    one: O1, two: O2, three: O3, four: O4, /, *, in_order: bool = ...
) -> O1 | O2 | O3 | O4: ...
@overload
def select_nowait(*operations: AnyOperation, in_order: bool = ...) -> AnyOperation: ...
def select_nowait(*operations: Operation[Any], in_order: bool = False) -> Operation[Any]:
    """Perform one of several operations if one is ready; never yield.

    ```python
    import anyio
    from anycast import Anycast, select_nowait

    numbers = Anycast[int]()
    number = numbers.new_receiver().receiving()
    try:
        select_nowait(number)
    except anyio.WouldBlock:
        print("nothing yet")
    numbers.new_sender().send_nowait(1)
    print(select_nowait(number).result())
    ```

    ```output
    nothing yet
    1
    ```

    Args:
        operations: as for `select`.
        in_order: as for `select`.

    Returns:
        The operation that happened.

    Raises:
        anyio.WouldBlock: if none is ready.
        ValueError: if there is no operation.
        TypeError: if an argument is no operation.
    """
    check_some("operations", operations, Operation, "`sending` or `receiving`")
    while (found := pick(operations, in_order=in_order)) is not None:
        operation, leaf = found
        leaf.look()
        leaf.core.yield_at += not leaf._ended  # it does not count
        if operation._perform(leaf):
            return operation
    raise WouldBlock


def pick(
    operations: Iterable[Operation[Any]],
    standing: Container[Leaf[Any]] = (),
    *,
    in_order: bool = False,
) -> tuple[Operation[Any], Leaf[Any]] | None:
    """Return an operation that is ready, with the leaf that makes it so; fair, or in order."""
    ready: list[tuple[Operation[Any], Leaf[Any]]] = []
    for operation in operations:
        leaf = operation._ready(standing)
        if leaf is not None:
            ready.append((operation, leaf))
            if in_order:
                break
    if len(ready) > 1:
        return ready[draw(len(ready))]
    return ready[0] if ready else None


def glance(operations: tuple[Operation[Any], ...]) -> Operation[Any] | None:
    """Return any operation: if it is ready, there is no need to look at the others.

    Where it is not, the choice is among those that are. So each that is ready is as likely.
    """
    return operations[_random_bits(32) % len(operations)] if operations else None


def draw(options: int) -> int:
    """Return the number of one of the options, each as likely as the others."""
    return _random_bits(32) % options


class _Arm:
    """What stands in one line for a `select`: a place, and the waiter to wake there."""

    __slots__ = ("leaf", "operation", "selection")

    def __init__(self, selection: _Selection, operation: Operation[Any], leaf: Leaf[Any]) -> None:
        self.selection = selection
        self.operation = operation
        self.leaf = leaf

    def get_loop(self) -> object:
        return self.selection.waiter.get_loop()

    def done(self) -> bool:
        """Return whether there is nothing to wake; of an arm that was woken before there is."""
        waiter = self.selection.waiter
        return waiter.done() and not wake(waiter)

    def cancelled(self) -> bool:
        return self.selection.waiter.cancelled()

    def set_result(self, _: None) -> None:
        self.selection.woken = True
        if not self.selection.waiter.done():
            self.selection.waiter.set_result(None)
        if self.promised:
            self.selection.claim(self)

    def __await__(self) -> Generator[Any, Any, None]:
        raise NotImplementedError  # the selection waits

    @property
    def in_line(self) -> bool:
        """Whether it waits, or holds a promise."""
        return self in self.leaf.line.waiting or self.promised

    @property
    def promised(self) -> bool:
        """Whether it holds a promise."""
        return self in self.leaf.line.promised

    def own_room(self) -> int:
        """Return how much of the room for its message is made by arms of the same `select`."""
        waiting = self.leaf.core.receivers.waiting
        return sum(arm in waiting for arm in self.selection.arms.values())

    def join(self, loop: object) -> None:
        """Stand in line."""
        leaf = self.leaf
        core, line = leaf.core, leaf.line
        if loop is not core.loop:
            core.adopt(loop)
        if line is core.senders:
            line.own_room[self] = self.own_room
        leaf.endpoint.places[self] = None
        core.join(line, self, self)

    def forget(self) -> Leaf[Any]:
        """Leave nothing behind but the place in line; return where that is."""
        leaf = self.leaf
        leaf.endpoint.places.pop(self, None)
        if leaf.line.own_room:
            leaf.line.own_room.pop(self, None)
        return leaf

    def leave(self) -> None:
        """Leave the line; what it was promised goes to the next."""
        leaf = self.forget()
        leaf.core.leave(leaf.line, self)


class _Selection:
    """One task that waits in several lines at once."""

    __slots__ = ("_core", "arms", "claimed", "in_order", "operations", "waiter", "woken")

    def __init__(self, operations: tuple[Operation[Any], ...], *, in_order: bool) -> None:
        self.operations = operations
        self.in_order = in_order
        self.arms: dict[Leaf[Any], _Arm] = {}
        self.claimed: _Arm | None = None
        self.woken = False
        first = next(leaf for operation in operations for leaf in operation._leaves())
        self._core = first.core
        self.waiter = self._core.new_waiter()

    async def wait(self) -> Operation[Any] | None:
        """Wait until one operation has happened; return None if all are to be looked at anew."""
        try:
            while True:
                self._stand()
                while not self.woken:
                    await self.waiter
                if self.claimed is not None and self.claimed.promised:
                    return self._redeem(self.claimed)
                self.woken = False
                self.waiter = self._core.new_waiter()
                while (found := self._look_again()) is not None:
                    operation, leaf = found
                    ended = leaf.endpoint.stopped
                    leaf.look()
                    if operation._perform(leaf):
                        return operation
                    if not ended:  # a filter turned a message away
                        return None
        finally:
            for arm in self.arms.values():
                arm.leave()
            self.arms.clear()  # each arm knows its selection: a cycle
            self.claimed = None

    def claim(self, arm: _Arm) -> None:
        """Let the first promise have the task: nothing else may be promised to it."""
        self.claimed = arm
        others = [other for other in self.arms.values() if other is not arm]
        self.arms = {arm.leaf: arm}
        for other in others:
            other.leave()

    def _stand(self) -> None:
        """Stand in the line of each leaf that does not stand there yet."""
        arms, loop = self.arms, self.waiter.get_loop()
        for operation in self.operations:
            for leaf in operation._leaves():
                if leaf not in arms:
                    arm = arms[leaf] = _Arm(self, operation, leaf)
                    arm.join(loop)

    def _redeem(self, arm: _Arm) -> Operation[Any] | None:
        self.arms.clear()
        leaf = arm.leaf
        arm.forget()
        leaf.redeem(arm)
        return arm.operation if arm.operation._perform(leaf) else None

    def _look_again(self) -> tuple[Operation[Any], Leaf[Any]] | None:
        """Look at what does not stand in line (any more)."""
        for leaf, arm in list(self.arms.items()):
            if not arm.in_line:
                del self.arms[leaf]
                arm.leave()
        return pick(self.operations, self.arms, in_order=self.in_order)
