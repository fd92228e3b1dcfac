"""Which server to connect to, if Sentinels watch a primary and its replicas.

A `SentinelRoute` asks one Sentinel after another for the address of the primary. The server at this
address must say by ROLE that the server is a primary: a Sentinel may not know of a failover yet.

The route asks again when the connection is lost, and when the server answers what a server in a
failover answers. In a failover the old primary may go on for some seconds, and what it stores then
is lost. So the link also looks every second whether the primary is still the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coredis.connection import TCPLocation

from anycast.redis._answers import UnavailableError
from anycast.redis._routes import Route

if TYPE_CHECKING:
    from anycast.redis._connection import Connection
    from anycast.redis._routes import Dialer
    from anycast.redis._url import Place


class SentinelRoute(Route):
    """Finds the primary of a service.

    Args:
        sentinels: the addresses of the Sentinels.
        service: the name of the service.
        dialer: opens connections to Sentinels.
        seconds: how long the server may take to answer.
    """

    def __init__(
        self, sentinels: tuple[Place, ...], service: str, dialer: Dialer, seconds: float
    ) -> None:
        super().__init__(dialer)
        self._sentinels = list(sentinels)
        self._service = service
        self._seconds = seconds

    watched = True

    async def find(self, key: bytes | None) -> Place:
        del key
        asked, address = await self._dialer.ask_any(
            self._sentinels, b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", self._service.encode()
        )
        if address is None:
            # The next Sentinel may know the service.
            self._sentinels.append(self._sentinels.pop(0))
            raise UnavailableError(f"the Sentinel {asked} knows no service {self._service!r}")
        host, port = address
        return TCPLocation(host.decode(), int(port))

    async def check(self, connection: Connection) -> None:
        role = await connection.call(b"ROLE", seconds=self._seconds)
        if role[0] != b"master":
            self._sentinels.append(self._sentinels.pop(0))
            raise UnavailableError(f"{connection.place} is not the primary of {self._service!r}")
