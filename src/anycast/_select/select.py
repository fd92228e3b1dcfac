"""`select`: of several operations exactly one happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from anyio import WouldBlock

from anycast._arguments import check_some
from anycast._interface.operation import Operation
from anycast._select.blocked import BlockedSelect
from anycast._select.fairness import choose_ready, random_bits
from anycast._select.selectable import Selectable

if TYPE_CHECKING:
    from anycast._select.selectable import Leaf
    from anycast._waiting.event_loop import LoopBinding

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
        # One operation is drawn first. If the drawn operation is ready, the others need no look.
        # Else `_select` chooses among those that are ready. So each ready operation is as likely.
        # Inlined: `random_index`.
        candidates: tuple[Any, ...] = operations  # `_check` below: each is a `Selectable`
        drawn = candidates[0 if in_order else random_bits(30) % len(candidates)]
        return drawn if drawn.try_fast() else await _select(candidates, drawn, in_order=in_order)
    except Exception:
        _check(operations)
        raise


async def _select(
    operations: tuple[Selectable[Any], ...], drawn: Selectable[Any], *, in_order: bool
) -> Operation[Any]:
    """Perform an operation that is ready; yield before if that is due; wait if none is ready.

    Args:
        operations: what may happen.
        drawn: which of them to look at first.
        in_order: as for `select`.
    """
    first: tuple[Selectable[Any], ...] = (drawn,)
    rested = False  # whether the task has yielded or waited since its last attempt to act
    while True:
        found = choose_ready(first, in_order=in_order)
        if found is None and len(first) < len(operations):
            found = choose_ready(operations, in_order=in_order)
        first = operations
        if found is None:
            leaves = [(one, leaf) for one in operations for leaf in one.leaves()]
            due = _due(leaves)
            if due is not None and not rested:
                await due.checkpoint()
            else:
                for operation in operations:
                    operation.before_wait()
                blocked = BlockedSelect(leaves, in_order=in_order)
                if blocked.missed:
                    continue
                operation, leaf = await blocked.wait()
                if operation.complete(leaf):
                    return operation
            rested = True
            continue
        operation, leaf = found
        if leaf.must_yield() and not rested:
            await leaf.binding.checkpoint()
            rested = True
            # Keep the choice across the yield. Drawing again would favour the operations that owe
            # no yield.
            first = operations if in_order else (operation,)
        else:
            rested = False
            if leaf.act() and operation.complete(leaf):
                return operation


def _due(leaves: list[tuple[Selectable[Any], Leaf[Any]]]) -> LoopBinding | None:
    """Return the first channel in which a yield is due, if there is one."""
    for _, leaf in leaves:
        if leaf.must_yield():
            return leaf.binding
    return None


def _check(operations: tuple[Any, ...]) -> tuple[Selectable[Any], ...]:
    """Check the arguments, and return them: each is a `Selectable`."""
    check_some("operations", operations, Selectable, "`sending` or `receiving`")
    return operations


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
    candidates = _check(operations)
    while (found := choose_ready(candidates, in_order=in_order)) is not None:
        operation, leaf = found
        if leaf.act_nowait() and operation.complete(leaf):
            return operation
    raise WouldBlock
