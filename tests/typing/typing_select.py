"""The types of `select`, `merge`, `map` and `filter`: checked, and never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard, assert_type

from anycast import Operation, Receiver, Sender, merge, select, select_nowait

if TYPE_CHECKING:
    from typing_extensions import TypeIs


def operations(sender: Sender[int], receiver: Receiver[int]) -> None:
    """Give None as the result of a send, and a message as the result of a receive."""
    assert_type(sender.sending(1), Operation[None])
    assert_type(sender.sending(1).result(), None)
    assert_type(receiver.receiving(), Operation[int])
    assert_type(receiver.receiving().result(), int)
    sender.sending("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def operations_are_covariant(operation: Operation[bool]) -> None:
    """Take an operation that gives a bool as an operation that gives an int."""
    wider: Operation[int] = operation
    wrong: Operation[str] = wider  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    del wrong


async def select_one(a: Operation[int]) -> None:
    """Keep the type of a single operation."""
    assert_type(await select(a), Operation[int])
    assert_type((await select(a)).result(), int)
    assert_type(select_nowait(a).result(), int)


async def select_of_several_types(
    a: Operation[int], b: Operation[str], c: Operation[bytes], d: Operation[None]
) -> None:
    """Each operation keeps its type, and the result is one of the operations."""
    assert_type(await select(a, b), Operation[int] | Operation[str])
    assert_type((await select(a, b)).result(), int | str)
    assert_type((await select(a, b, c)).result(), int | str | bytes)
    assert_type((await select(a, b, c, d)).result(), int | str | bytes | None)
    assert_type(await select(a, b, in_order=True), Operation[int] | Operation[str])
    done = await select(a, b)
    if done is a:
        assert_type(a.result(), int)
    else:
        assert_type(b.result(), str)


def select_nowait_of_several_types(
    a: Operation[int], b: Operation[str], c: Operation[bytes], d: Operation[None]
) -> None:
    """Give the types that `select` gives."""
    assert_type(select_nowait(a, b), Operation[int] | Operation[str])
    assert_type(select_nowait(a, b, c).result(), int | str | bytes)
    assert_type(select_nowait(a, b, c, d).result(), int | str | bytes | None)
    assert_type(select_nowait(a, b, in_order=True).result(), int | str)


async def select_of_a_list(operations: list[Operation[int]]) -> None:
    """Any number of operations of the same type has this type."""
    assert_type(await select(*operations), Operation[int])
    assert_type((await select(*operations, in_order=True)).result(), int)
    assert_type(select_nowait(*operations).result(), int)


async def select_of_other_things(receiver: Receiver[int]) -> None:
    """Reject a receiver, which is no operation."""
    await select(receiver)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def merge_of_one_type(a: Receiver[int], several: list[Receiver[int]]) -> None:
    """Any number of receivers of the same type make a receiver of this type."""
    assert_type(merge(a), Receiver[int])
    assert_type(merge(a, a), Receiver[int])
    assert_type(merge(a, a, a), Receiver[int])
    assert_type(merge(a, a, a, a), Receiver[int])
    assert_type(merge(a, a, a, a, a), Receiver[int])
    assert_type(merge(*several), Receiver[int])
    async for message in merge(*several):
        assert_type(message, int)


def merge_of_several_types(
    a: Receiver[int], b: Receiver[str], c: Receiver[bytes], d: Receiver[None]
) -> None:
    """Receivers of several types make a receiver of any of them."""
    assert_type(merge(a, b), Receiver[int | str])
    assert_type(merge(a, b, c), Receiver[int | str | bytes])
    assert_type(merge(a, b, c, d), Receiver[int | str | bytes | None])
    merge(a, 3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def map_gives_what_the_function_returns(receiver: Receiver[int]) -> None:
    """Give messages the type of the function's result."""
    assert_type(receiver.map(str), Receiver[str])
    assert_type(receiver.map(lambda number: (number, 0.5)), Receiver[tuple[int, float]])
    async with receiver.map(str).lease() as message:
        assert_type(message, str)
    receiver.map(str.upper)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def guards_int(value: object) -> TypeGuard[int]:
    """Tell whether a value is an int."""
    return isinstance(value, int)


def is_int(value: object) -> TypeIs[int]:
    """Tell whether a value is an int."""
    return isinstance(value, int)


def filter_narrows(receiver: Receiver[int | str]) -> None:
    """Narrow the type of the messages if the predicate narrows the type."""
    assert_type(receiver.filter(guards_int), Receiver[int])
    assert_type(receiver.filter(is_int), Receiver[int])
    assert_type(receiver.filter(lambda message: message != 3), Receiver[int | str])
    assert_type(receiver.filter(bool), Receiver[int | str])


def they_nest(a: Receiver[int], b: Receiver[int | str]) -> None:
    """Types go through any nest."""
    assert_type(merge(a.map(float), b.filter(is_int)), Receiver[float | int])
    assert_type(merge(a, b.filter(is_int)).map(str).receiving(), Operation[str])
