"""When a message is done, when a message comes back, and when a message is given up."""

from __future__ import annotations

import gc
import logging
import math
import re
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, WouldBlock, fail_after, move_on_after, to_thread

from anycast import ReceiverClosedError, ReceiverStoppedError, select
from helpers import STOPPED, begin, drain, raises, task_group
from redis_tools import DEADLINE, channel, dead, deliveries, in_hand, key, stored, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anycast import Receiver
    from anycast.redis import RedisAnycast
    from servers import Server

pytestmark = pytest.mark.anyio


# A program that ends while a receiver is still referenced.
ENDS = """
import sys, anyio
from anycast.redis import RedisAnycast, json_codec

async def main(url, name):
    async with RedisAnycast(name=name, url=url, codec=json_codec(int)) as jobs:
        sys.modules["kept"] = jobs.new_receiver()

anyio.run(main, *sys.argv[1:3], backend=sys.argv[3])
"""


@pytest.fixture
async def jobs(server: Server, name: str) -> AsyncGenerator[RedisAnycast[Any]]:
    """Provide an open channel without prefetching, which gives up after two deliveries."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=0, max_deliveries=2) as jobs:
            yield jobs


async def test_asking_for_the_next_acknowledges(
    server: Server, name: str, jobs: RedisAnycast[Any]
) -> None:
    """The message received before is done then, and not earlier."""
    receiver = jobs.new_receiver()
    await jobs.new_sender().send_many([1, 2])
    await receiver.receive()
    assert stored(server, name) == 2
    await receiver.receive()
    await until(lambda: stored(server, name) == 1)


async def test_leaving_a_receiver_normally_acknowledges(
    server: Server, name: str, jobs: RedisAnycast[Any]
) -> None:
    """The message is done."""
    await jobs.new_sender().send(1)
    async with jobs.new_receiver() as receiver:
        await receiver.receive()
    await until(lambda: stored(server, name) == 0)


@pytest.mark.parametrize(
    ("error", "deliveries"),
    [(ValueError("no"), 2), (KeyboardInterrupt(), 1)],
    ids=["fails", "ends"],
)
async def test_leaving_a_receiver_by_an_exception_gives_back(
    jobs: RedisAnycast[Any], error: BaseException, deliveries: int
) -> None:
    """The message comes again, and the delivery counts if the work on the message failed."""
    await jobs.new_sender().send(1)
    with pytest.raises(type(error)), jobs.new_receiver() as receiver:
        await receiver.receive()
        raise error
    again = jobs.new_receiver()
    assert await again.receive() == 1
    assert again.deliveries == deliveries


class SilentError(Exception):
    """An error without a text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


async def test_an_error_that_has_no_text(
    server: Server, name: str, jobs: RedisAnycast[Any]
) -> None:
    """The message comes again, and at last becomes a dead letter that names the error."""
    await jobs.new_sender().send(1)
    for _ in range(2):
        with pytest.raises(SilentError):
            async with jobs.new_receiver().lease():
                raise SilentError
    await until(lambda: dead(server, name))
    assert dead(server, name)[0]["error"] == "SilentError, whose text cannot be read"


@pytest.mark.parametrize("derived", [False, True], ids=["own", "derived"])
async def test_a_lease_that_is_forgotten(jobs: RedisAnycast[Any], *, derived: bool) -> None:
    """The message comes again, and the delivery does not count."""
    await jobs.new_sender().send(1)
    receiver = jobs.new_receiver()
    lease = (receiver.map(str) if derived else receiver).lease()
    await lease.__aenter__()
    del lease
    gc.collect()
    again = jobs.new_receiver()
    assert await again.receive() == 1
    assert again.deliveries == 1


async def test_many_messages_that_are_given_back(server: Server, name: str) -> None:
    """The messages come again in order, even if they need several scripts."""
    count = 1100
    with fail_after(DEADLINE):
        async with channel(server, name, limit=2000) as jobs:
            await jobs.new_sender().send_many(range(count))
            kept = jobs.new_receiver()
            assert await kept.receive_many(count, within=DEADLINE) == list(range(count))
        async with channel(server, name) as jobs:
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(count)] == list(range(count))


async def test_closing_a_receiver_gives_back(jobs: RedisAnycast[Any]) -> None:
    """A close cannot know whether the work was done, and the delivery does not count."""
    await jobs.new_sender().send(1)
    receiver = jobs.new_receiver()
    await receiver.receive()
    receiver.close()
    again = jobs.new_receiver()
    assert await again.receive() == 1
    assert again.deliveries == 1


async def test_a_receiver_that_is_collected_gives_back(jobs: RedisAnycast[Any]) -> None:
    """The message is given back, since nothing can acknowledge the message any more."""
    await jobs.new_sender().send(1)
    receiver = jobs.new_receiver()
    await receiver.receive()
    del receiver
    again = jobs.new_receiver()
    assert await again.receive() == 1
    assert again.deliveries == 1


async def test_the_last_receiver_is_collected(server: Server, name: str) -> None:
    """What was held ahead of need goes back, too, since nobody is left to take it here."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=3, lease=300) as jobs:
            await jobs.new_sender().send_many(range(4))
            receiver = jobs.new_receiver()
            await receiver.receive()
            assert in_hand(server, name) == 4
            del receiver
            await until(lambda: in_hand(server, name) == 0)
            assert jobs.statistics().open_receivers == 0


async def test_a_receiver_is_collected_in_another_thread(jobs: RedisAnycast[Any]) -> None:
    """The event loop of the channel gives the message back."""
    await jobs.new_sender().send(1)
    kept = [jobs.new_receiver()]
    await kept[0].receive()
    await to_thread.run_sync(kept.clear)
    assert await jobs.new_receiver().receive() == 1


def test_a_receiver_is_collected_when_the_program_ends(
    server: Server, name: str, anyio_backend_name: str
) -> None:
    """The event loop is over and imports fail, and the collection still raises nothing."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", ENDS, server.url, name, anyio_backend_name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")


async def test_a_receiver_that_nobody_keeps_acknowledges(
    server: Server, name: str, jobs: RedisAnycast[Any]
) -> None:
    """The message is acknowledged at once, since nothing could acknowledge it later."""
    await jobs.new_sender().send_many([1, 2, 3])
    assert await jobs.new_receiver().receive() == 1
    assert await jobs.new_receiver().receive_many(2) == [2, 3]
    await until(lambda: stored(server, name) == 0)


@pytest.mark.parametrize("error", [None, ValueError("no")], ids=["break", "exception"])
@pytest.mark.parametrize("temporary", [False, True], ids=["kept", "temporary"])
async def test_leaving_a_loop_gives_back(
    jobs: RedisAnycast[Any], error: Exception | None, *, temporary: bool
) -> None:
    """The loop cannot know whether the work was done."""
    await jobs.new_sender().send_many([1, 2, 3])
    receiver = jobs.new_receiver()
    with suppress(ValueError):
        async for message in jobs.new_receiver() if temporary else receiver:
            if message == 2:
                if error is not None:
                    raise error
                break
    again = jobs.new_receiver()
    assert [await again.receive(), again.deliveries] == [2, 1]
    assert await again.receive() == 3


@pytest.mark.parametrize(
    ("error", "deliveries"),
    [(ValueError("no"), 2), (KeyboardInterrupt(), 1), (None, 1)],
    ids=["fails", "ends", "break"],
)
async def test_an_exception_leaves_a_loop_and_its_receiver(
    jobs: RedisAnycast[Any], error: BaseException | None, deliveries: int
) -> None:
    """The block of the receiver knows whether the work on the message has failed."""
    await jobs.new_sender().send(1)
    with suppress(ValueError, KeyboardInterrupt):
        async with jobs.new_receiver() as receiver:
            async for _ in receiver:
                if error is None:
                    break
                raise error
    again = jobs.new_receiver()
    assert [await again.receive(), again.deliveries] == [1, deliveries]


async def test_an_exception_after_a_loop_was_left(jobs: RedisAnycast[Any]) -> None:
    """A later exception does not concern the message that went back when the loop was left."""
    await jobs.new_sender().send(1)
    with pytest.raises(ValueError, match="no"):
        async with jobs.new_receiver() as receiver:
            async for _ in receiver:
                break
            assert await receiver.receive() == 1
            raise ValueError("no")
    again = jobs.new_receiver()
    assert [await again.receive(), again.deliveries] == [1, 2]


async def test_an_exception_after_a_loop_was_left_for_another_message(
    server: Server, name: str
) -> None:
    """Only the message that the program worked on has failed."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=4) as jobs:
            await jobs.new_sender().send_many([1, 2])
            with pytest.raises(ValueError, match="no"):
                async with jobs.new_receiver() as receiver:
                    async for _ in receiver:
                        await until(lambda: jobs.statistics().current_buffer_used)
                        break
                    assert receiver.receive_nowait() == 2
                    raise ValueError("no")
            again, counts = jobs.new_receiver(), dict[int, int]()
            for _ in range(2):
                message = await again.receive()
                counts[message] = again.deliveries
    assert counts == {1: 1, 2: 2}


async def test_an_exception_comes_late(jobs: RedisAnycast[Any]) -> None:
    """The server knows by then that the message was given back, and that is not undone."""
    await jobs.new_sender().send(1)
    again = jobs.new_receiver()
    with pytest.raises(ValueError, match="no"):
        async with jobs.new_receiver() as receiver:
            async for _ in receiver:
                break
            assert [await again.receive(), again.deliveries] == [1, 1]
            raise ValueError("no")
    await again.aclose()
    assert await jobs.new_receiver().receive() == 1


async def test_a_loop_acknowledges_what_it_went_past(
    server: Server, name: str, jobs: RedisAnycast[Any]
) -> None:
    """The next message is asked for when the work on the message before is done."""
    await jobs.new_sender().send_many([1, 2])
    await jobs.aclose()
    assert [message async for message in jobs.new_receiver()] == [1, 2]
    assert stored(server, name) == 0


async def test_a_loop_is_collected_in_another_thread(jobs: RedisAnycast[Any]) -> None:
    """The event loop of the channel gives the message back."""
    await jobs.new_sender().send(1)
    receiver = jobs.new_receiver()
    loops = [aiter(receiver)]
    assert await anext(loops[0]) == 1
    await to_thread.run_sync(loops.clear)
    assert await jobs.new_receiver().receive() == 1


async def test_a_loop_is_left_after_its_message_was_acknowledged(
    server: Server, name: str, jobs: RedisAnycast[Any]
) -> None:
    """The message does not come back."""
    await jobs.new_sender().send_many([1, 2])
    receiver = jobs.new_receiver()
    loop = aiter(receiver)
    assert [await anext(loop), await receiver.receive()] == [1, 2]
    del loop
    await until(lambda: stored(server, name) == 1)
    assert receiver.deliveries == 1
    receiver.close()
    assert await jobs.new_receiver().receive() == 2


async def test_one_loop_leaves_what_another_loop_has(jobs: RedisAnycast[Any]) -> None:
    """Each loop gives back the message that the loop worked on."""
    await jobs.new_sender().send_many([1, 2])
    one, two = jobs.new_receiver(), jobs.new_receiver()
    stay, leave = aiter(one), aiter(two)
    assert [await anext(stay), await anext(leave)] == [1, 2]
    del leave
    assert await jobs.new_receiver().receive() == 2


async def test_a_loop_over_a_receiver_that_another_task_closes(jobs: RedisAnycast[Any]) -> None:
    """The loop raises: the channel has not ended."""
    receiver = jobs.new_receiver()
    async with task_group() as tasks:
        loop = await begin(tasks, aiter(receiver).__anext__)
        receiver.close()
    assert loop.failure(ReceiverClosedError)


async def test_closing_a_receiver_in_the_wrong_thread(jobs: RedisAnycast[Any]) -> None:
    """The close raises and changes nothing while a task waits in the receiver."""
    receiver = jobs.new_receiver()
    async with task_group() as tasks:
        attempt = await begin(tasks, receiver.receive)
        with pytest.raises(RuntimeError, match="is not thread-safe"):
            await to_thread.run_sync(receiver.close)
        assert receiver.clone()
        receiver.close()
    assert attempt.failure(ReceiverClosedError)


async def test_what_comes_back_goes_first(jobs: RedisAnycast[Any]) -> None:
    """A message that comes back goes before new messages, oldest first."""
    await jobs.new_sender().send_many([1, 2, 3])
    holder, receiver = jobs.new_receiver(), jobs.new_receiver()
    assert await holder.receive_many(1) == [1]
    with pytest.raises(ValueError, match="no"):
        async with receiver.lease() as message:
            assert message == 2
            holder.close()
            raise ValueError("no")
    assert [await receiver.receive() for _ in range(3)] == [1, 2, 3]


async def test_what_no_program_got_goes_first(server: Server, name: str) -> None:
    """A message that was only prefetched and given back may be prefetched again."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=4) as there:
            await there.new_sender().send_many(range(8))
            receiver = there.new_receiver()
            await receiver.receive()
        async with channel(server, name, prefetch=4) as here:
            receiver = here.new_receiver()
            assert [await receiver.receive() for _ in range(8)] == list(range(8))
            assert receiver.deliveries == 1


async def test_what_failed_is_never_held_ahead_of_need(server: Server, name: str) -> None:
    """A prefetched message would not count if it ended the process."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=0) as there:
            await there.new_sender().send_many(range(3))
            with pytest.raises(ValueError, match="no"), there.new_receiver() as receiver:
                assert await receiver.receive_many(2) == [0, 1]
                raise ValueError("no")
        async with channel(server, name, prefetch=4) as here:
            receiver = here.new_receiver()
            assert await receiver.receive() == 0
            assert in_hand(server, name) == 2  # 0, and 2 ahead of need


async def test_a_lease_tells_the_delivery_count(jobs: RedisAnycast[Any]) -> None:
    """A lease shows how often the message was delivered."""
    await jobs.new_sender().send(1)
    receiver = jobs.new_receiver()
    lease = receiver.lease()
    assert lease.deliveries == 0
    with pytest.raises(ValueError, match="no"):
        async with lease:
            assert lease.deliveries == 1
            raise ValueError("no")
    async with (lease := receiver.lease()):
        assert lease.deliveries == 2


async def test_dead_letters(server: Server, name: str, jobs: RedisAnycast[Any]) -> None:
    """After so many deliveries a message that fails again is kept apart, with the error."""
    await jobs.new_sender().send_many(["bad", "good"])
    receiver = jobs.new_receiver()
    for _ in range(2):
        with pytest.raises(ValueError, match="no luck"):
            async with receiver.lease() as message:
                assert message == "bad"
                raise ValueError("no luck")
    assert await receiver.receive() == "good"
    (letter,) = dead(server, name)
    assert letter.pop("id")
    assert letter == {"deliveries": "2", "error": "ValueError: no luck", "body": '"bad"'}
    await jobs.aclose()
    with pytest.raises(ReceiverStoppedError):
        await receiver.receive()


async def test_a_dead_letter_can_be_the_last_message(jobs: RedisAnycast[Any]) -> None:
    """The end of the channel comes with the last dead letter."""
    await jobs.new_sender().send("bad")
    await jobs.aclose()
    receiver = jobs.new_receiver()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            async with receiver.lease():
                raise ValueError("no")
    assert [message async for message in receiver] == []


async def test_a_dead_letter_makes_room(server: Server, name: str) -> None:
    """A dead letter does not count towards the limit, so a blocked sender goes on."""
    with fail_after(DEADLINE):
        async with channel(server, name, limit=1, max_deliveries=1) as jobs:
            sender = jobs.new_sender()
            await sender.send("bad")
            async with task_group() as tasks:
                tasks.start_soon(sender.send, "good")
                with pytest.raises(ValueError, match="no"):
                    async with jobs.new_receiver().lease():
                        raise ValueError("no")


async def test_without_bound_a_message_never_dies(server: Server, name: str) -> None:
    """The message comes again and again."""
    with fail_after(DEADLINE):
        async with channel(server, name, max_deliveries=None) as jobs:
            await jobs.new_sender().send("bad")
            receiver = jobs.new_receiver()
            for count in range(1, 20):
                with pytest.raises(ValueError, match="no"):
                    async with (lease := receiver.lease()):
                        assert lease.deliveries == count
                        raise ValueError("no")


async def test_a_body_that_cannot_be_decoded(
    server: Server, name: str, jobs: RedisAnycast[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The message is kept apart and logged, and later messages are received."""
    server.ask("XADD", f"anycast:{{{name}}}:stream", "*", "b", "{no json")
    await jobs.new_sender().send("good")
    with caplog.at_level(logging.WARNING, "anycast"):
        receiver = jobs.new_receiver()
        assert await receiver.receive() == "good"
    assert "cannot be decoded, and is given back: ValueError" in caplog.text
    await until(lambda: dead(server, name))
    (letter,) = dead(server, name)
    assert letter["body"] == "{no json"
    assert letter["error"].startswith("ValueError: ")
    assert "no json" not in caplog.text


async def test_a_message_that_cannot_be_encoded(jobs: RedisAnycast[Any]) -> None:
    """The send raises the error of the codec, and the next send works."""
    sender = jobs.new_sender()
    with raises(TypeError, "a object cannot be written as JSON by this codec"):
        await sender.send(object())
    await sender.send(1)
    assert await jobs.new_receiver().receive() == 1


async def test_leaving_the_channel_gives_back_what_is_in_hand(server: Server, name: str) -> None:
    """Prefetched messages go back, too, without a wait for the end of their lease."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=2) as there:
            receiver = there.new_receiver()
            await there.new_sender().send_many(range(6))
            assert [await receiver.receive() for _ in range(2)] == [0, 1]
        async with channel(server, name, prefetch=0) as here:
            receiver = here.new_receiver()
            assert [await receiver.receive() for _ in range(5)] == [1, 2, 3, 4, 5]
            assert receiver.deliveries == 1


async def test_leaving_the_channel_counts_no_delivery(server: Server, name: str) -> None:
    """A process that stops in good order does not judge the messages that it has."""
    counts: list[int] = []
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=1) as there:
            await there.new_sender().send_many(["in hand", "prefetched"])
            receiver = there.new_receiver()
            await receiver.receive()
        async with channel(server, name) as here:
            receiver = here.new_receiver()
            for _ in range(2):
                await receiver.receive()
                counts.append(receiver.deliveries)
    assert counts == [1, 1]


async def test_a_delivery_counts_when_the_program_gets_the_message(
    server: Server, name: str
) -> None:
    """A crash counts for the message in hand, and not for what was fetched ahead of need."""
    counts: dict[int, int] = {}
    with fail_after(DEADLINE):
        async with (
            channel(server, name, lease=0.2, prefetch=3) as crashed,
            channel(server, name, lease=0.2, prefetch=0) as other,
        ):
            await crashed.new_sender().send_many(range(4))
            holder, receiver = crashed.new_receiver(), other.new_receiver()
            assert [await holder.receive() for _ in range(2)] == [0, 1]
            await until(lambda: deliveries(server, name) == [1, 0, 0])
            crashed._session._heartbeat.stop()
            for _ in range(3):
                message = await receiver.receive()
                counts[message] = receiver.deliveries
    assert counts == {1: 2, 2: 1, 3: 1}


async def enter(lease: Any) -> object:
    """Enter a lease, and keep the lease."""
    await lease.__aenter__()
    return lease


async def select_lease(receiver: Receiver[Any]) -> object:
    """Get a message on lease by an operation."""
    return await enter(receiver.map(str).lease())


async def select_message(receiver: Receiver[Any]) -> object:
    """Get a message by an operation."""
    operation = receiver.receiving()
    await select(operation)
    return operation.result()


async def begin_loop(receiver: Receiver[Any]) -> object:
    """Begin the first round of a loop."""
    loop = aiter(receiver)
    await anext(loop)
    return loop


WAYS: list[Callable[[Receiver[Any]], Awaitable[object]]] = [
    lambda receiver: receiver.receive(),
    lambda receiver: receiver.receive_many(1),
    lambda receiver: receiver.receive_many(1, within=0),
    lambda receiver: enter(receiver.lease()),
    begin_loop,
    select_message,
    select_lease,
    lambda receiver: receiver.map(str).receive(),
]


@pytest.mark.parametrize("way", WAYS, ids=range(len(WAYS)))
async def test_each_way_to_get_a_message_counts(
    server: Server, name: str, way: Callable[[Receiver[Any]], Awaitable[object]]
) -> None:
    """The server is told when the program gets a message that was held ahead of need."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=4) as jobs:
            await jobs.new_sender().send_many(range(3))
            first, receiver = jobs.new_receiver(), jobs.new_receiver()
            await first.receive()
            assert deliveries(server, name) == [1, 0, 0]
            kept = await way(receiver)
            await until(lambda: deliveries(server, name) == [1, 1, 0])
            del kept


async def test_a_failed_message_waits_while_others_go_on(server: Server, name: str) -> None:
    """A message that fails again and again delays no other message."""
    asked: list[int] = []

    def pause(deliveries: int) -> float:
        asked.append(deliveries)
        return 0.3

    with fail_after(DEADLINE):
        async with channel(server, name, retry_delay=pause, prefetch=0) as jobs:
            await jobs.new_sender().send_many(["bad", "good"])
            receiver, seen = jobs.new_receiver(), list[str]()
            while seen.count("bad") < 3:
                with suppress(ValueError):
                    async with receiver.lease() as message:
                        seen.append(message)
                        if message == "bad":
                            raise ValueError("no")
    assert seen == ["bad", "good", "bad", "bad"]
    assert asked == [1, 2, 3]


@pytest.mark.parametrize("answer", ["soon", -1, math.nan], ids=str)
async def test_a_pause_that_is_none(
    server: Server, name: str, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    """The fault is logged, and the default pause applies, so no message is lost."""

    def pause(_: int) -> Any:
        return answer

    with fail_after(DEADLINE):
        async with channel(server, name, retry_delay=pause) as jobs:
            await jobs.new_sender().send("bad")
            with suppress(ZeroDivisionError):
                async with jobs.new_receiver().lease():
                    raise ZeroDivisionError
            await until(lambda: server.ask("ZCARD", key(name, "delayed")) == 1)
    assert "`retry_delay` failed, so the default applies" in caplog.text


async def test_a_close_waits_for_a_message_that_waits(server: Server, name: str) -> None:
    """The end of a closed channel comes when the last message is done."""
    with fail_after(DEADLINE):
        async with channel(server, name, retry_delay=0.1) as jobs:
            await jobs.new_sender().send("late")
            await jobs.aclose()
            with suppress(ValueError):
                async with jobs.new_receiver().lease():
                    raise ValueError("no")
            assert [message async for message in jobs.new_receiver()] == ["late"]


async def test_headers(server: Server, name: str, jobs: RedisAnycast[Any]) -> None:
    """Short texts travel beside the body, to receivers, leases and dead letters."""
    sender, receiver = jobs.new_sender(), jobs.new_receiver()
    assert receiver.headers == {}
    await sender.send(1, headers={"trace": "\u00fcber"})
    await sender.send(2)
    assert [await receiver.receive(), receiver.headers] == [1, {"trace": "\u00fcber"}]
    assert [await receiver.receive(), receiver.headers] == [2, {}]
    await sender.send(3, headers={"a": "1", "b": "2"})
    for _ in range(2):
        with suppress(ValueError):
            lease = receiver.lease()
            assert lease.headers == {}
            async with lease:
                assert lease.headers == {"a": "1", "b": "2"}
                raise ValueError("no")
    await until(lambda: dead(server, name))
    assert dead(server, name)[0]["headers"] == '{"a":"1","b":"2"}'


@pytest.mark.parametrize("damaged", ["{no json", "[1]", '{"a":1}'])
async def test_headers_that_cannot_be_read(
    server: Server, name: str, jobs: RedisAnycast[Any], damaged: str
) -> None:
    """The message becomes a dead letter in the end, and later messages are received."""
    server.ask("XADD", key(name, "stream"), "*", "b", "1", "h", damaged)
    await jobs.new_sender().send(2)
    assert await jobs.new_receiver().receive() == 2
    await until(lambda: dead(server, name))


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"a": 1}, TypeError("`headers` must map str to str, and 1 is no str")),
        ({1: "a"}, TypeError("`headers` must map str to str, and 1 is no str")),
        ("ab", TypeError("`headers` must be a mapping of str to str, not 'ab'")),
        (7, TypeError("`headers` must be a mapping of str to str, not 7")),
        ({"a": "\udcff"}, ValueError("`headers` must be texts that UTF-8 can encode")),
    ],
    ids=repr,
)
async def test_headers_that_are_none(
    jobs: RedisAnycast[Any], headers: Any, error: Exception
) -> None:
    """The send raises, and the message is not stored."""
    with pytest.raises(type(error), match=re.escape(str(error))):
        await jobs.new_sender().send(1, headers=headers)
    await jobs.new_sender().send(2)
    assert await jobs.new_receiver().receive() == 2


async def test_leaving_the_channel_stops_its_receivers(server: Server, name: str) -> None:
    """A waiting task stops, and the channel stays open for other processes."""
    with fail_after(DEADLINE):
        async with task_group() as tasks, channel(server, name) as there:
            receiver, sender = there.new_receiver(), there.new_sender()

            async def wait() -> None:
                with raises(ReceiverStoppedError, f"{receiver} {STOPPED}"):
                    await receiver.receive()

            tasks.start_soon(wait)
            await until(lambda: there.statistics().tasks_waiting_receive == 1)
        assert not there.is_closed
        with pytest.raises(Exception, match="was left"):
            await sender.send(1)
        async with channel(server, name) as here:
            await here.new_sender().send(2)
            assert await here.new_receiver().receive() == 2


async def test_leaving_forgets_the_process(server: Server, name: str) -> None:
    """No consumer is kept and no connection; what it last sent is kept for an hour."""
    before = server.clients()
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs:
            await jobs.new_sender().send(1)
            await jobs.new_receiver().receive()
            assert len(server.clients() - before) >= 1
        await until(lambda: not server.clients() - before)
    stream, *_ = server.ask("KEYS", f"anycast:{{{name}}}:stream")
    assert server.ask("XINFO", "CONSUMERS", stream, "receivers") == []
    assert server.ask("ZCARD", key(name, "processes")) == 0
    assert server.ask("HLEN", key(name, "requests")) == 0
    (producer,) = server.ask("KEYS", f"anycast:{{{name}}}:producer:*")
    assert 0 < server.ask("TTL", producer) <= 3600


async def test_messages_that_nobody_takes_go_to_others(server: Server, name: str) -> None:
    """A message that was prefetched for a busy receiver is given back soon."""
    with fail_after(DEADLINE):
        async with (
            channel(server, name, prefetch=3, lease=0.3) as busy,
            channel(server, name, prefetch=0) as free,
        ):
            await busy.new_sender().send_many(range(4))
            holder, receiver = busy.new_receiver(), free.new_receiver()
            assert await holder.receive() == 0
            assert [await receiver.receive() for _ in range(3)] == [1, 2, 3]
            assert holder.deliveries == 1
            await until(lambda: in_hand(server, name) == 2)


async def test_closing_the_last_receiver_gives_back_what_was_prefetched(
    server: Server, name: str
) -> None:
    """No receiver is left that could take the prefetched messages."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=3) as jobs:
            await jobs.new_sender().send_many(range(4))
            receiver = jobs.new_receiver()
            async with receiver.lease():
                receiver.close()
                await until(lambda: in_hand(server, name) == 1)


async def test_a_cancelled_receive_hides_no_message(server: Server, name: str) -> None:
    """The message that comes for the cancelled receive goes to another process soon."""
    with fail_after(DEADLINE):
        async with (
            channel(server, name, prefetch=0) as here,
            channel(server, name, prefetch=0) as there,
        ):
            impatient, patient = here.new_receiver(), there.new_receiver()
            sender = there.new_sender()
            for number in range(5):
                async with task_group() as tasks:
                    with CancelScope() as scope:
                        tasks.start_soon(sender.send, number)
                        tasks.start_soon(until, lambda: stored(server, name) or True)
                        scope.cancel()
                        await impatient.receive()
                assert await patient.receive() == number


async def test_at_most_once_deletes_before_it_hands_over(server: Server, name: str) -> None:
    """No message comes back, not even from a lease that fails."""
    with fail_after(DEADLINE):
        async with channel(server, name, delivery="at-most-once") as jobs:
            await jobs.new_sender().send_many([1, 2, 3])
            receiver = jobs.new_receiver()
            assert await receiver.receive() == 1
            assert stored(server, name) == 2
            with pytest.raises(ValueError, match="no"):
                async with receiver.lease() as message:
                    assert message == 2
                    raise ValueError("no")
            assert await receiver.receive_many(5) == [3]
            assert stored(server, name) == 0


async def test_at_most_once_must_ask_the_server(server: Server, name: str) -> None:
    """A prefetched message cannot be taken without a request, so `receive_nowait` would block."""
    with fail_after(DEADLINE):
        async with channel(server, name, delivery="at-most-once") as jobs:
            await jobs.new_sender().send_many([1, 2])
            receiver = jobs.new_receiver()
            await receiver.receive()
            with raises(WouldBlock, "the server must delete the message first: use `receive`"):
                receiver.receive_nowait()
            assert await receiver.receive() == 2
            await jobs.aclose()
            assert [message async for message in receiver] == []
            with pytest.raises(ReceiverStoppedError):
                receiver.receive_nowait()


async def test_at_most_once_gives_back_what_was_prefetched(server: Server, name: str) -> None:
    """The message was not handed over, so the message is not lost when the channel is left."""
    with fail_after(DEADLINE):
        async with channel(server, name, delivery="at-most-once") as jobs:
            await jobs.new_sender().send_many([1, 2, 3])
            assert await jobs.new_receiver().receive() == 1
        async with channel(server, name, delivery="at-most-once") as jobs:
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(2)] == [2, 3]


async def test_receive_nowait_takes_what_was_prefetched(server: Server, name: str) -> None:
    """`receive_nowait` of a prefetched message needs no server."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=4) as jobs:
            await jobs.new_sender().send_many(range(5))
            receiver = jobs.new_receiver()
            assert await receiver.receive() == 0
            assert drain(receiver) == [1, 2, 3, 4]


async def test_send_nowait_always_would_block(jobs: RedisAnycast[Any]) -> None:
    """The server must be asked."""
    with raises(WouldBlock, "only the server knows whether there is room: use `send`"):
        jobs.new_sender().send_nowait(1)


async def test_two_channels_on_one_server(server: Server, name: str) -> None:
    """Each channel has its own messages, and its own close."""
    with fail_after(DEADLINE):
        async with channel(server, name) as one, channel(server, f"{name}-two") as two:
            await one.new_sender().send("one")
            await two.new_sender().send("two")
            await one.aclose()
            await two.new_sender().send("more")
            receiver = two.new_receiver()
            assert [await receiver.receive() for _ in range(2)] == ["two", "more"]
            assert [message async for message in one.new_receiver()] == ["one"]


def blocked_clients(server: Server) -> int:
    """Return how many connections wait for a hint."""
    lines = server.ask("INFO", "clients").decode().splitlines()
    return sum(int(line.partition(":")[2]) for line in lines if "blocked_clients" in line)


async def test_processes_that_are_blocked_take_turns(own_server: Server, name: str) -> None:
    """The limit is shared by all processes, and the longest blocked sender goes first."""
    with fail_after(DEADLINE):
        async with (
            channel(own_server, name, limit=1) as one,
            channel(own_server, name, limit=1) as two,
            channel(own_server, name, limit=1) as three,
            task_group() as tasks,
        ):
            await three.new_sender().send(0)
            tasks.start_soon(one.new_sender().send, 1)
            await until(lambda: blocked_clients(own_server) == 1)
            tasks.start_soon(two.new_sender().send, 2)
            await until(lambda: blocked_clients(own_server) == 2)
            receiver = three.new_receiver()
            assert [await receiver.receive() for _ in range(3)] == [0, 1, 2]


async def test_a_hint_that_is_lost(own_server: Server, name: str) -> None:
    """A process took the hint and died, and a blocked sender asks again without a hint."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, limit=1) as jobs, task_group() as tasks:
            await jobs.new_sender().send(0)
            tasks.start_soon(to_thread.run_sync, own_server.ask, "BLPOP", key(name, "room"), 15)
            await until(lambda: blocked_clients(own_server) == 1)
            tasks.start_soon(jobs.new_sender().send, 1)
            await until(lambda: blocked_clients(own_server) == 2)
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(2)] == [0, 1]


async def test_all_keys_are_in_one_slot(own_server: Server, name: str) -> None:
    """The part of the key in braces decides the slot of a cluster."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, max_deliveries=1) as jobs:
            await jobs.new_sender().send_many([1, 2])
            with pytest.raises(ValueError, match="no"):
                async with jobs.new_receiver().lease():
                    raise ValueError("no")
            await until(lambda: dead(own_server, name))
            keys = own_server.ask("KEYS", "*")
    assert len(keys) >= 4
    assert all(each.startswith(f"anycast:{{{name}}}:".encode()) for each in keys)


async def test_a_message_of_a_silent_process_goes_to_others(server: Server, name: str) -> None:
    """The lease runs out when the heartbeat stops, and the process is told."""
    with fail_after(DEADLINE):
        async with (
            channel(server, name, lease=0.2, prefetch=0) as silent,
            channel(server, name, lease=0.2, prefetch=0) as other,
        ):
            await silent.new_sender().send(1)
            holder, receiver = silent.new_receiver(), other.new_receiver()
            async with holder.lease():
                silent._session._heartbeat.stop()
                assert await receiver.receive() == 1
                assert receiver.deliveries == 2
            assert stored(server, name) == 1


async def test_the_heartbeat_keeps_a_lease(server: Server, name: str) -> None:
    """A handler may take longer than a lease, if the handler lets the event loop run."""
    with fail_after(DEADLINE):
        async with (
            channel(server, name, lease=0.1, prefetch=0) as slow,
            channel(server, name, lease=0.1, prefetch=0) as other,
        ):
            await slow.new_sender().send(1)
            async with slow.new_receiver().lease():
                with move_on_after(0.5) as scope:
                    await other.new_receiver().receive()
                assert scope.cancelled_caught


async def test_receive_many_takes_what_was_prefetched(server: Server, name: str) -> None:
    """One answer of the server may bring all messages."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=4) as jobs:
            await jobs.new_sender().send_many(range(5))
            assert await jobs.new_receiver().receive_many(5) == [0, 1, 2, 3, 4]


async def test_large_messages(server: Server, name: str) -> None:
    """Several large messages are sent one after the other, and arrive whole."""
    large = "x" * 600_000
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs:
            async with task_group() as tasks:
                for number in range(4):
                    tasks.start_soon(jobs.new_sender().send, [number, large])
            receiver = jobs.new_receiver()
            messages = [await receiver.receive() for _ in range(4)]
    assert sorted(number for number, _ in messages) == [0, 1, 2, 3]
    assert all(body == large for _, body in messages)


async def test_receive_many_asks_for_as_many(server: Server, name: str) -> None:
    """The call asks for as many messages as it may take, and for no more."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=0) as jobs:
            await jobs.new_sender().send_many(range(200))
            receiver = jobs.new_receiver()
            assert await receiver.receive_many(150) == list(range(150))
            assert in_hand(server, name) == 150
            with CancelScope() as scope:
                scope.cancel()
                await receiver.receive_many(150)
            assert scope.cancelled_caught
            assert await receiver.receive() == 150
            assert jobs.statistics().current_buffer_used == 0
