"""Which node to connect to, if the server is a node of a cluster or may be one.

The keys of a channel share a slot, and one node has the slot. The node changes when the slot moves,
and when a replica takes over. A `ClusterRoute` learns the node in two ways:

- **Told.** Another node answers MOVED with the address of the node.
- **Asked.** When the node is unknown, or cannot be reached, the route asks one node after another
  for the slots of the cluster, and learns all nodes.

A URL with the address of one server begins with this server. The server says by HELLO whether the
server is a node of a cluster. If so, the route learns all nodes at once, since the node may crash.
When the node is away, the route tries the address in the URL and the remaining nodes in turn.

While a slot moves, the old node answers ASK for keys that it does not have, and the new node serves
these keys to a connection that says ASKING. TRYAGAIN is the answer for keys that are on both nodes:
a script of a channel then waits until the slot has moved.
"""

from __future__ import annotations

from binascii import crc_hqx
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from coredis.connection import TCPLocation

from anycast.redis._answers import RefusedError, UnavailableError
from anycast.redis._routes import Route

if TYPE_CHECKING:
    from anycast.redis._answers import RedirectedError
    from anycast.redis._connection import Connection
    from anycast.redis._routes import Dialer
    from anycast.redis._url import Place

SLOTS = 16_384
# What a cluster answers as the host of a node without a host name, if clients are to use names.
UNKNOWN = b"?"


def slot_of(key: bytes) -> int:
    """Return the slot of a key: only the hash tag, between the first braces, counts."""
    _, opening, rest = key.partition(b"{")
    tag, closing, _ = rest.partition(b"}")
    return crc_hqx(tag if opening and closing and tag else key, 0) % SLOTS


class ClusterRoute(Route):
    """Finds the node that has the slot of a channel.

    Args:
        places: the addresses in the URL.
        dialer: opens connections to nodes.
        seconds: how long a node may take to answer.
        asks: whether the servers are known to be nodes of a cluster.
    """

    def __init__(
        self, places: tuple[Place, ...], dialer: Dialer, seconds: float, *, asks: bool
    ) -> None:
        super().__init__(dialer)
        self._seconds = seconds
        # Every known address. The first address is asked first.
        self._places = list(places)
        # Whether to ask for the node, and which address to try before that, if any. The address in
        # the URL may lead to the node by a way that the nodes do not know.
        self._asks = asks
        self._first = None if asks else places[0]
        self._try_first = not asks
        # The node that has the slot, as far as is known.
        self._owner: Place | None = None
        # Whether a server has been asked what the server is.
        self._introduced = False

    async def find(self, key: bytes | None) -> Place:
        """Return the address of the node that has a key, or of any node if there is no key.

        Raises:
            UnavailableError: if no node answers, or no node has the slot.
        """
        if self._owner is None and self._first is not None and (self._try_first or not self._asks):
            return self._first
        if self._owner is None and key is not None:
            self._owner = await self._ask(slot_of(key))
        return self._owner or self._places[0]

    async def check(self, connection: Connection) -> None:
        if self._introduced:
            return
        hello = await connection.call(b"HELLO", seconds=self._seconds)
        if hello.get(b"mode") == b"cluster":
            self._asks = True
            # Without the right to ask, the route learns of other nodes only from redirections.
            with suppress(RefusedError):
                command = (b"CLUSTER", b"SLOTS")
                ranges = await connection.call(*command, seconds=self._seconds)
                self._learn(ranges, connection.place)
        self._introduced = True

    def moved(self, told: RedirectedError, asked: Place) -> Place:
        """Record that a node has named another node; return the address of the other node.

        Raises:
            UnavailableError: if the node does not know the host of the other node.
        """
        self._asks = True
        self._note(asked)
        place = _address(told.host.encode(), told.port, asked)
        if not told.once:
            # If the host is unknown, `find` asks.
            self._owner = place
        if place is None:
            raise UnavailableError(str(told))
        return place

    def doubt(self) -> None:
        """Note that the node may be the wrong node, or away."""
        self._owner = None
        self._try_first = not self._try_first

    async def _ask(self, slot: int) -> Place:
        """Ask one node after another for the node that has a slot."""
        asked, ranges = await self._dialer.ask_any(self._places, b"CLUSTER", b"SLOTS")
        self._dialer.close()
        self._learn(ranges, asked)
        for first, last, primary, *_ in ranges:
            owner = _address(*_endpoint(primary), asked)
            if first <= slot <= last and owner is not None:
                return owner
        raise UnavailableError(f"{asked} knows no node of the cluster for slot {slot}")

    def _learn(self, ranges: list[Any], asked: Place) -> None:
        """Note the addresses of all nodes in an answer to CLUSTER SLOTS."""
        for _, _, *nodes in ranges:
            for node in nodes:
                self._note(_address(*_endpoint(node), asked))

    def _note(self, place: Place | None) -> None:
        if place is not None and place not in self._places:
            self._places.append(place)


def _endpoint(node: list[Any]) -> tuple[bytes | None, int]:
    """Return host and port of a node in an answer to CLUSTER SLOTS."""
    facts: list[dict[bytes, bytes]]
    host, port, _, *facts = node
    if host == UNKNOWN and facts:
        # The node has no host name, but the facts have its address.
        host = facts[0].get(b"ip") or host
    return host, port


def _address(host: bytes | None, port: int, asked: Place) -> Place | None:
    """Return an address as a node has named it, or None if the host is unknown.

    Args:
        host: None or empty for the host of the node that was asked.
        port: of the address.
        asked: the address of the node that was asked.
    """
    if not host:
        return TCPLocation(asked.host, port) if isinstance(asked, TCPLocation) else None
    return None if host == UNKNOWN else TCPLocation(host.decode(), port)
