"""How one of several operations that are ready is chosen: fairly, or in order."""

# How operations proceed is private to the package, and not to their class.
# pyright: reportPrivateUsage=none

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast._operation import Leaf, Operation

_random = Random()  # noqa: S311  for fairness; not the program's, which may be seeded
random_bits = _random.getrandbits
shuffle = _random.shuffle


def choose_ready(
    operations: Iterable[Operation[Any]], *, in_order: bool = False
) -> tuple[Operation[Any], Leaf[Any]] | None:
    """Return an operation that is ready, with the leaf that makes it so; fair, or in order."""
    ready: list[tuple[Operation[Any], Leaf[Any]]] = []
    for operation in operations:
        leaf = operation.find_ready()
        if leaf is not None:
            ready.append((operation, leaf))
            if in_order:
                break
    if len(ready) > 1:
        return ready[random_index(len(ready))]
    return ready[0] if ready else None


def random_index(options: int) -> int:
    """Return the number of one of the options, each as likely as the others."""
    return random_bits(30) % options
