"""Which code is protected from Ctrl-C on trio, which code is not, and from when on."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from anycast import Anycast, ReceiverStoppedError, merge
from anycast._waiting import protection
from ctrl_c import SOURCE, Interrupter, at_each_line
from helpers import waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

trio = pytest.importorskip("trio")
pytest.importorskip("trio.testing")


async def close(closing: Any) -> None:
    """Close at once."""
    closing.close()


async def aclose(closing: Any) -> None:
    """Close, and await the close."""
    await closing.aclose()


async def leave(closing: Any) -> None:
    """Close on leaving a block."""
    async with closing:
        pass


@pytest.mark.parametrize("what", ["sender", "receiver", "merge", "channel"])
@pytest.mark.parametrize("how", [close, aclose, leave])
def test_a_close_that_has_begun_is_done(what: str, how: Callable[[Any], Any]) -> None:
    """The tasks that wait in the closed object are woken, and the close is complete."""

    async def main(interrupter: Interrupter) -> None:
        channels.append(channel := Anycast[int](limit=0))
        sender, receiver = channel.new_sender(), channel.new_receiver()
        both = merge(receiver, channel.new_receiver())
        closing = {"sender": sender, "receiver": receiver, "merge": both, "channel": channel}[what]

        async def receive_until_closed() -> None:
            with suppress(ReceiverStoppedError):
                await receiver.receive()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive_until_closed)
            await anyio.lowlevel.checkpoint()
            await interrupter.watch(how(closing))
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    channels: list[Anycast[int]] = []
    open_endpoints = {"sender": 2, "receiver": 2, "merge": 1, "channel": 3}[what]
    for _ in at_each_line(main):
        channel = channels[-1]
        statistics = channel.statistics()
        assert statistics.open_senders + statistics.open_receivers == open_endpoints
        assert waiting(channel) == (0, 0)
        assert channel.is_closed == (what == "channel")


@pytest.mark.parametrize("make", ["new_sender", "new_receiver"])
def test_an_endpoint_that_is_made_is_counted_once(make: str) -> None:
    """Else a channel with ``auto_close`` would never close."""
    made: list[Any] = []
    channel = Anycast[int]()

    async def make_two() -> None:
        made.append(getattr(channel, make)())
        made.append(made[-1].clone())

    async def main(interrupter: Interrupter) -> None:
        await interrupter.watch(make_two())

    for _ in at_each_line(main):
        statistics = channel.statistics()
        assert statistics.open_senders + statistics.open_receivers == len(made)


@trio.lowlevel.enable_ki_protection  # type: ignore[untyped-decorator, unused-ignore]
async def press_when_all_wait() -> None:
    """Press Ctrl-C where trio cannot interrupt at once, when the main task waits."""
    await trio.testing.wait_all_tasks_blocked()
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_ends_a_wait() -> None:
    """A program that is blocked in a receive ends."""
    receiver = (channel := Anycast[int]()).new_receiver()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(press_when_all_wait)
            await receiver.receive()

    with pytest.RaisesGroup(KeyboardInterrupt):
        trio.run(main)
    assert waiting(channel) == (0, 0)


def test_a_function_of_map_is_not_interrupted() -> None:
    """The receive is done, and Ctrl-C comes at the next wait."""
    channel = Anycast[int]()
    received: list[int] = []

    def press(number: int) -> int:
        signal.raise_signal(signal.SIGINT)
        return number

    async def main() -> None:
        await channel.new_sender().send(1)
        received.append(await channel.new_receiver().map(press).receive())
        await anyio.lowlevel.checkpoint()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert received == [1]


def test_a_function_of_map_that_asks_to_be_interrupted() -> None:
    """The interrupt is an error of the function: the message counts as received."""
    channel, went_on = Anycast[int](), list[bool]()

    @trio.lowlevel.disable_ki_protection  # type: ignore[untyped-decorator, unused-ignore]
    def press(_: int) -> None:
        signal.raise_signal(signal.SIGINT)
        went_on.append(True)

    channel.new_sender().send_nowait(1)
    with pytest.raises(KeyboardInterrupt):
        trio.run(channel.new_receiver().map(press).receive)
    assert not went_on
    assert channel.statistics().messages_received == 1


def test_a_generator_of_send_many_is_interrupted() -> None:
    """Code of the user may run for long."""
    channel, went_on = Anycast[int](), list[bool]()

    def generate() -> Iterator[int]:
        yield 1
        signal.raise_signal(signal.SIGINT)
        went_on.append(True)

    with pytest.raises(KeyboardInterrupt):
        trio.run(channel.new_sender().send_many, generate())
    assert not went_on
    assert channel.statistics().messages_sent == 1


def test_a_generator_of_send_many_stays_open() -> None:
    """A batch that ends early leaves the rest in the generator."""
    sender = Anycast[int](limit=2).new_sender()
    numbers = (number for number in range(5))

    async def main() -> None:
        with anyio.move_on_after(0):
            await sender.send_many(numbers)

    trio.run(main)
    assert list(numbers) == [3, 4]  # 2 waited for room


def test_every_operation_is_protected() -> None:
    """A new operation is protected, too."""
    channel = Anycast[int]()
    receiver = channel.new_receiver()
    owners: list[Any] = [channel, channel.new_sender(), receiver, receiver.map(str)]
    owners += [merge(receiver), receiver.lease(), receiver.receiving()]
    table = pytest.importorskip("trio._core._ki")._CODE_KI_PROTECTION_STATUS_WMAP
    special = {"__aenter__", "__aexit__", "__exit__", "__anext__", "result"}
    # These functions change no channel, or make an object that no task has used.
    harmless = {
        "lease",
        "map",
        "filter",
        "sending",
        "receiving",
        "leasing",
        "batching",
        "statistics",
    }
    harmless |= {"channels", "raise_stopped"}
    harmless |= {"receive_within"}  # a part of `receive_many`
    bare: set[str] = set()
    for owner in owners:
        kind = cast("Any", type(owner))
        for name in dir(kind):
            code = getattr(getattr(kind, name), "__code__", None)
            public = name in special or not name.startswith("_")
            operation = name in special or not hasattr(owner, "try_fast")
            if public and operation and code and SOURCE in code.co_filename:
                try:
                    table[code]
                except KeyError:
                    bare.add(f"{kind.__name__}.{name}")
    assert {one for one in bare if one.partition(".")[2] not in harmless} == {
        "_Receiver.receive",  # Ctrl-C comes at once there: see `test_keyboard_interrupt.py`
        "_Receiver.__anext__",
    }


def in_a_process(code: str) -> None:
    """Run code in a Python process of its own."""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)  # noqa: S603


def test_a_program_without_trio_does_not_import_trio() -> None:
    """Only a program that uses trio pays for trio."""
    in_a_process(
        "import asyncio, sys\n"
        "from anycast import Anycast\n"
        "channel = Anycast(limit=0)\n"
        "async def main():\n"
        "    sending = asyncio.create_task(channel.new_sender().send(1))\n"
        "    assert await channel.new_receiver().receive() == 1\n"
        "    await sending\n"
        "asyncio.run(main())\n"
        "assert 'trio' not in sys.modules\n"
    )


@pytest.mark.parametrize("first", ["channel.new_sender()", "trio.run(wait)"])
def test_trio_may_be_imported_late(first: str) -> None:
    """The code is protected from the next endpoint or wait on."""
    in_a_process(
        "from anycast import Anycast\n"
        "channel = Anycast()\n"
        "receiver = channel.new_receiver()\n"
        "import trio\n"
        "async def wait():\n"
        "    with trio.move_on_after(0):\n"
        "        await receiver.receive()\n"
        f"{first}\n"
        "from anycast._waiting import protection\n"
        "assert not protection.unmarked\n"
        "from trio._core import _ki\n"
        "assert _ki._CODE_KI_PROTECTION_STATUS_WMAP[type(receiver)._take_or_wait.__code__]\n"
    )


def test_trio_that_is_being_imported_marks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may be importing trio, so the next endpoint tries again."""
    monkeypatch.setitem(sys.modules, "trio.lowlevel", ModuleType("trio.lowlevel"))
    monkeypatch.setattr(protection, "unmarked", [print])
    protection.protect()
    assert protection.unmarked == [print]
