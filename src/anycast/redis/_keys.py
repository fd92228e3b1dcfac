"""The keys under which a server keeps a channel."""

from __future__ import annotations


class Keys:
    """The names of a channel's keys; the hash tag keeps them in one slot of a cluster.

    Args:
        name: the channel's name.
        me: what tells this process's part in the channel from all others.
    """

    def __init__(self, name: str, me: str) -> None:
        prefix = f"anycast:{{{name}}}:"
        self.room = f"{prefix}room".encode()
        """A hint for blocked senders that there may be room."""
        self.ready = f"{prefix}ready".encode()
        """A hint for waiting receivers that there may be a message."""
        self.all = (
            f"{prefix}stream".encode(),
            f"{prefix}meta".encode(),
            self.room,
            self.ready,
            f"{prefix}returned".encode(),
            f"{prefix}errors".encode(),
            f"{prefix}dead".encode(),
            f"{prefix}producer:{me}".encode(),
        )
        """All of them, in the order in which `common.lua` expects them."""
