"""`select`: of several operations exactly one happens."""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none

from __future__ import annotations

from typing import Any, TypeVar, overload

from anyio import WouldBlock

from anycast._arguments import check_some
from anycast._choice import choose_ready, random_bits
from anycast._operation import Operation
from anycast._selection import BlockedSelect

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

    A receive is ready if a message is stored or a sender is blocked; a send, if there is room
    or a receiver waits. An operation whose channel or end is closed is ready as well, and its
    `Operation.result` raises. Otherwise the task waits for all operations at once, and the first
    peer that comes decides. Operations of the same call never pair with each other.

    This is exact under cancellation: a call that returns has performed exactly the operation that
    is returned; a call that raises, whatever the error, has performed none. (Only what a
    `Receiver.filter` has turned away is gone even so.) A cancellation that strikes after a peer
    has decided is delivered at the task's next wait, even a `Task.cancel` of asyncio.

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
        operations: what may happen; at least one. Operations may belong to different channels,
            or to the same channel.
        in_order: whether to perform the first in the order given, if several are ready, or if
            several wait for the same peer. Otherwise each of them is as likely.

    Returns:
        The operation that happened; its `Operation.result` gives what came of it.

    Raises:
        ValueError: if there is no operation.
        TypeError: if an argument is no operation; one is not looked at if another is ready.
        RuntimeError: if it would have to wait while tasks of another event loop wait in one
            of the channels, or to wake a task of another thread.
    """
    try:
        # One operation is drawn first. If the drawn operation is ready, the others need not be
        # looked at. Else the choice is among the operations that are ready. So each ready
        # operation is as likely.
        # Inlined: `random_index`.
        one = operations[0 if in_order else random_bits(30) % len(operations)]
        return one if one.try_fast() else await _select(operations, one, in_order=in_order)
    except Exception:
        _check(operations)
        raise


async def _select(
    operations: tuple[Operation[Any], ...], one: Operation[Any], *, in_order: bool
) -> Operation[Any]:
    """Perform one if it is ready, or any; yield if that is due, and wait if none is ready."""
    first: tuple[Operation[Any], ...] = (one,)
    rested = False
    while True:
        found = choose_ready(first) or choose_ready(operations, in_order=in_order)
        first = ()
        if found is None:
            leaves = [(one, leaf) for one in operations for leaf in one.leaves()]
            due = [leaf for _, leaf in leaves if leaf.core.transfers >= leaf.core.yield_at]
            if due and not rested:
                await due[0].core.checkpoint()
            else:
                blocked = BlockedSelect(leaves, in_order=in_order)
                if blocked.missed:
                    continue
                operation, leaf = await blocked.wait()
                if operation.complete(leaf):
                    return operation
            rested = True
            continue
        operation, leaf = found
        if leaf.core.transfers >= leaf.core.yield_at and not rested:
            await leaf.core.checkpoint()
            rested = True
            if not in_order:  # drawn anew, what must yield would be passed over more often
                first = (operation,)
        else:
            rested = False
            if leaf.act() and operation.complete(leaf):
                return operation


def _check(operations: tuple[object, ...]) -> None:
    check_some("operations", operations, Operation, "`sending` or `receiving`")


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
        RuntimeError: if it would have to wake a task of another thread.
    """
    _check(operations)
    while (found := choose_ready(operations, in_order=in_order)) is not None:
        operation, leaf = found
        if leaf.act():
            leaf.core.yield_at += 1  # it does not count
            if operation.complete(leaf):
                return operation
    raise WouldBlock
