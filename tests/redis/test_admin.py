"""The view of an operator on a channel on a server, and the changes by an operator."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, fail_after

from admin_tools import admin_of, bury, keys_of, make
from anycast import ChannelError, SenderError
from anycast.redis import ChannelStatus, RedisChannelAdmin, _scripts, channels, json_codec
from helpers import begin, raises, task_group
from redis_tools import DEADLINE, channel, dead, key, stored, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from servers import Server

pytestmark = pytest.mark.anyio


@pytest.fixture
async def admin(server: Server, name: str) -> AsyncGenerator[RedisChannelAdmin]:
    """Provide an admin of a channel that is open and empty, and that no process uses."""
    with fail_after(DEADLINE):
        await make(server, name, limit=3)
        async with admin_of(server, name) as admin:
            yield admin


async def test_status_counts_each_message_at_its_place(server: Server, name: str) -> None:
    """A new, a returned, a delayed and a dead message are counted, and a message in hand."""
    with fail_after(DEADLINE):
        options: Any = {"prefetch": 0, "max_deliveries": 2, "lease": 20, "limit": 9}
        async with (
            channel(server, name, retry_delay=1000, **options) as jobs,
            admin_of(server, name) as admin,
        ):
            await jobs.new_sender().send_many(range(4))
            receiver = jobs.new_receiver()
            with pytest.raises(OSError, match="no"):
                async with receiver.lease():
                    raise OSError("no")
            bury(server, name, b"0")
            async with receiver.lease():
                with CancelScope() as scope:
                    async with jobs.new_receiver().lease():
                        scope.cancel()
                        await until(lambda: False)
                await until(lambda: server.ask("LLEN", key(name, "returned")) == 1)
                await until(lambda: server.ask("ZCARD", key(name, "delayed")) == 1)
                now = await admin.status()
        (process,) = now.processes
        assert (now.waiting, now.in_hand, now.delayed, now.dead) == (2, 1, 1, 1)
        assert (now.unacknowledged, now.limit, now.lease) == (4, 9, 20.0)
        assert (now.max_deliveries, now.dead_limit, now.blocked_senders) == (2, None, 0)
        assert (process.in_hand, process.deliveries, now.closed) == (1, 1, False)
        assert 0 < process.lease_left <= 20
        assert now.oldest_age is not None
        assert 0 <= now.oldest_age < DEADLINE


async def test_status_counts_a_suspect_as_waiting(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """A suspect, which may end its process, is waiting: a process without a suspect can take it."""
    id_ = server.ask("XADD", key(name, "stream"), "*", "b", "1")
    server.ask("XREADGROUP", "GROUP", "receivers", "me", "STREAMS", key(name, "stream"), ">")
    server.ask("XACK", key(name, "stream"), "receivers", id_)
    server.ask("RPUSH", key(name, "suspects"), id_)
    now = await admin.status()
    assert (now.waiting, now.in_hand) == (1, 0)


async def test_status_of_a_channel_that_nobody_uses(admin: RedisChannelAdmin) -> None:
    """No process uses the channel, and the admin does not count as a process."""
    assert await admin.status() == ChannelStatus(
        waiting=0,
        in_hand=0,
        delayed=0,
        dead=0,
        limit=3,
        lease=30.0,
        max_deliveries=7,
        dead_limit=None,
        blocked_senders=0,
        oldest_age=None,
        closed=False,
        processes=(),
    )


async def test_status_without_bounds(server: Server, name: str) -> None:
    """No limit is infinity, and no bound of deliveries is None."""
    with fail_after(DEADLINE):
        await make(server, name, limit=math.inf, max_deliveries=None)
        async with admin_of(server, name, timeout=math.inf) as admin:
            now = await admin.status()
        assert name in await channels(server.url, timeout=math.inf)
    assert (now.limit, now.max_deliveries) == (math.inf, None)


async def test_status_of_a_process_whose_lease_has_run_out(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """The process is shown with no time left, until another process takes its messages."""
    server.ask("ZADD", key(name, "processes"), 1, "ghost")
    (process,) = (await admin.status()).processes
    assert (process.id, process.lease_left, process.in_hand) == ("ghost", 0.0, 0)


async def test_status_counts_blocked_senders(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """Two tasks count; an old note of a process, and a field that is no note, do not count."""
    server.ask("HSET", key(name, "blocked"), "ghost", "3 1700000000000", "other", "many")
    async with channel(server, name) as jobs, task_group() as tasks:
        await jobs.new_sender().send_many(range(3))
        for number in range(2):
            tasks.start_soon(jobs.new_sender().send, number)
        while (await admin.status()).blocked_senders != 2:
            pass
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("then", ["cancelled", "sent", "closed"])
async def test_status_forgets_senders_that_are_blocked_no_more(
    server: Server, name: str, admin: RedisChannelAdmin, then: str
) -> None:
    """The note of the process goes with the last blocked sender, also if no hint came."""
    note = partial(server.ask, "HLEN", key(name, "blocked"))
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs, task_group() as tasks:
            await jobs.new_sender().send_many(range(3))
            blocked = await begin(tasks, partial(jobs.new_sender().send, 3))
            await until(note)
            if then == "cancelled":
                blocked.cancel()
            elif then == "closed":
                await admin.close()
            else:
                server.ask("HSET", key(name, "meta"), "limit", 9)  # leaves no hint
            await until(lambda: not note())
            assert (await admin.status()).blocked_senders == 0


async def test_status_of_a_channel_that_has_ended(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """The channel is closed and empty."""
    await admin.close()
    assert not server.ask("EXISTS", key(name, "stream"))
    now = await admin.status()
    assert (now.closed, now.unacknowledged, now.oldest_age) == (True, 0, None)


async def test_status_and_dead_where_writing_is_refused(own_server: Server, name: str) -> None:
    """Calls that only read work on a server that refuses writes."""
    with fail_after(DEADLINE):
        await make(own_server, name)
        own_server.ask("CONFIG", "SET", "min-replicas-to-write", 1)
        async with admin_of(own_server, name, timeout=2) as admin:
            assert (await admin.status()).waiting == 0
            assert await admin.dead() == []
            with pytest.raises(ChannelError, match="NOREPLICAS"):
                await admin.set_limit(5)


CALLS: dict[str, Callable[[RedisChannelAdmin], Awaitable[object]]] = {
    "status": lambda admin: admin.status(),
    "dead": lambda admin: admin.dead(),
    "requeue": lambda admin: admin.requeue(["1-1"]),
    "requeue all": lambda admin: admin.requeue("all"),
    "drop": lambda admin: admin.drop(["1-1"]),
    "drop all": lambda admin: admin.drop("all"),
    "set_dead_limit": lambda admin: admin.set_dead_limit(1),
    "set_limit": lambda admin: admin.set_limit(1),
    "close": lambda admin: admin.close(),
    "reopen": lambda admin: admin.reopen(),
    "destroy": lambda admin: admin.destroy(),
    "destroy by force": lambda admin: admin.destroy(force=True),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_channel_that_is_missing(
    server: Server, name: str, call: Callable[[RedisChannelAdmin], Awaitable[object]]
) -> None:
    """Each call raises an error for a missing channel, and creates no key."""
    with fail_after(DEADLINE):
        async with admin_of(server, name) as admin:
            place = f"127.0.0.1:{server.port} has no such channel in database 0"
            text = f"RedisAnycast:{name}: {place} (`channels` lists the names)"
            with raises(ChannelError, text) as caught:
                await call(admin)
    assert caught.value.channel.name == name
    assert keys_of(server, name) == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_channel_of_another_version(
    server: Server,
    name: str,
    admin: RedisChannelAdmin,
    call: Callable[[RedisChannelAdmin], Awaitable[object]],
) -> None:
    """Each call refuses to touch a channel of another version."""
    server.ask("HSET", key(name, "meta"), "version", 99)
    text = f"RedisAnycast:{name}: another version of anycast made the channel: its format is 99"
    with raises(ChannelError, text):
        await call(admin)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_calls_outside_of_the_block(
    server: Server, name: str, call: Callable[[RedisChannelAdmin], Awaitable[object]]
) -> None:
    """Each call raises before the block and after the block."""
    admin = admin_of(server, name)
    text = f"RedisChannelAdmin:{name} can be used only within `async with`"
    for _ in range(2):
        with raises(RuntimeError, text):
            await call(admin)
        if admin._entered:
            break
        async with admin:
            pass
    with raises(
        RuntimeError, f"RedisChannelAdmin:{name} can be entered once only: make another one"
    ):
        await admin.__aenter__()


async def test_the_last_letters_come_first(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """The letters are listed page by page, in both directions."""
    ids = bury(server, name, *[b"%d" % number for number in range(5)])
    for oldest, expected in ((False, ids[::-1]), (True, ids)):
        after: str | None = None
        listed: list[str] = []
        while page := await admin.dead(2, newest_first=not oldest, after=after):
            assert len(page) <= 2
            listed += [each.id for each in page]
            after = page[-1].id
        assert listed == expected


async def test_a_dead_letter_tells_all(server: Server, name: str) -> None:
    """A dead letter has its message, its error, its headers and its time."""
    begun = datetime.now(UTC) - timedelta(seconds=1)
    with fail_after(DEADLINE):
        async with channel(server, name, max_deliveries=1) as jobs, admin_of(server, name) as admin:
            await jobs.new_sender().send({"number": 7}, headers={"trace": "4bf9"})
            with pytest.raises(OSError, match="no"):
                async with jobs.new_receiver().lease():
                    raise OSError("no")
            await until(lambda: dead(server, name))
            (letter,) = await admin.dead()
            message: Any = letter.decode(json_codec(Any))
            (short,) = await admin.dead(body_bytes=3)
    assert (letter.deliveries, letter.error) == (1, "OSError: no")
    assert (letter.body, letter.body_size) == (b'{"number":7}', 12)
    assert message == {"number": 7}
    assert letter.headers == {"trace": "4bf9"}
    assert begun < letter.sent <= letter.buried < datetime.now(UTC) + timedelta(seconds=1)
    assert (short.body, short.body_size, short.id) == (b'{"n', 12, letter.id)


async def test_an_error_that_is_no_text(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """The bytes of the error are escaped."""
    bury(server, name, b"", error=b"\xff")
    assert [each.error for each in await admin.dead()] == ["\\xff"]


async def test_dead_letters_with_large_bodies(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """Large letters come in several answers, and go in several scripts, in order."""
    bodies = [b"%d" % number * 400_000 for number in range(6)]
    ids = bury(server, name, *bodies)
    (rows,) = await admin._calls.run(_scripts.ADMIN_DEAD, 1, b"", 6, -1)
    assert len(rows) == 3
    assert [each.body for each in await admin.dead(5, newest_first=False)] == bodies[:5]
    first = [each.encode() for each in ids[:4]]
    assert await admin._calls.run_once(_scripts.ADMIN_REQUEUE, *first) == (3, 3)
    assert await admin.requeue(ids) == 3
    assert await admin.requeue(bury(server, name, *bodies)) == 6
    entries = server.ask("XRANGE", key(name, "stream"), "-", "+")
    assert [fields[1] for _, fields in entries] == bodies * 2


async def test_a_letter_is_sent_again(server: Server, name: str) -> None:
    """The letter comes last, with its headers, as a message that was never delivered."""
    with fail_after(DEADLINE):
        async with channel(server, name, prefetch=0) as jobs, admin_of(server, name) as admin:
            await jobs.new_sender().send(1)
            first, second = bury(server, name, b"2", b"3", headers='{"a":"b"}')
            assert await admin.requeue([second, "5-5", second, first]) == 2
            assert await admin.requeue([first]) == 0
            assert dead(server, name) == []
            came: list[Any] = []
            for _ in range(3):
                async with jobs.new_receiver().lease() as message:
                    pass
                came.append(message)
            assert came == [1, 3, 2]
            bury(server, name, b"4", headers='{"a":"b"}')
            await admin.requeue("all")
            lease = jobs.new_receiver().lease()
            async with lease as message:
                assert (message, lease.deliveries, lease.headers) == (4, 1, {"a": "b"})


async def test_no_letters_are_sent_again(admin: RedisChannelAdmin) -> None:
    """An empty list of letters is accepted, and 0 is returned."""
    assert (await admin.requeue("all"), await admin.requeue([])) == (0, 0)
    assert (await admin.drop("all"), await admin.drop([])) == (0, 0)


async def test_all_letters_are_sent_again(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """The oldest comes first, in batches; what is no letter of a channel stays."""
    server.ask("XADD", key(name, "dead"), "*", "note", "by hand")
    bury(server, name, *[b"%d" % number for number in range(600)])
    assert await admin.requeue("all") == 600
    assert server.ask("XLEN", key(name, "dead")) == 1
    entries = server.ask("XRANGE", key(name, "stream"), "-", "+")
    assert [int(fields[1]) for _, fields in entries] == list(range(600))
    (note,) = await admin.dead()
    assert (note.message_id, note.body, note.deliveries) == ("0-0", b"", 0)


async def test_a_full_channel_takes_letters(server: Server, name: str) -> None:
    """The channel exceeds its limit for a while, and a sender is blocked until there is room."""
    with fail_after(DEADLINE):
        async with (
            channel(server, name, limit=2, prefetch=0) as jobs,
            admin_of(server, name) as admin,
            task_group() as tasks,
        ):
            await jobs.new_sender().send_many([1, 2])
            bury(server, name, b"3", b"4")
            assert await admin.requeue("all") == 2
            assert stored(server, name) == 4
            tasks.start_soon(jobs.new_sender().send, 5)
            while not (await admin.status()).blocked_senders:
                pass
            assert stored(server, name) == 4
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(5)] == [1, 2, 3, 4, 5]


HINTS: list[tuple[Callable[[RedisChannelAdmin], Awaitable[object]], tuple[int, int]]] = [
    (lambda admin: admin.requeue("all"), (0, 1)),
    (lambda admin: admin.requeue(["1-1"]), (0, 0)),
    (lambda admin: admin.set_limit(4), (1, 0)),
    (lambda admin: admin.set_limit(3), (0, 0)),
    (lambda admin: admin.set_limit(math.inf), (1, 0)),
    (lambda admin: admin.reopen(), (0, 1)),
]


@pytest.mark.parametrize(("call", "hints"), HINTS)
async def test_hints(
    server: Server,
    name: str,
    admin: RedisChannelAdmin,
    call: Callable[[RedisChannelAdmin], Awaitable[object]],
    hints: tuple[int, int],
) -> None:
    """New room wakes a sender, and a new message wakes a receiver."""
    async with channel(server, name) as jobs:
        await jobs.new_sender().send_many(range(3))
    bury(server, name, b"1")
    lists = [key(name, "room"), key(name, "ready")]
    server.ask("DEL", *lists)
    await call(admin)
    assert tuple(server.ask("LLEN", each) for each in lists) == hints


async def test_hints_of_reopening(server: Server, name: str, admin: RedisChannelAdmin) -> None:
    """A sender is woken if there is room, by a hint that stays, unlike that of the close."""
    await admin.close()
    assert server.ask("TTL", key(name, "room")) > 0
    await admin.reopen()
    assert server.ask("TTL", key(name, "room")) == -1


async def test_letters_of_a_closed_channel(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """Letters can be sent again as long as receivers get messages, and not after the end."""
    async with channel(server, name) as jobs:
        await jobs.new_sender().send(1)
        await admin.close()
        bury(server, name, b"2", b"3")
        assert await admin.requeue([(await admin.dead(1, newest_first=False))[0].id]) == 1
        assert [each async for each in jobs.new_receiver()] == [1, 2]
    text = f"RedisAnycast:{name} is closed and has ended, so nobody receives: reopen it first"
    with raises(ChannelError, text):
        await admin.requeue("all")
    assert len(dead(server, name)) == 1
    await admin.reopen()
    assert await admin.requeue("all") == 1


async def test_letters_are_dropped(server: Server, name: str, admin: RedisChannelAdmin) -> None:
    """Letters are dropped by their ids, or all letters are dropped."""
    ids = bury(server, name, *[b"%d" % number for number in range(600)])
    assert await admin.drop([*ids[:520], "1-1"]) == 520
    assert await admin.drop(ids[:1]) == 0
    assert [each.id for each in await admin.dead(newest_first=False)] == ids[520:]
    assert await admin.drop("all") == 80
    assert await admin.drop("all") == 0
    assert stored(server, name) == 0


async def test_the_number_of_letters_is_bounded(server: Server, name: str) -> None:
    """The oldest letters go at once, and with each further letter; without a bound, all stay."""
    with fail_after(DEADLINE):
        async with channel(server, name, max_deliveries=1) as jobs, admin_of(server, name) as admin:
            ids = bury(server, name, b"1", b"2", b"3")
            assert await admin.set_dead_limit(2) == 1
            assert (await admin.status()).dead_limit == 2
            await jobs.new_sender().send(4)
            with pytest.raises(OSError, match="no"):
                async with jobs.new_receiver().lease():
                    raise OSError("no")
            await until(lambda: stored(server, name) == 0)
            left = await admin.dead(newest_first=False)
            assert [left[0].id, len(left)] == [ids[2], 2]
            assert await admin.set_dead_limit(None) == 0
            assert (await admin.status()).dead_limit is None
            bury(server, name, b"5")
            assert (await admin.status()).dead == 3
            assert await admin.set_dead_limit(0) == 3


async def test_a_new_limit_holds_for_processes_that_run(server: Server, name: str) -> None:
    """A larger limit lets a blocked sender go on, and a smaller limit blocks the next sender."""
    with fail_after(DEADLINE):
        async with (
            channel(server, name, limit=1, lease=0.1) as jobs,
            admin_of(server, name) as admin,
            task_group() as tasks,
        ):
            await jobs.new_sender().send(1)
            tasks.start_soon(jobs.new_sender().send, 2)
            while not (await admin.status()).blocked_senders:
                pass
            await admin.set_limit(3)
            await until(lambda: stored(server, name) == 2)
            await until(lambda: jobs.limit == 3)  # soon known to the process
            await admin.set_limit(1)
            tasks.start_soon(jobs.new_sender().send, 3)
            while not (await admin.status()).blocked_senders:
                pass
            assert stored(server, name) == 2
            tasks.cancel_scope.cancel()


async def test_closing(server: Server, name: str, admin: RedisChannelAdmin) -> None:
    """Receivers get what is left and the end, sends are refused; closing is idempotent."""
    async with channel(server, name) as jobs:
        await jobs.new_sender().send(1)
        await admin.close()
        await admin.close()
        assert [each async for each in jobs.new_receiver()] == [1]
        with pytest.raises(SenderError, match="its channel is closed, by another process or by an"):
            await jobs.new_sender().send(2)
    await admin.close()
    assert (await admin.status()).closed


async def test_reopening(server: Server, name: str, admin: RedisChannelAdmin) -> None:
    """Settings and dead letters stay, a new process uses the channel, and a second call is fine."""
    bury(server, name, b"0")
    await admin.close()
    await admin.reopen()
    async with channel(server, name) as jobs:
        await jobs.new_sender().send(1)
        await admin.reopen()
        assert await jobs.new_receiver().receive() == 1
    now = await admin.status()
    assert (now.closed, now.limit, now.dead) == (False, 3, 1)


async def test_reopening_for_a_process_that_has_not_noticed(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """The process goes on as if the channel had never been closed."""
    async with channel(server, name) as jobs:
        await jobs.new_sender().send(1)
        await admin.close()
        await admin.reopen()
        await jobs.new_sender().send(2)
        receiver = jobs.new_receiver()
        assert [await receiver.receive() for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("lost", [("DEL", "stream"), ("XGROUP", "DESTROY", "stream")])
async def test_reopening_mends_a_channel(
    server: Server, name: str, admin: RedisChannelAdmin, lost: tuple[str, ...]
) -> None:
    """A stream or a group that somebody deleted is there again; each message comes once."""
    async with channel(server, name, prefetch=0) as jobs:
        await jobs.new_sender().send_many([1, 2])
        with CancelScope() as scope:
            async with jobs.new_receiver().lease():
                scope.cancel()
                await until(lambda: False)
        await until(lambda: server.ask("LLEN", key(name, "returned")) == 1)
    *command, part = lost
    server.ask(
        *command, key(name, part), *(["receivers"] if part != "stream" or command[1:] else [])
    )
    text = f"RedisAnycast:{name}: the server lost the messages: reopen or destroy the channel"
    bury(server, name, b"3")
    with raises(ChannelError, text):
        await admin.status()
    if command == ["DEL"]:
        with raises(ChannelError, text):
            await admin.requeue("all")
    await admin.reopen()
    assert not server.ask("EXISTS", key(name, "returned"))
    async with channel(server, name) as jobs:
        await jobs.aclose()
        left = [] if command == ["DEL"] else [1, 2]
        assert [each async for each in jobs.new_receiver()] == left


async def test_destroying(server: Server, name: str, admin: RedisChannelAdmin) -> None:
    """Every key goes, even of crashed processes, and no key of another channel."""
    bury(server, name, b"0")
    server.ask("SET", key(name, "producer:crashed"), 7)
    server.ask("SET", key(f"{name}0", "producer:other"), 7)
    server.ask("ZADD", key(name, "processes"), 1, "crashed")
    await admin.destroy()
    assert keys_of(server, name) == []
    assert len(keys_of(server, f"{name}0")) == 1


async def test_destroying_a_channel_whose_name_is_a_pattern(server: Server, name: str) -> None:
    """Only the keys of this channel are deleted."""
    with fail_after(DEADLINE):
        pattern = f"{name}[0-9]*?\\"
        await make(server, pattern)
        for each in (pattern, f"{name}5xy\\"):
            server.ask("SET", key(each, "producer:me"), 7)
        async with admin_of(server, pattern) as admin:
            await admin.destroy()
    assert keys_of(server, pattern) == []
    assert len(keys_of(server, f"{name}5xy\\")) == 1


async def test_destroying_what_is_in_use(
    server: Server, name: str, admin: RedisChannelAdmin
) -> None:
    """A channel in use is refused, and with force its process is told."""
    async with channel(server, name, timeout=1) as jobs:
        await jobs.new_sender().send(1)
        text = rf"RedisAnycast:{name} is in use \(processes: 1; the last lease runs out in \d+ s\)"
        text += ": stop the processes first, or delete the channel all the same by `--force`, in"
        text += " Python `force=True`"
        with pytest.raises(ChannelError, match=f"^{text}$"):
            await admin.destroy()
        assert stored(server, name) == 1
        await admin.destroy(force=True)
        assert keys_of(server, name) == []
        with pytest.raises(SenderError, match="the server does not have the channel any more"):
            await jobs.new_sender().send(2)
    assert keys_of(server, name) == []


async def test_channels_are_listed(own_server: Server) -> None:
    """The names are sorted, and keys that only look similar are passed over."""
    names = ["", " ", "é", "{", "a:b", "jobs", "jobs\n*"][1:]
    with fail_after(DEADLINE):
        for each in names:
            await make(own_server, each)
        own_server.ask("SET", b"anycast:{\xff}:meta", 1)
        own_server.ask("SET", "anycast:{}:meta", 1)
        fill = "for i = 1, 3000 do redis.call('SET', 'other:' .. i, 1) end"
        own_server.ask("EVAL", fill, 0)  # so many keys that a search takes several steps
        assert await channels(own_server.url) == sorted(names)


WRONG: list[tuple[Callable[[Any], Awaitable[object]], type[Exception], str]] = [
    (lambda admin: admin.dead(0), ValueError, "`count` must be >= 1, not 0"),
    (lambda admin: admin.dead(1.0), TypeError, "`count` must be an int, not 1.0"),
    (
        lambda admin: admin.dead(newest_first=1),
        TypeError,
        "`newest_first` must be a bool, not 1",
    ),
    (lambda admin: admin.dead(body_bytes=-1), ValueError, "`body_bytes` must be >= 0, not -1"),
    (
        lambda admin: admin.dead(after="newest"),
        ValueError,
        "`after` must be an id such as '1795574896881-0', not 'newest'",
    ),
    (
        lambda admin: admin.dead(after=3),
        TypeError,
        "`after` must be the id of a dead letter, not 3",
    ),
    (
        lambda admin: admin.requeue("1-1"),
        TypeError,
        "`ids` must be a list of ids or \"all\", not '1-1'",
    ),
    (lambda admin: admin.requeue(7), TypeError, '`ids` must be a list of ids or "all", not 7'),
    (
        lambda admin: admin.drop([f"1-{2**64}"]),
        ValueError,
        f"`ids` must be an id such as '1795574896881-0', not '1-{2**64}'",
    ),
    (
        lambda admin: admin.drop([None]),
        TypeError,
        "`ids` must be the id of a dead letter, not None",
    ),
    (lambda admin: admin.set_limit(0), ValueError, "`limit` must be >= 1, not 0"),
    (
        lambda admin: admin.set_limit(1.5),
        TypeError,
        "`limit` must be an int or math.inf, not 1.5",
    ),
    (lambda admin: admin.set_dead_limit(-1), ValueError, "`limit` must be >= 0, not -1"),
    (
        lambda admin: admin.set_dead_limit(2**53 + 1),
        ValueError,
        "`limit` must be <= 9007199254740992, not 9007199254740993",
    ),
    (lambda admin: admin.set_dead_limit("1"), TypeError, "`limit` must be an int, not '1'"),
    (lambda admin: admin.destroy(force="yes"), TypeError, "`force` must be a bool, not 'yes'"),
    (
        lambda _: channels("redis://localhost", timeout=0),
        ValueError,
        "`timeout` must be >= 0.01, not 0",
    ),
]


@pytest.mark.parametrize(("work", "error", "text"), WRONG)
async def test_arguments(
    admin: RedisChannelAdmin,
    work: Callable[[Any], Awaitable[object]],
    error: type[Exception],
    text: str,
) -> None:
    """The error of a wrong argument names the argument, the rule and the value."""
    with raises(error, text):
        await work(admin)


async def test_the_largest_numbers(admin: RedisChannelAdmin) -> None:
    """The largest numbers are the largest numbers of the server."""
    assert await admin.set_dead_limit(2**53) == 0
    assert await admin.dead(10**30, body_bytes=10**30, after=f"0-{2**64 - 1}") == []
    assert await admin.drop([f"{2**64 - 1}-{2**64 - 1}", "007-1"]) == 0


def test_an_admin_may_be_made_anywhere(server: Server) -> None:
    """To make an admin needs neither an event loop nor a server."""
    admin = admin_of(server, "jobs")
    assert (admin.name, str(admin)) == ("jobs", "RedisChannelAdmin:jobs")
    assert repr(admin) == "RedisChannelAdmin(name='jobs')"


def test_wrong_arguments_of_an_admin(server: Server) -> None:
    """Wrong arguments raise as for a channel."""
    with raises(ValueError, "`name` must not be empty, nor contain '}', not ''"):
        admin_of(server, "")
    with raises(ValueError, "`timeout` must be >= 0.01, not 0"):
        admin_of(server, "jobs", timeout=0)
