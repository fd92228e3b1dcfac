"""The channel on a server, as users make it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar

from anycast._interface.channel import Channel
from anycast._interface.errors import ChannelError
from anycast._interface.other_names import explained
from anycast._interface.statistics import ChannelStatistics
from anycast.redis._backoff import exponential_backoff
from anycast.redis._codec import Codec
from anycast.redis._link import Server
from anycast.redis._options import Options, check_redis_name
from anycast.redis._receiver import RedisReceiver, _Receiver  # pyright: ignore[reportPrivateUsage]
from anycast.redis._sender import RedisSender, _Sender  # pyright: ignore[reportPrivateUsage]
from anycast.redis._session import Session

T = TypeVar("T")


class RedisAnycast(Channel[T]):
    """A channel for many processes, whose messages are kept by a Redis or Valkey server.

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
    ``async with channel:`` connects to the server. The block can be entered once, and messages
    can be sent and received only within the block, in the event loop and in the process that
    entered it. Leaving the block detaches this process alone: messages that this process has not
    acknowledged go to other receivers, and these deliveries do not count. `aclose` ends the
    channel for every process: receivers get the end once every message is acknowledged.

    *At least once*: a message is delivered again if the process that has the message crashes or
    fails, or hangs for longer than a lease. *At most once*: a message is deleted before it is
    handed over, and a crash loses the message. If a send returned, the server has stored the
    message. If a send raised, the server has not stored the message, unless the `SenderError`
    says that the outcome is unknown.

    If the server is away for longer than ``timeout``, or has lost the channel, the channel fails
    for this process: every waiting task raises a `SenderError` or `ReceiverError`, whose cause
    is a `ChannelError`. To try again, make a new channel.

    The first process that opens the channel sets ``limit``, ``lease`` and ``max_deliveries`` for
    all processes. A process that opens the channel with another value uses the value at the
    server, and logs a warning.

    Args:
        name: the name of the channel on the server.
        url: of the server: redis://, rediss:// or unix://, with the password if there is one; of
            its Sentinels: redis+sentinel://; or of its cluster: redis+cluster://. The page "Where
            the server is" has the parts of a URL.
        limit: how many messages may be unacknowledged before senders block, in all
            processes together; at least 1, or `math.inf`.
        codec: encodes and decodes messages; for plain data, `json_codec`.
        lease: for how many seconds a message stays with a process that the server does not
            hear from.
        prefetch: how many messages to hold ready beyond the messages that tasks wait for.
        delivery: ``"at-least-once"`` or ``"at-most-once"``.
        max_deliveries: the number of the last delivery: a message that fails in this delivery,
            or whose process dies or hangs in this delivery, becomes a dead letter. A message also
            becomes a dead letter when five processes have died or hung with the message. With
            None no message ever becomes a dead letter.
        retry_delay: for how many seconds a message waits before the next try, after the work on
            the message has failed: a number, or a function of the number of deliveries so far.
        timeout: how many seconds the server may be silent or away before that is an error, or
            `math.inf`: then the channel waits for the server for ever, and logs warnings. One try
            waits for an answer for half of this time, so there is time for another try.

    Raises:
        TypeError: if an argument has a wrong type.
        ValueError: if an argument has a wrong value.
    """

    @explained
    def __init__(  # noqa: PLR0913  keywords only, and most have a default
        self,
        *,
        name: str,
        url: str,
        codec: Codec[T],
        limit: float = 1000,
        lease: float = 30.0,
        prefetch: int = 4,
        delivery: Literal["at-least-once", "at-most-once"] = "at-least-once",
        max_deliveries: int | None = 7,
        retry_delay: float | Callable[[int], float] = exponential_backoff,
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
            retry_delay=retry_delay,
            timeout=timeout,
        )
        self._session = Session(self, Server(url), options)
        self._entered = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def limit(self) -> float:
        return self._session.limit

    @property
    def is_closed(self) -> bool:
        """Whether the channel was closed, as far as this process knows."""
        return self._session.closed

    @property
    def failure(self) -> ChannelError[T] | None:
        """Why the channel has failed for this process; None if the channel has not failed.

        A health check can look at this. A process that neither sends nor receives asks the server
        three times in a lease. A channel that has failed never works again: make a new channel, or
        end the process and start another process.

        ```py
        import anyio
        from anycast.redis import RedisAnycast, json_codec


        async def main() -> None:
            words = RedisAnycast[str](name="words", url="redis://localhost", codec=json_codec(str))
            async with words:
                print("works" if words.failure is None else words.failure)


        anyio.run(main)
        ```

        ```output
        works
        ```
        """
        return self._session.failure

    def new_sender(self) -> RedisSender[T]:
        return _Sender(self, self._session)

    def new_receiver(self) -> RedisReceiver[T]:
        return _Receiver(self, self._session)

    def close(self) -> Awaitable[None]:
        """Close the channel for every process: in this process at once, at the server soon.

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
            An awaitable that waits until the server knows. Awaiting it is optional.

        Raises:
            RuntimeError: if the channel was not entered, or was left.
        """
        self._session.close()
        return _Closed(self._session)

    async def aclose(self) -> None:
        """Close the channel for every process, and wait until the server knows.

        If the task is cancelled while it waits, the channel is closed all the same: in this
        process at once, and for every process at the latest when this process leaves the channel.

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
            ChannelError: if the channel failed before the server was told.
            RuntimeError: as `close`.
        """
        await self.close()

    async def join(self) -> None:
        """Wait until no message is left, in any process, and no sender is blocked in this process.

        A message counts from its send until its acknowledgement: while the server stores the
        message, and while a receiver of any process works on the message. A message that fails and
        comes back counts on, and a dead letter does not count. The server does not know what is
        offered by the blocked senders of other processes: join in each process that sends, or join
        after the last send has returned. This works with a closed channel, too.

        The process asks the server again and again, at most half a second apart. If the server is
        away for less than ``timeout``, the call goes on waiting. A cancellation at any moment
        changes nothing.

        ```py
        import anyio
        from anycast import Receiver
        from anycast.redis import RedisAnycast, json_codec


        async def work(jobs: Receiver[str]) -> None:
            while True:
                async with jobs.lease() as job:
                    print(job)


        async def main() -> None:
            jobs = RedisAnycast[str](name="chores", url="redis://localhost", codec=json_codec(str))
            async with jobs, anyio.create_task_group() as tasks:
                await jobs.new_sender().send_many(["wash", "dry"])
                tasks.start_soon(work, jobs.new_receiver())  # or in another process
                await jobs.join()  # both jobs are done
                tasks.cancel_scope.cancel()


        anyio.run(main)
        ```

        ```output
        wash
        dry
        ```

        Raises:
            ChannelError: if the channel failed for this process, or was left, before that.
            RuntimeError: if the channel was not entered, or was entered in another event loop or
                before a fork.
        """
        await self._session.join()

    def __repr__(self) -> str:
        text = super().__repr__()
        return text if self.failure is None else f"{text.removesuffix('>')}, failed=True>"

    async def __aenter__(self) -> Self:
        if self._entered:
            raise RuntimeError(f"{self} can be entered once only: make another one")
        self._entered = True
        await self._session.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Detach this process. The channel and its messages stay at the server."""
        await self._session.stop()

    def statistics(self) -> ChannelStatistics:
        """Return statistics of this process alone.

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
            A snapshot, which does not change later.
        """
        return self._session.statistics()


class _Closed(Awaitable[None], Generic[T]):
    """What `RedisAnycast.close` returns. Awaiting it is optional."""

    def __init__(self, session: Session[T]) -> None:
        self._session = session

    def __await__(self) -> Generator[None, None, None]:
        return self._session.until_closed().__await__()

    def __repr__(self) -> str:
        return "<closed in this process: await this to wait for the server>"
