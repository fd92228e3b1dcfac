"""Short words for tests of what an operator sees and does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anycast.redis import RedisChannelAdmin
from redis_tools import channel, key

if TYPE_CHECKING:
    from servers import Server


def admin_of(server: Server, name: str, **options: Any) -> RedisChannelAdmin:
    """Make an admin of a channel."""
    url: str = options.pop("url", server.url)
    return RedisChannelAdmin(name, url=url, **options)


async def make(server: Server, name: str, **options: Any) -> None:
    """Let a process open a channel and leave, so that the channel exists on the server."""
    async with channel(server, name, **options):
        pass


def bury(server: Server, name: str, *bodies: bytes, **fields: object) -> list[str]:
    """Put dead letters into a channel as the scripts do, and return their ids."""
    told = {"id": "1700000000000-0", "deliveries": 7, "error": "OSError: no", "headers": ""}
    ids: list[str] = []
    for body in bodies:
        parts = [part for pair in {**told, "body": body, **fields}.items() for part in pair]
        ids.append(server.ask("XADD", key(name, "dead"), "*", *parts).decode())
    return ids


def keys_of(server: Server, name: str) -> list[bytes]:
    """Return all keys of a channel."""
    prefix = key(name, "").encode()
    return [each for each in server.ask("KEYS", "*") if each.startswith(prefix)]
