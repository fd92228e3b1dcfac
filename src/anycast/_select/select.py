"""`select`: exactly one of several operations happens."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from anyio import WouldBlock

from anycast._arguments import check_bool, check_some
from anycast._interface.operation import Operation
from anycast._select.blocked import BlockedSelect
from anycast._select.fairness import choose_ready, random_bits
from anycast._select.selectable import Leaf, Selectable
from anycast._waiting.event_loop import LoopBinding
from anycast._waiting.protection import protected

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
@protected
async def select(*operations: Operation[Any], in_order: bool = False) -> Operation[Any]:
    """Wait for several operations, and perform exactly one of them.

    A receive is ready if a message is stored or a sender is blocked. A send is ready if the buffer
    has room or a receiver waits. An operation of a closed endpoint is ready as well, and so is an
    operation of a channel that is closed to sends, or has ended for receives; `Operation.result`
    then raises. If every operation has to wait, the task waits for all operations at once, and the
    first peer that comes decides. Operations of the same call never pair with each other.

    This is exact under cancellation. A call that returns has performed exactly the returned
    operation. A call that raises, whatever the error, has performed no operation. (There are two
    exceptions: messages that a `Receiver.filter` has dropped stay dropped, and a send that a peer
    has decided stays done if the task is destroyed before the task can run.) A cancellation that
    strikes after a peer has decided is delivered at the task's next wait, even a `Task.cancel` of
    asyncio.

    ```python
    import anyio
    from anycast import Anycast, select


    async def main() -> None:
        numbers, words = Anycast[int](), Anycast[str](limit=0)
        number = numbers.new_receiver().receiving()
        word = words.new_sender().sending("hello")  # has to wait for a receiver
        await numbers.new_sender().send(1)
        assert await select(number, word) is number
        assert number.result() == 1


    anyio.run(main)
    ```

    Args:
        operations: what may happen; at least one operation. Operations may belong to different
            channels, or to the same channel.
        in_order: whether to perform the first in the order given, if several are ready, or if
            several wait for the same peer. Otherwise all of them are equally likely.

    Returns:
        The operation that happened. `Operation.result` gives the outcome.

    Raises:
        ValueError: if the call has no arguments.
        TypeError: if an argument is not an operation, or ``in_order`` is not a bool. Where an
            operation is ready, the operations after that may be left unchecked.
        RuntimeError: if this task would have to wait while tasks of another event loop wait in a
            channel, or would have to wake a task of another thread.
    """
    if in_order is not False:
        check_bool("in_order", in_order)
    try:
        # One operation is drawn first, and happens if it is ready. Else `_select` chooses among all
        # ready operations. So all ready operations are equally likely.
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
    """Perform a ready operation, after a yield if a yield is due; wait if all have to wait.

    Args:
        operations: what may happen.
        drawn: the operation to look at first.
        in_order: as for `select`.
    """
    first: tuple[Selectable[Any], ...] = (drawn,)  # the operations to look at first
    has_rested = False  # whether the task has yielded or waited since its last attempt to act
    while True:
        found = choose_ready(first, in_order=in_order)
        if found is None and len(first) < len(operations):
            found = choose_ready(operations, in_order=in_order)
        first = operations
        if found is None:
            leaves = [(one, leaf) for one in operations for leaf in one.leaves()]
            due = _find_due_yield(leaves)
            if due is not None and not has_rested:
                await due.checkpoint()
                due.budget.spent = 0
            else:
                for operation in operations:
                    operation.before_wait()
                blocked = BlockedSelect(leaves, in_order=in_order)
                if blocked.missed:
                    continue
                operation, leaf = await blocked.wait()
                if operation.complete(leaf):
                    return operation
            has_rested = True
            continue
        operation, leaf = found
        if leaf.must_yield() and not has_rested:
            await leaf.binding.checkpoint()
            leaf.binding.budget.spent = 0
            has_rested = True
            # Keep the choice across the yield. Drawing again would favour the operations without a
            # due yield.
            first = operations if in_order else (operation,)
        else:
            has_rested = False
            if leaf.act() and operation.complete(leaf):
                return operation


def _find_due_yield(leaves: list[tuple[Selectable[Any], Leaf[Any]]]) -> LoopBinding | None:
    """Return the binding of a channel in which a yield is due; None if no yield is due."""
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
@protected
def select_nowait(*operations: Operation[Any], in_order: bool = False) -> Operation[Any]:
    """Perform one of several operations if an operation is ready; never yield.

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
        anyio.WouldBlock: if every operation has to wait.
        ValueError: if the call has no arguments.
        TypeError: if an argument is not an operation, or ``in_order`` is not a bool.
        RuntimeError: if this call would have to wake a task of another thread.
    """
    candidates = _check(operations)
    check_bool("in_order", in_order)
    happened = perform_ready(candidates, in_order=in_order)
    if happened is None:
        for operation in candidates:
            operation.note_nothing_ready()
        raise WouldBlock("every operation has to wait")
    return happened


def perform_ready(
    candidates: tuple[Selectable[Any], ...], *, in_order: bool = False
) -> Operation[Any] | None:
    """Perform a ready operation, and return it; return None if every operation has to wait."""
    while (found := choose_ready(candidates, in_order=in_order)) is not None:
        operation, leaf = found
        if leaf.act_nowait() and operation.complete(leaf):
            return operation
    return None
