"""Short words for what many tests of channels on a server say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import fail_after, sleep

from anycast.redis import RedisAnycast, json_codec

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import Server

T = TypeVar("T")

# Seconds after which a test that waits has failed.
DEADLINE = float(os.environ.get("ANYCAST_DEADLINE", "60"))


def channel(server: Server, name: str, **options: Any) -> RedisAnycast[Any]:
    """Make a channel whose messages are any plain data, and that tries again at once."""
    url: str = options.pop("url", server.url)
    codec = options.pop("codec", json_codec(Any))
    options.setdefault("retry_delay", 0)
    return RedisAnycast(name=name, url=url, codec=codec, **options)


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true, by asking again and again."""
    with fail_after(DEADLINE):
        while not condition():  # noqa: ASYNC110
            await sleep(0.002)


def key(name: str, part: str) -> str:
    """Return a key of a channel."""
    return f"anycast:{{{name}}}:{part}"


def stored(server: Server, name: str) -> int:
    """Return how many messages the server has that are not acknowledged."""
    length: int = server.ask("XLEN", key(name, "stream"))
    return length


def in_hand(server: Server, name: str) -> int:
    """Return how many messages are with some process."""
    count: int = server.ask("XPENDING", key(name, "stream"), "receivers")[0]
    return count


def dead(server: Server, name: str) -> list[dict[str, str]]:
    """Return the dead letters of a channel."""
    letters: list[dict[str, str]] = []
    for _, fields in server.ask("XRANGE", key(name, "dead"), "-", "+"):
        texts = [field.decode() for field in fields]
        letters.append(dict(zip(texts[::2], texts[1::2], strict=True)))
    return letters


def deliveries(server: Server, name: str) -> list[int]:
    """Return how often each message was delivered that is with some process."""
    entries = server.ask("XPENDING", key(name, "stream"), "receivers", "-", "+", 1000)
    return [int(entry[3]) for entry in entries]
