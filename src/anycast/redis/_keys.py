"""The keys under which a server keeps a channel."""

from __future__ import annotations


class Keys:
    """The names of a channel's keys. The hash tag keeps all keys in one slot of a cluster.

    Args:
        name: the channel's name.
        me: identifies this process's session among all sessions of the channel.
    """

    def __init__(self, name: str, me: str) -> None:
        # The braces are the hash tag: a cluster hashes only the text between them.
        prefix = f"anycast:{{{name}}}:"
        self.room = f"{prefix}room".encode()
        """A list of at most one hint: there may be room for a blocked sender."""
        self.ready = f"{prefix}ready".encode()
        """A list of at most one hint: there may be a message for a waiting receiver."""
        parts = (
            "returned",
            "suspects",
            "delayed",
            "counts",
            "errors",
            "crashes",
            "processes",
            "requests",
            "blocked",
            "dead",
            f"producer:{me}",
        )
        self.all = (
            f"{prefix}stream".encode(),
            f"{prefix}meta".encode(),
            self.room,
            self.ready,
            *(f"{prefix}{part}".encode() for part in parts),
        )
        """Every key, in the order in which `common.lua` unpacks the keys."""
