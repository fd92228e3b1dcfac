"""How `select` chooses among several ready operations: fairly, or in order."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anycast._select.selectable import Leaf, Selectable

# Not the generator of the module `random`: the program may seed that generator.
_random = Random()  # noqa: S311  for fairness, not for secrets
random_bits = _random.getrandbits
shuffle = _random.shuffle


def choose_ready(
    operations: Iterable[Selectable[Any]], *, in_order: bool = False
) -> tuple[Selectable[Any], Leaf[Any]] | None:
    """Return a ready operation, with the ready leaf; None if every operation has to wait.

    Args:
        operations: the operations to choose from.
        in_order: whether the first that is ready is chosen. Else all are equally likely.
    """
    ready: list[tuple[Selectable[Any], Leaf[Any]]] = []
    for operation in operations:
        leaf = operation.find_ready()
        if leaf is not None:
            ready.append((operation, leaf))
            if in_order:
                break
    if len(ready) > 1:
        return ready[random_index(len(ready))]
    return ready[0] if ready else None


def random_index(length: int) -> int:
    """Return a random index into a sequence of this length; all are equally likely."""
    return random_bits(30) % length
