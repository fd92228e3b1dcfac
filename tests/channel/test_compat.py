"""Programs as people write them for ``frequenz.channels``: only the import is changed."""

from __future__ import annotations

import asyncio

import pytest

from anycast import (
    Anycast,
    ChannelClosedError,
    ChannelError,
    Error,
    Receiver,
    ReceiverError,
    ReceiverStoppedError,
    Sender,
    SenderClosedError,
    SenderError,
)


def test_one_sender_and_one_receiver(capsys: pytest.CaptureFixture[str]) -> None:
    """Temperatures go from a sensor to a display."""

    async def measure(sender: Sender[float]) -> None:
        for tenths in (195, 200, 205):
            await sender.send(tenths / 10)

    async def main() -> None:
        temperatures = Anycast[float](name="temperatures")
        receiver = temperatures.new_receiver()
        async with asyncio.TaskGroup() as group:
            group.create_task(measure(temperatures.new_sender()))
            for _ in range(3):
                print(await receiver.receive())  # noqa: T201  so do people

    asyncio.run(main())
    assert capsys.readouterr().out == "19.5\n20.0\n20.5\n"


def test_two_senders_and_two_receivers() -> None:
    """Work is shared among workers, over a buffer so small that senders block."""
    done: list[tuple[str, int]] = []

    async def produce(sender: Sender[int], start: int, stop: int) -> None:
        for job in range(start, stop):
            await sender.send(job)

    async def work(name: str, receiver: Receiver[int]) -> None:
        try:
            async for job in receiver:
                done.append((name, job))
                await asyncio.sleep(0)
        except ReceiverStoppedError:
            pass

    async def main() -> None:
        jobs = Anycast[int](name="jobs", limit=2)
        async with asyncio.TaskGroup() as workers:
            for name in ("first", "second"):
                workers.create_task(work(name, jobs.new_receiver()))
            async with asyncio.TaskGroup() as producers:
                producers.create_task(produce(jobs.new_sender(), 0, 10))
                producers.create_task(produce(jobs.new_sender(), 10, 20))
            await jobs.close()

    asyncio.run(main())
    assert sorted(job for _, job in done) == list(range(20))
    assert {name for name, _ in done} == {"first", "second"}


def test_awaiting_close_and_aclose() -> None:
    """`close` and `aclose` can be awaited, even twice."""

    async def main() -> bool:
        channel = Anycast[str](name="words", limit=5)
        await channel.close()
        await channel.aclose()
        await channel.close()
        return channel.is_closed

    assert asyncio.run(main())


def test_handling_a_closed_channel() -> None:
    """A failed send raises a `SenderError`, and the cause of that error tells the reason."""

    async def main() -> list[bool]:
        channel = Anycast[int](name="numbers")
        sender = channel.new_sender()
        await channel.close()
        try:
            await sender.send(1)
        except SenderError as error:  # pyright: ignore[reportUnknownVariableType]
            cause = error.__cause__
            return [
                error.sender is sender,  # pyright: ignore[reportUnknownMemberType]
                isinstance(cause, ChannelClosedError) and cause.channel is channel,  # pyright: ignore[reportUnknownMemberType]
            ]
        return []

    assert asyncio.run(main()) == [True, True]


def test_draining_until_the_receiver_stops() -> None:
    """A loop over ``receive`` ends by the error, which has a cause too."""

    async def main() -> tuple[list[int], type[BaseException | None]]:
        channel = Anycast[int](name="numbers", limit=3)
        sender, receiver = channel.new_sender(), channel.new_receiver()
        for number in range(3):
            await sender.send(number)
        await channel.close()
        numbers: list[int] = []
        while True:
            try:
                numbers.append(await receiver.receive())
            except ReceiverStoppedError as error:  # pyright: ignore[reportUnknownVariableType]
                return numbers, type(error.__cause__)

    assert asyncio.run(main()) == ([0, 1, 2], ChannelClosedError)


def test_closing_endpoints() -> None:
    """A closed sender and a closed receiver raise; the channel stays open."""

    async def main() -> bool:
        channel = Anycast[int](name="numbers")
        sender, receiver = channel.new_sender(), channel.new_receiver()
        await sender.aclose()
        with pytest.raises(SenderClosedError):
            await sender.send(1)
        receiver.close()
        with pytest.raises(ReceiverStoppedError):
            await receiver.receive()
        return channel.is_closed

    assert not asyncio.run(main())


@pytest.mark.parametrize(
    "error", [ChannelError, ReceiverError, ReceiverStoppedError, SenderError, SenderClosedError]
)
def test_every_error_is_an_error_of_the_package(error: type[Exception]) -> None:
    """``except Error`` and ``except RuntimeError`` catch every error of the package."""
    assert issubclass(error, Error)
    assert issubclass(error, RuntimeError)


def test_catching_runtime_error() -> None:
    """An error raised by a send is a RuntimeError as an instance, too."""

    async def main() -> object:
        channel = Anycast[int](name="numbers")
        await channel.close()
        results = await asyncio.gather(
            channel.new_sender().send(1), channel.new_receiver().receive(), return_exceptions=True
        )
        return [isinstance(result, RuntimeError) for result in results]

    assert asyncio.run(main()) == [True, True]


def test_giving_up_on_a_receive() -> None:
    """A receive that timed out has taken no message."""

    async def main() -> int:
        channel = Anycast[int](name="numbers")
        receiver = channel.new_receiver()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(receiver.receive(), timeout=0)
        await channel.new_sender().send(1)
        return await asyncio.wait_for(receiver.receive(), timeout=60)

    assert asyncio.run(main()) == 1


def test_properties_and_names() -> None:
    """A channel shows its name, its limit and whether it is closed."""
    channel = Anycast[int](name="numbers", limit=2)
    assert (channel.name, channel.limit, channel.is_closed) == ("numbers", 2, False)
    assert str(channel) == "Anycast:numbers"
    assert str(channel.new_sender()) == "Anycast:numbers:_Sender"
    assert str(channel.new_receiver()) == "Anycast:numbers:_Receiver"
    assert Anycast[int](name="default").limit == 10
