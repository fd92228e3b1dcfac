"""A channel on a server, as an operator sees and changes the channel."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Literal, Self

from anycast._arguments import check_bool, check_int
from anycast.redis import _scripts
from anycast.redis._admin_calls import AdminCalls
from anycast.redis._channel import RedisAnycast
from anycast.redis._channel_status import ChannelStatus, read_status
from anycast.redis._dead_letter import DeadLetter, check_id, check_ids, read_letter
from anycast.redis._json_codec import json_codec
from anycast.redis._link import Server

# For how many ms a process counts as blocked after it has told the server so. A blocked process
# asks the server at least every two seconds.
BLOCKED_MS = 5000
LARGEST_LIMIT = 2**53  # of the dead letters: the server knows no much larger integers


class RedisChannelAdmin:
    """Looks at a channel on a server and changes the channel, for all processes.

    ```py
    import anyio
    from anycast.redis import RedisAnycast, RedisChannelAdmin, json_codec

    URL = "redis://localhost"


    async def main() -> None:
        async with RedisAnycast[str](name="mail", url=URL, codec=json_codec(str)) as mail:
            await mail.new_sender().send("to Ada")
        async with RedisChannelAdmin("mail", url=URL) as admin:
            await admin.set_limit(5000)
            await admin.set_dead_limit(10_000)
            now = await admin.status()
            print(now.waiting, "of", now.limit, "waiting,", now.dead, "dead")
            timeouts = [each.id for each in await admin.dead() if "Timeout" in each.error]
            print("requeued", await admin.requeue(timeouts), "dropped", await admin.drop("all"))


    anyio.run(main)
    ```

    ```output
    1 of 5000 waiting, 0 dead
    requeued 0 dropped 0
    ```

    The channel may be in use. An admin is no process of the channel: an admin neither creates the
    channel nor takes messages. The methods can be called only within the ``async with`` block, by
    any number of tasks. The block can be entered once; the first call connects.

    Each call is repeated until the server has answered, for ``timeout`` seconds at most. A change
    is made once, even if an answer is lost. If a call is cancelled, or raises a `ChannelError`
    because the server is away, the change may have been made.

    Args:
        name: the name of the channel on the server.
        url: of the server, as for `RedisAnycast`.
        timeout: how many seconds the server may be silent or away before that is an error, or
            `math.inf`.

    Raises:
        TypeError: if an argument has a wrong type.
        ValueError: if an argument has a wrong value.
    """

    def __init__(self, name: str, *, url: str, timeout: float = 10.0) -> None:
        # Checks the arguments, and stands for the channel in errors; never entered.
        channel = RedisAnycast[str](name=name, url=url, codec=json_codec(str), timeout=timeout)
        self._name = name
        self._entered = False
        self._calls = AdminCalls(channel, Server(url), self, timeout)

    @property
    def name(self) -> str:
        """The name of the channel."""
        return self._name

    def __str__(self) -> str:
        return f"{type(self).__name__}:{self._name}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self._name!r})"

    async def __aenter__(self) -> Self:
        if self._entered:
            raise RuntimeError(f"{self} can be entered once only: make another one")
        self._entered = True
        await self._calls.line.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self._calls.line.__aexit__(exc_type, exc_val, exc_tb)

    async def status(self) -> ChannelStatus:
        """Return how the channel is. A cancellation changes nothing.

        Returns:
            A snapshot of all parts at the same moment.

        Raises:
            ChannelError: if there is no such channel, or the server is away or refuses.
            RuntimeError: if the admin was not entered, or was entered in another event loop.
        """
        return read_status(await self._calls.run(_scripts.ADMIN_STATUS, BLOCKED_MS))

    async def dead(
        self,
        count: int = 100,
        *,
        newest_first: bool = True,
        after: str | None = None,
        body_bytes: int | None = None,
    ) -> list[DeadLetter]:
        """List dead letters, page by page. A cancellation changes nothing.

        ```py
        import anyio
        from anycast.redis import RedisAnycast, RedisChannelAdmin, json_codec

        URL = "redis://localhost"


        async def main() -> None:
            async with RedisAnycast[str](name="mail", url=URL, codec=json_codec(str)):
                pass
            async with RedisChannelAdmin("mail", url=URL) as admin:
                page = await admin.dead()
                while page:
                    for letter in page:
                        print(letter.id, letter.error, letter.body)
                    page = await admin.dead(after=page[-1].id)


        anyio.run(main)
        ```

        Args:
            count: how many dead letters to list at most.
            newest_first: whether the last message that became a dead letter comes first.
            after: the id of a dead letter, such as the last of the page before: the page begins
                with the next dead letter in this order. None for the first page.
            body_bytes: how many bytes of each body to get; None for all.

        Returns:
            The dead letters. An empty list at the end.

        Raises:
            ChannelError: as `status`.
            RuntimeError: as `status`.
            TypeError: if an argument has a wrong type.
            ValueError: if an argument has a wrong value.
        """
        check_int("count", count, least=1)
        check_bool("newest_first", newest_first)
        if body_bytes is not None:
            check_int("body_bytes", body_bytes, least=0)
        start = "" if after is None else check_id("after", after)
        shown = -1 if body_bytes is None else body_bytes
        letters: list[DeadLetter] = []
        while len(letters) < count:
            (rows,) = await self._calls.run(
                _scripts.ADMIN_DEAD, newest_first, start.encode(), count - len(letters), shown
            )
            if not rows:
                break
            letters += map(read_letter, rows)
            start = letters[-1].id
        return letters

    async def requeue(self, ids: Iterable[str] | Literal["all"]) -> int:
        """Send dead letters again: each is a new message at the end of the channel.

        The deliveries of the message begin at 0 again. Each dead letter is moved in a single step,
        so no other process sees the message at both places or at none. The limit does not hold for
        these messages: the channel may be over its limit for a while, and senders wait until there
        is room. If the call is cancelled, some of the dead letters may have been moved.

        Args:
            ids: the ids of dead letters, in the order in which the messages are to come; or
                ``"all"`` for all that are dead when the call begins, the oldest first.

        Returns:
            How many dead letters were moved. Ids that are not dead letters are passed over.

        Raises:
            ChannelError: if the channel is closed and has ended; or as `status`.
            RuntimeError: as `status`.
            TypeError: if an argument has a wrong type.
            ValueError: if an argument has a wrong value.
        """
        if ids != "all":
            return await self._requeue(check_ids(ids))
        moved, newest, after = 0, await self.dead(1, body_bytes=0), None
        while newest:
            page = await self.dead(
                _scripts.MAX_BATCH, newest_first=False, after=after, body_bytes=0
            )
            # A message that fails again meanwhile is a dead letter with a larger id.
            old = [each.id for each in page if _order(each.id) <= _order(newest[0].id)]
            if not old:
                break
            moved, after = moved + await self._requeue(old), old[-1]
        return moved

    async def _requeue(self, ids: list[str]) -> int:
        total = start = 0
        while start < len(ids):
            batch = [each.encode() for each in ids[start : start + _scripts.MAX_BATCH]]
            moved, looked = await self._calls.run_once(_scripts.ADMIN_REQUEUE, *batch)
            total, start = total + moved, start + looked
        return total

    async def drop(self, ids: Iterable[str] | Literal["all"]) -> int:
        """Delete dead letters for ever.

        If the call is cancelled, some of the dead letters may have been deleted.

        Args:
            ids: the ids of dead letters, or ``"all"``.

        Returns:
            How many dead letters were deleted. Ids that are not dead letters are passed over.

        Raises:
            ChannelError: as `status`.
            RuntimeError: as `status`.
            TypeError: if an argument has a wrong type.
            ValueError: if an argument has a wrong value.
        """
        if ids == "all":
            return (await self._calls.run_once(_scripts.ADMIN_DROP))[0]
        checked, dropped = [each.encode() for each in check_ids(ids)], 0
        for start in range(0, len(checked), _scripts.MAX_BATCH):
            batch = checked[start : start + _scripts.MAX_BATCH]
            dropped += (await self._calls.run_once(_scripts.ADMIN_DROP, *batch))[0]
        return dropped

    async def set_dead_limit(self, limit: int | None) -> int:
        """Bound the number of dead letters: beyond the bound, the oldest are deleted.

        The bound holds from now on, for all processes. If the call is cancelled, the bound may have
        been set.

        Args:
            limit: how many dead letters to keep at most, in messages; None for all.

        Returns:
            How many dead letters were deleted at once.

        Raises:
            ChannelError: as `status`.
            RuntimeError: as `status`.
            TypeError: if the limit is neither an int nor None.
            ValueError: if the limit is negative, or larger than 2 ** 53.
        """
        if limit is not None:
            check_int("limit", limit, least=0)
            if limit > LARGEST_LIMIT:
                raise ValueError(f"`limit` must be <= {LARGEST_LIMIT}, not {limit!r}")
        bound = b"" if limit is None else b"%d" % limit
        return (await self._calls.run_once(_scripts.ADMIN_DEAD_LIMIT, bound))[0]

    async def set_limit(self, limit: float) -> None:
        """Change the limit of the channel, for all processes and at once.

        Nobody is stopped, and no message is lost. A larger limit wakes blocked senders. With a
        smaller limit, senders wait until enough messages were acknowledged. If the call is
        cancelled, the limit may have been changed.

        Args:
            limit: how many messages may be unacknowledged before senders block; at least 1, or
                `math.inf`.

        Raises:
            ChannelError: as `status`.
            RuntimeError: as `status`.
            TypeError: if the limit is neither an int nor `math.inf`.
            ValueError: if the limit is less than 1.
        """
        check_int("limit", limit, least=1, or_inf=True)
        await self._calls.run(_scripts.ADMIN_LIMIT, str(limit).encode())

    async def close(self) -> None:
        """Close the channel for all processes, as `RedisAnycast.aclose` does.

        Closing is idempotent. If the call is cancelled, the channel may have been closed.

        ```py
        import anyio
        from anycast.redis import RedisAnycast, RedisChannelAdmin, json_codec

        URL = "redis://localhost"


        async def main() -> None:
            async with RedisAnycast[str](name="mail", url=URL, codec=json_codec(str)) as mail:
                async with RedisChannelAdmin("mail", url=URL) as admin:
                    await admin.close()
                async for letter in mail.new_receiver():
                    print(letter)


        anyio.run(main)
        ```

        Raises:
            ChannelError: as `status`.
            RuntimeError: as `status`.
        """
        await self._calls.run(_scripts.ADMIN_CLOSE)

    async def reopen(self) -> None:
        """Open a closed channel again, and keep its settings, its messages and its dead letters.

        A process that has noticed the close stays closed: open the channel anew in that process,
        as by a restart. Reopening is idempotent. If the call is cancelled, the channel may be open.

        This also mends a channel whose stream, or consumer group, somebody deleted on the server.

        ```py
        import anyio
        from anycast.redis import RedisAnycast, RedisChannelAdmin, json_codec

        URL = "redis://localhost"


        async def main() -> None:
            async with RedisAnycast[str](name="mail", url=URL, codec=json_codec(str)) as mail:
                await mail.aclose()
            async with RedisChannelAdmin("mail", url=URL) as admin:
                await admin.reopen()
            async with RedisAnycast[str](name="mail", url=URL, codec=json_codec(str)) as mail:
                await mail.new_sender().send("to Ada")


        anyio.run(main)
        ```

        Raises:
            ChannelError: as `status`.
            RuntimeError: as `status`.
        """
        await self._calls.run(_scripts.ADMIN_REOPEN)

    async def destroy(self, *, force: bool = False) -> None:
        """Delete the channel: its messages, its dead letters and its settings.

        If the call is cancelled, the channel may have been deleted.

        ```py
        import anyio
        from anycast.redis import RedisAnycast, RedisChannelAdmin, channels, json_codec

        URL = "redis://localhost"


        async def main() -> None:
            async with RedisAnycast[str](name="old", url=URL, codec=json_codec(str)):
                pass
            async with RedisChannelAdmin("old", url=URL) as admin:
                await admin.destroy()
            assert "old" not in await channels(URL)


        anyio.run(main)
        ```

        Args:
            force: whether to delete the channel even if processes use the channel. In these
                processes the channel fails, with a `ChannelError`.

        Raises:
            ChannelError: if a process uses the channel, and ``force`` is False; or as `status`. A
                process that crashed counts until its lease has run out.
            RuntimeError: as `status`.
            TypeError: if ``force`` is not a bool.
        """
        check_bool("force", force)
        await self._calls.destroy(force=force)


def _order(identifier: str) -> tuple[int, ...]:
    """Return what the ids of a stream are sorted by."""
    return tuple(map(int, identifier.split("-")))
