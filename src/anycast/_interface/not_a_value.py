"""Objects that cannot be copied: a copy would be cut off from the channel."""

from __future__ import annotations

from typing import NoReturn


class NotAValue:
    """An object that belongs to a channel of this process: to copy or pickle it is an error.

    A copy would have a queue and messages of its own, so a message that is sent into the copy would
    never arrive. A subclass that knows better can override ``__reduce__``, ``__copy__`` and
    ``__deepcopy__``.
    """

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        """Refuse: `copy` and `pickle` call this, with every protocol.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            f"{self} cannot be copied or pickled: a copy would be cut off from the channel."
            " Within a process, pass the object itself. Between processes, make an"
            " `anycast.redis.RedisAnycast` with the same name in each process."
        )
