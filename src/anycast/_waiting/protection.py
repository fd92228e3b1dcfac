"""Code that a `KeyboardInterrupt` never interrupts on trio: Ctrl-C waits until the code is done.

trio raises `KeyboardInterrupt` at whatever line runs when Ctrl-C is pressed, except in code that is
protected. trio looks at the running function, then at its caller, and so on. The first function
that is marked decides. So a mark on an operation protects everything that the operation calls. If
the running code is protected, trio interrupts the main task at its next wait, or in its wait.

A mark belongs to the code of a function: a marked function is the same function, and is as fast.
Only trio can mark a function, and a program without trio must not import trio. So the functions are
collected here, and are marked as soon as the program has imported trio.
"""

from __future__ import annotations

import sys
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")

# The functions to mark. Empty once the functions are marked.
unmarked: list[Callable[..., Any]] = []


def protected(function: F) -> F:
    """Protect a function, and all that the function calls, as soon as trio is imported.

    Every operation that changes a channel is protected. Otherwise an interrupt could lose a
    message, or keep a task in a queue although the task no longer waits.
    """
    unmarked.append(function)
    return function


def protect() -> None:
    """Mark the functions if the program has imported trio. May be called again and again."""
    trio: Any = sys.modules.get("trio.lowlevel")
    if hasattr(trio, "enable_ki_protection"):  # else trio is being imported, say, in a thread
        for function in unmarked:
            trio.enable_ki_protection(function)
        trio.disable_ki_protection(interruptible)
        unmarked.clear()  # last: an interrupt may come before this line


def interruptible(iterable: Iterable[T]) -> Iterator[T]:
    """Return the items of a user's iterable, whose code can be interrupted as anywhere else.

    ``yield from`` passes each item on, without a moment at which an interrupt could lose the item.
    """
    # The chain has no `close`. So the user's generator stays open when this generator is closed.
    yield from chain(iterable)
