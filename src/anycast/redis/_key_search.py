"""Finds keys on a server: the channels of the server, and the producers of a channel."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from anycast._arguments import check_seconds
from anycast._interface.errors import Error
from anycast.redis import _scripts
from anycast.redis._cluster import slot_of
from anycast.redis._commands import Commands
from anycast.redis._keys import Keys
from anycast.redis._link import RefusedError, Server, UnreachableError
from anycast.redis._options import SHORTEST
from anycast.redis._standalone_link import StandaloneLink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anycast.redis._link import Link

META = re.compile(rb"anycast:\{([^}]+)\}:meta", re.DOTALL)
# How many keys a step of the server looks at, and how many keys are deleted by a command.
STEP = 1000


async def channels(url: str, *, timeout: float = 10.0) -> list[str]:  # noqa: ASYNC109  of the server
    """List the names of the channels on a server.

    The server looks at all its keys, in small steps that delay no other client. In a cluster, each
    node does this. A cancellation changes nothing.

    ```py
    import anyio
    from anycast.redis import RedisAnycast, channels, json_codec

    URL = "redis://localhost"


    async def main() -> None:
        async with RedisAnycast[str](name="chats", url=URL, codec=json_codec(str)):
            assert "chats" in await channels(URL)


    anyio.run(main)
    ```

    Args:
        url: of the server, as for `RedisAnycast`.
        timeout: how many seconds the server may be silent or away before that is an error, or
            `math.inf`.

    Returns:
        The names, sorted. A channel that is closed and has ended is listed, too, until the channel
        is destroyed.

    Raises:
        Error: if the server is away, or refuses.
        TypeError: if an argument has a wrong type.
        ValueError: if an argument has a wrong value.
    """
    check_seconds("timeout", timeout, least=SHORTEST, or_inf=True)
    server = Server(url)
    names: set[str] = set()
    async with StandaloneLink(server, "channels()", timeout) as line:
        try:
            found: set[bytes] = set()
            for name in await _names_for_nodes(line.link, timeout):
                commands = Commands(line.link, Keys(name, ""), b"", timeout)
                found |= await find_keys(commands, "anycast:{*}:meta")
        except (UnreachableError, RefusedError) as error:
            raise Error(str(error)) from error
    for key in filter(None, map(META.fullmatch, found)):
        with suppress(UnicodeDecodeError):  # no channel has such a name
            names.add(key[1].decode())
    return sorted(names)


async def _names_for_nodes(link: Link, seconds: float) -> list[str]:
    """Return a name of a channel for each node of a cluster: the node has the slot of the name.

    So a script with the keys of that name runs on that node. A server without a cluster has any
    name. No such channel needs to exist.
    """
    # This call is repeated while the server is away.
    await Commands(link, Keys("0", ""), b"", seconds).retry(_scripts.ADMIN_KEYS, 0, b"-", 1)
    try:
        ranges = await link.call(b"CLUSTER", b"SLOTS")
    except RefusedError:
        return ["0"]
    slots = {tuple(owner[:2]): range(first, last + 1) for first, last, owner, *_ in ranges}
    return [
        next(str(number) for number in count() if slot_of(b"{%d}" % number) in owned)
        for owned in slots.values()
    ]


def producer_pattern(name: str) -> str:
    """Return the pattern of the keys of all producers of a channel."""
    literal = re.sub(r"([\\*?\[\]])", r"\\\1", name)
    return f"anycast:{{{literal}}}:producer:*"


async def find_keys(commands: Commands, pattern: str) -> set[bytes]:
    """Return the keys that match a pattern, on the server that has the keys of the commands.

    Raises:
        UnreachableError, RefusedError: as `Commands.retry`.
    """
    found: set[bytes] = set()
    cursor = b"0"
    while True:
        _, cursor, keys = await commands.retry(_scripts.ADMIN_KEYS, cursor, pattern.encode(), STEP)
        found.update(keys)
        if cursor == b"0":
            return found


async def delete_keys(link: Link, keys: Sequence[bytes]) -> None:
    """Delete keys; raise as `Link.call`."""
    for start in range(0, len(keys), STEP):
        await link.call(b"UNLINK", *keys[start : start + STEP])
