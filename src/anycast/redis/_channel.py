"""The channel on a server, as its users make it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from anyio import create_task_group

from anycast._interface.channel import Channel
from anycast.redis._link import Server
from anycast.redis._options import Options, check_redis_name
from anycast.redis._receiver import RedisReceiver, _Receiver  # pyright: ignore[reportPrivateUsage]
from anycast.redis._sender import _Sender  # pyright: ignore[reportPrivateUsage]
from anycast.redis._session import Session

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType
    from typing import Self

    from anyio.abc import TaskGroup

    from anycast._interface.sender import Sender
    from anycast._interface.statistics import ChannelStatistics
    from anycast.redis._codec import Codec

T = TypeVar("T")


class RedisAnycast(Channel[T]):
    """A channel whose messages are kept by a Redis or Valkey server, for many processes.

    ```py
    import anyio
    from anycast.redis import RedisAnycast, json_codec


    async def main() -> None:
        words = RedisAnycast[str](name="words", url="redis://localhost", codec=json_codec(str))
        async with words:
            sender = words.new_sender()
            await sender.send("hello")
            await sender.send("world")
            await words.aclose()  # for every process: no more will come
            print([word async for word in words.new_receiver()])


    anyio.run(main)
    ```

    ```output
    ['hello', 'world']
    ```

    Every process that uses the same name on the same server uses the same channel.
    ``async with channel:`` connects, once, and only within it can anything be sent or received;
    leaving it detaches this process only, and what it still had in hand goes to others. `aclose`
    ends the channel for everyone: receivers get the end once every message is acknowledged.

    *At least once*: a message comes back if the process that has it crashes or fails, or hangs
    for longer than a lease. *At most once*: it is deleted before it is handed over, and
    a crash loses it. A send that returned is stored by the server. One that raised is not,
    unless the `SenderError` says that nobody knows.

    If the server is away for longer than ``timeout``, or has lost the channel, the channel
    fails for this process: whatever waits raises a `SenderError` or `ReceiverError`, whose cause
    is a `ChannelError`. Make a new one to try again.

    Args:
        name: which channel of that server.
        url: the server: redis://, rediss:// or unix://, with the password if there is one.
        limit: how many messages may be unacknowledged before senders block, in all
            processes together; at least 1, or `math.inf`. Whoever makes the channel sets it.
        codec: what encodes and decodes messages; for plain data, `json_codec`.
        lease: for how many seconds a message stays with a process that is not heard of.
        prefetch: how many messages to hold ready beyond those that tasks wait for.
        delivery: ``"at-least-once"`` or ``"at-most-once"``.
        max_deliveries: after how many deliveries a message that fails again becomes a dead
            letter; None for never.
        timeout: how many seconds the server may be silent or away before that is an error.

    Raises:
        TypeError: if an argument has a wrong type.
        ValueError: if an argument has a wrong value.
    """

    def __init__(  # noqa: PLR0913  they are named, and most have a default
        self,
        *,
        name: str,
        url: str,
        codec: Codec[T],
        limit: float = 1000,
        lease: float = 30.0,
        prefetch: int = 4,
        delivery: Literal["at-least-once", "at-most-once"] = "at-least-once",
        max_deliveries: int | None = 5,
        timeout: float = 10.0,
    ) -> None:
        check_redis_name(name)
        self._name = name
        options = Options(
            limit=limit,
            codec=codec,
            lease=lease,
            prefetch=prefetch,
            delivery=delivery,
            max_deliveries=max_deliveries,
            timeout=timeout,
        )
        self._session = Session(self, Server(url), options)
        self._entered = False
        self._tasks: TaskGroup

    @property
    def name(self) -> str:
        return self._name

    @property
    def limit(self) -> float:
        return self._session.options.limit

    @property
    def is_closed(self) -> bool:
        """Whether the channel was closed, as far as this process knows."""
        return self._session.closed

    def new_sender(self) -> Sender[T]:
        return _Sender(self, self._session)

    def new_receiver(self) -> RedisReceiver[T]:
        return _Receiver(self, self._session)

    def close(self) -> Awaitable[None]:
        """Close the channel for every process: here at once, at the server soon.

        ```py
        import anyio
        from anycast import SenderError
        from anycast.redis import RedisAnycast, json_codec


        async def main() -> None:
            words = RedisAnycast[str](name="words", url="redis://localhost", codec=json_codec(str))
            async with words:
                closed = words.close()
                try:
                    await words.new_sender().send("too late")
                except SenderError:
                    await closed  # now the server knows, too


        anyio.run(main)
        ```

        Returns:
            Something to await until the server knows.

        Raises:
            RuntimeError: if the channel was not entered, or was left.
        """
        self._session.close()
        return _Closed(self._session)

    async def aclose(self) -> None:
        """Close the channel for every process, and wait until the server knows.

        If the task is cancelled while it waits, the channel is closed even so: here at once, and
        for every process when this one leaves it at the latest.

        ```py
        import anyio
        from anycast.redis import RedisAnycast, json_codec


        async def main() -> None:
            words = RedisAnycast[str](name="words", url="redis://localhost", codec=json_codec(str))
            async with words:
                await words.aclose()
            async with RedisAnycast[str](
                name="words", url="redis://localhost", codec=json_codec(str)
            ) as later:  # in another process, perhaps
                assert later.is_closed


        anyio.run(main)
        ```

        Raises:
            ChannelError: if the server could not be told.
            RuntimeError: as `close`.
        """
        await self.close()

    async def __aenter__(self) -> Self:
        if self._entered:
            raise RuntimeError(f"{self} can be entered once only: make another one")
        self._entered = True
        self._tasks = await create_task_group().__aenter__()
        try:
            await self._session.open(self._tasks)
        except BaseException:
            await self._tasks.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Detach this process; the channel lives on."""
        try:
            await self._session.stop()
        finally:
            await self._tasks.__aexit__(None, None, None)

    def statistics(self) -> ChannelStatistics:
        """Tell what this process does in the channel, and no other.

        ```py
        import anyio
        from anycast.redis import RedisAnycast, json_codec


        async def main() -> None:
            words = RedisAnycast[str](name="words", url="redis://localhost", codec=json_codec(str))
            async with words:
                await words.new_sender().send("hello")
                assert words.statistics().messages_sent == 1


        anyio.run(main)
        ```

        Returns:
            A snapshot, which does not change any more.
        """
        return self._session.statistics()


class _Closed(Awaitable[None], Generic[T]):
    """What `RedisAnycast.close` returns; it need not be awaited."""

    def __init__(self, session: Session[T]) -> None:
        self._session = session

    def __await__(self) -> Generator[None, None, None]:
        return self._session.until_closed().__await__()
