"""The scripts of a channel, one by one: each transition of a message, and what a crash leaves.

A script is run here as a process runs the script, but only when the test says so. So no event loop
and no clock has a part in these tests.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from anycast.redis import _scripts
from mutants import MUTANTS, SOURCE
from redis_tools import dead
from script_runner import LEASE, ScriptRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import Server

HOUR = 3_600_000  # in milliseconds


@pytest.fixture
def one(server: Server, name: str) -> ScriptRunner:
    """Provide a process of a channel."""
    return ScriptRunner(server, name)


@pytest.fixture
def two(one: ScriptRunner) -> ScriptRunner:
    """Provide another process of the same channel."""
    return ScriptRunner(one.server, one.name, "two")


def forget_hints(one: ScriptRunner) -> None:
    """Let nobody be woken by what has happened so far."""
    one.ask("DEL", "room")
    one.ask("DEL", "ready")


# Sending.


def test_a_send_that_is_repeated(one: ScriptRunner) -> None:
    """Its answer was lost: each message is stored once, and the rest is stored now."""
    assert one.send(1, "a", "b") == [b"ok", 2]
    assert one.send(1, "a", "b") == [b"ok", 2]
    assert one.send(2, "b", "c") == [b"ok", 2]
    assert one.send(1, "a") == [b"ok", 1]
    assert one.take(9) == [("a", 1), ("b", 1), ("c", 1)]


def test_a_send_that_comes_late(one: ScriptRunner) -> None:
    """The network kept a try, and the messages that found no room are withdrawn by now."""
    one.ask("HSET", "meta", "limit", 2)
    assert one.send(1, "a", "b", "c", "d", number=2) == [b"full", 2]
    one.ask("HSET", "meta", "limit", 9)
    assert one.send(1, "a", "b", "c", "d", number=1) == [b"late", 0]
    assert one.send(3, "e", number=3) == [b"ok", 1]
    assert one.send(1, "a", "b", "c", "d", number=1) == [b"late", 0]
    assert one.send(4, "f", number=4) == [b"ok", 1]
    assert one.take(9) == [("a", 1), ("b", 1), ("e", 1), ("f", 1)]


def test_a_send_that_comes_late_to_a_channel_that_is_open_again(one: ScriptRunner) -> None:
    """A later try found the channel closed, so the sender got an error."""
    one.close()
    assert one.send(1, "a", number=2) == [b"closed", 0]
    one.run(_scripts.ADMIN_REOPEN)
    assert one.send(1, "a", number=1) == [b"late", 0]
    assert one.ask("XLEN", "stream") == 0


def test_a_send_that_comes_after_its_process_has_left(one: ScriptRunner) -> None:
    """The send is repeated over another connection, and the first try comes last."""
    one.send(1, "a")
    one.leave()
    assert one.send(1, "a") == [b"ok", 1]
    assert one.ask("XLEN", "stream") == 1


def test_the_number_of_the_last_message(one: ScriptRunner) -> None:
    """The server keeps the number for a day, or for an hour after the process has left."""
    one.send(1, "a")
    assert 3600 < one.ask("TTL", "producer:one") <= 86_400
    one.leave()
    assert 0 < one.ask("TTL", "producer:one") <= 3600


def test_a_send_that_is_repeated_after_the_close(one: ScriptRunner) -> None:
    """What was stored before the close counts as stored, and the rest is refused."""
    one.send(1, "a")
    one.close()
    assert one.send(1, "a", "b") == [b"closed", 1]
    assert one.ask("XLEN", "stream") == 1


def test_a_send_into_a_full_channel(one: ScriptRunner, two: ScriptRunner) -> None:
    """The first messages are stored while there is room, and the rest is stored later."""
    one.ask("HSET", "meta", "limit", 2)
    assert one.send(1, "a", "b", "c") == [b"full", 2]
    assert two.send(1, "x") == [b"full", 0]
    assert two.take(1) == [("a", 1)]
    two.acknowledge(one.entry(0))
    assert one.send(3, "c") == [b"ok", 1]
    assert two.take(9) == [("b", 1), ("c", 1)]


def test_headers_of_a_send_that_is_repeated(one: ScriptRunner) -> None:
    """Each message keeps its headers, although some messages are stored already."""
    one.send(1, "a")
    assert one.send(1, "a", "b", "c", headers=(2, "of b")) == [b"ok", 3]
    assert one.ask_take(9)[3][2::4] == [b"", b"of b", b""]


def test_the_hint_of_a_message(one: ScriptRunner) -> None:
    """At most one hint is there, however many messages."""
    forget_hints(one)
    one.send(1, "a")
    one.send(2, "b")
    assert (one.hints("ready"), one.hints("room")) == (1, 0)
    one.send(2, "b")
    assert one.hints("ready") == 0


def test_the_hint_that_there_is_room(one: ScriptRunner) -> None:
    """A process passes the hint on that it took, as long as there is room."""
    one.ask("HSET", "meta", "limit", 2)
    one.send(1, "a", hinted=True)
    assert one.hints("room") == 1
    one.send(2, "b", hinted=True)
    assert one.hints("room") == 0
    one.ask("RPUSH", "room", "stale")
    one.send(3, "c")
    assert one.hints("room") == 0


def test_who_is_blocked(one: ScriptRunner) -> None:
    """A process is noted while its senders are blocked, with their number."""
    one.ask("HSET", "meta", "limit", 1)
    one.send(1, "a", "b", tasks=3)
    count, since = one.ask("HGET", "blocked", "one").split()
    assert (int(count), abs(int(since) - one.now()) < HOUR) == (3, True)
    one.take(1)
    one.acknowledge(one.entry(0))
    one.send(2, "b", noted=True)
    assert one.ask("HLEN", "blocked") == 0


@pytest.mark.parametrize("consumer", ["one", "one-2"], ids=["first", "later"])
@pytest.mark.parametrize("crashes", [True, False], ids=["crashes", "leaves"])
def test_who_is_blocked_no_more(
    one: ScriptRunner, two: ScriptRunner, consumer: str, *, crashes: bool
) -> None:
    """A process that has gone is not noted, whichever consumer has its messages in the end."""
    one.ask("HSET", "meta", "limit", 1)
    one.send(1, "a", "b")
    one.me = consumer
    one.renew(new=True)
    if crashes:
        one.ask("ZREM", "processes", "one")
        one.crash()
        two.ask_take(0)
    else:
        one.leave()
    assert one.ask("HLEN", "blocked") == 0


# Taking.


def test_for_tasks_and_ahead_of_need(one: ScriptRunner) -> None:
    """A delivery counts for a task that waits, and not for what is held ahead of need."""
    one.send(1, "a", "b", "c", "d")
    assert one.take(1, 2) == [("a", 1), ("b", 0), ("c", 0)]
    assert [times for _, _, times in one.pending()] == [1, 0, 0]


def test_the_program_gets_a_message_that_was_held(one: ScriptRunner) -> None:
    """From then on its delivery counts."""
    one.send(1, "a", "b")
    one.take(0, 2)
    one.acknowledge(begun=(one.entry(0),))
    assert [times for _, _, times in one.pending()] == [1, 0]


@pytest.mark.parametrize("ahead", [False, True], ids=["for tasks", "ahead"])
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "returned"])
def test_the_bytes_of_an_answer(one: ScriptRunner, *, fresh: bool, ahead: bool) -> None:
    """They have a bound, but a single message comes, however large it is."""
    one.send(1, *["x" * 100] * 6)
    if not fresh:
        one.take(6)
        for at in range(6):
            one.release(one.entry(at), 0)
    wanted = (1, 5) if ahead else (6, 0)
    assert len(one.take(*wanted, most=350)) in {3, 4}
    assert len(one.take(*wanted, most=1)) == 1


def test_as_many_as_are_wanted(one: ScriptRunner) -> None:
    """An answer brings what came back and fresh messages together, and no more than that."""
    one.send(1, "a", "b", "c", "d", "e", "f", "g")
    one.take(3)
    for at in (2, 1, 0):
        one.release(one.entry(at), 0)
    assert one.take(2) == [("a", 1), ("b", 1)]
    assert one.take(2, 1) == [("c", 1), ("d", 1), ("e", 0)]


def test_an_answer_that_was_lost(one: ScriptRunner) -> None:
    """Its messages come again, in order, before fresh messages, and the delivery does not count."""
    one.send(1, "a", "b", "c", "d")
    one.lose_take(2, 1)
    assert one.take(4) == [("a", 1), ("b", 1), ("c", 1), ("d", 1)]
    assert [times for _, _, times in one.pending()] == [1, 1, 1, 1]


def test_an_answer_that_was_lost_of_a_message_that_had_failed(one: ScriptRunner) -> None:
    """The deliveries before count on."""
    one.send(1, "a")
    one.take(1)
    one.release(one.entry(0), 1, "ValueError")
    one.lose_take(1)
    assert one.take(1) == [("a", 2)]


def test_an_answer_that_has_come(one: ScriptRunner) -> None:
    """Its messages stay with the process when the process asks for more."""
    one.send(1, "a", "b")
    assert one.take(1) == [("a", 1)]
    assert one.take(9) == [("b", 1)]


def test_a_request_that_comes_late(one: ScriptRunner) -> None:
    """It has no effect after a later request, nor a second time."""
    one.send(1, "a", "b")
    one.ask_take(1, number=7)
    for number in (6, 7):
        assert one.ask_take(1, number=number) == [b"late"]
    assert len(one.pending()) == 1


def test_the_hint_of_messages_is_passed_on(one: ScriptRunner, two: ScriptRunner) -> None:
    """A process that takes a part of the messages wakes the next process; else nobody is woken."""
    one.send(1, "a", "b")
    forget_hints(one)
    one.take(1)
    assert one.hints("ready") == 1
    one.ask("RPUSH", "ready", "stale")
    two.take(1)
    assert one.hints("ready") == 0


def test_when_to_ask_again(one: ScriptRunner, two: ScriptRunner) -> None:
    """When a pause is over, when a lease runs out, or after a lease."""
    two.leave()
    assert LEASE - 10_000 < one.ask_take(1)[1] <= LEASE
    one.ask("ZADD", "processes", one.now() + 20_000, "two")
    assert 10_000 < one.ask_take(1)[1] <= 20_000
    one.send(1, "a")
    one.take(1)
    one.release(one.entry(0), 1, "ValueError", pause=9000)
    assert 1000 < one.ask_take(1)[1] <= 9000


# Giving back.


def test_what_comes_back_goes_first(one: ScriptRunner) -> None:
    """It comes before fresh messages; it is at one place, and its deliveries are kept."""
    one.send(1, "a", "b")
    one.take(1)
    forget_hints(one)
    one.release(one.entry(0), 1)
    assert one.pending() == []
    assert one.hints("ready") == 1
    assert one.take(9) == [("a", 2), ("b", 1)]
    assert [times for _, _, times in one.pending()] == [2, 1]


def test_what_failed_waits(one: ScriptRunner) -> None:
    """A pause comes before the next try, and then the message goes behind what came back."""
    one.send(1, "a", "b", "c")
    one.take(2)
    failed, other = one.entry(0), one.entry(1)
    one.release(failed, 1, "ValueError", pause=HOUR)
    one.release(other, 0)
    due = one.ask("ZSCORE", "delayed", failed)
    assert abs(float(due) - one.now() - HOUR) < HOUR / 2
    one.ask_take(0)
    assert one.ask("LRANGE", "returned", 0, -1) == [other]
    one.ask("ZADD", "delayed", 1, failed)
    assert one.take(9) == [("b", 1), ("a", 2), ("c", 1)]
    assert one.ask("ZCARD", "delayed") == 0


def test_a_message_that_waits_wakes_nobody(one: ScriptRunner) -> None:
    """No process could take the message now."""
    one.send(1, "a")
    one.take(1)
    forget_hints(one)
    one.release(one.entry(0), 1, "ValueError", pause=HOUR)
    assert one.hints("ready") == 0


def test_a_release_that_is_repeated(one: ScriptRunner) -> None:
    """Its answer was lost, and it has no second effect."""
    one.send(1, "a")
    one.take(1)
    for _ in range(2):
        assert one.release(one.entry(0), 0, number=1) == [b"ok"]
    assert one.ask("LLEN", "returned") == 1


def test_a_message_that_fails_too_often(one: ScriptRunner) -> None:
    """In its last delivery it becomes a dead letter, and a message that did not fail does not."""
    one.send(1, "a", "b", headers=(1, "trace"))
    one.take(2)
    first, second = one.entry(0), one.entry(1)
    assert one.release(first, 2, "ValueError: no") == [b"ok"]
    assert one.release(second, 3) == [b"ok"]
    one.take(2)
    one.ask("DEL", "room")
    assert one.release(first, 3, "ValueError: never") == [b"ok", first]
    (letter,) = dead(one.server, one.name)
    assert letter == {
        "id": first.decode(),
        "deliveries": "3",
        "error": "ValueError: never",
        "body": "a",
        "headers": "trace",
    }
    assert one.ask("XLEN", "stream") == 1
    assert one.hints("room") == 1


def test_a_message_without_a_bound(server: Server, name: str) -> None:
    """It never becomes a dead letter, neither by failures nor by crashes."""
    one = ScriptRunner(server, name, max_deliveries=0)
    one.send(1, "a")
    for count in range(1, 8):
        assert one.take(1) == [("a", count)]
        assert one.release(one.entry(0), count, "ValueError") == [b"ok"]
    for crash in range(8):
        other = ScriptRunner(server, name, f"process {crash}")
        assert other.take(1) == [("a", 8 + crash)]
        other.crash()
    assert one.take(1) == [("a", 16)]


# Acknowledging.


def test_what_is_done(one: ScriptRunner) -> None:
    """Nothing of the message is left, and a blocked sender is woken."""
    one.send(1, "a", "b")
    one.take(2)
    done = one.entry(0)
    one.release(done, 1, "ValueError")
    one.ask("HSET", "crashes", done, 1)
    one.take(1)
    one.ask("DEL", "room")
    one.acknowledge(done)
    assert [entry_id for entry_id, _, _ in one.pending()] == [one.entry(0)]
    for part in ("counts", "errors", "crashes"):
        assert one.ask("HLEN", part) == 0
    assert one.hints("room") == 1


def test_no_room_wakes_nobody(one: ScriptRunner) -> None:
    """A message left, and the channel is full still, since the limit was made smaller."""
    one.send(1, "a", "b", "c")
    one.take(1)
    forget_hints(one)
    one.ask("HSET", "meta", "limit", 2)
    one.acknowledge(one.entry(0))
    assert one.hints("room") == 0


def test_an_acknowledgement_that_comes_late(one: ScriptRunner, two: ScriptRunner) -> None:
    """The message was given back meanwhile, and stays with the process that has it now."""
    one.send(1, "a")
    one.take(0, 1)
    one.release(one.entry(0), 0)
    two.take(1)
    one.acknowledge(begun=(one.entry(0),), releases=0)
    assert [owner for _, owner, _ in one.pending()] == [b"two"]


# The lease of a process.


def test_scripts_of_a_process_whose_lease_has_run_out(one: ScriptRunner, two: ScriptRunner) -> None:
    """They are refused once another process moves the messages, even if many are left to move."""
    one.ask("HSET", "meta", "limit", 1000)
    one.send(1, *map(str, range(501)))
    one.take(501)
    first = one.entry(0)
    one.crash()
    assert two.take(1) == [("0", 2)]
    assert len(one.pending()) == 2
    for answer in (one.renew(), one.acknowledge(first), one.release(first, 1), one.ask_take(1)):
        assert answer == [b"lost"]
    two.ask_take(0)
    assert one.renew() == [b"lost"]
    assert len(two.take(600)) == 500


def test_what_a_process_that_died_leaves(one: ScriptRunner, two: ScriptRunner) -> None:
    """Its messages come again in order, and go behind what came back; it is forgotten."""
    one.send(1, "a", "b", "c", "d")
    two.take(1)
    one.take(2)
    back = one.entry(0)
    one.ask("HSET", "requests", "one released", 1)
    one.ask("HSET", "requests", "one suspect", 1)
    one.ask("HSET", "blocked", "one", "1 1")
    one.crash()
    two.release(back, 0)
    assert two.take(9) == [("a", 1), ("b", 2), ("c", 2), ("d", 1)]
    assert set(one.ask("HKEYS", "requests")) == {b"two released", b"two"}
    assert one.ask("HLEN", "blocked") == 0
    assert one.ask("ZRANGE", "processes", 0, -1) == [b"two"]
    assert one.consumers() == [b"two"]


def test_the_clock_of_the_server_was_set_back(one: ScriptRunner, two: ScriptRunner) -> None:
    """No lease runs for longer than one lease from now."""
    one.ask("ZADD", "processes", one.now() + HOUR, "one")
    two.ask_take(0)
    assert float(one.ask("ZSCORE", "processes", "one")) - one.now() <= LEASE


def test_each_script_of_the_process_renews_the_lease(one: ScriptRunner) -> None:
    """To ask for messages does, and the heartbeat does."""
    renews: list[Callable[[], object]] = [one.renew, partial(one.ask_take, 0)]
    for renew in renews:
        one.ask("ZADD", "processes", one.now() + 1000, "one")
        renew()
        left = float(one.ask("ZSCORE", "processes", "one")) - one.now()
        assert LEASE - 10_000 < left <= LEASE


def test_a_new_consumer_is_made_known(one: ScriptRunner) -> None:
    """Its first script is accepted, and a later script is refused if its lease has run out."""
    one.me = "one-2"
    one.renew(new=True)
    assert one.renew()[0] == b"ok"
    one.ask("ZREM", "processes", "one-2")
    assert one.renew() == [b"lost"]


# Crashes.


def crash_often(one: ScriptRunner, times: int, demand: int = 1, ahead: int = 0) -> None:
    """Let processes die one after another, each with messages."""
    for number in range(times):
        process = ScriptRunner(one.server, one.name, f"process {one.now()} {number}")
        process.take(demand, ahead)
        process.crash()


def test_a_crash_in_the_last_delivery(one: ScriptRunner) -> None:
    """The message becomes a dead letter, makes room, and is told to the process that asks."""
    one.ask("HSET", "meta", "limit", 1)
    one.send(1, "a")
    first = one.entry(0)
    one.take(1)
    one.release(first, 2, "ValueError: no")
    crash_often(one, 1)
    forget_hints(one)
    assert one.ask_take(1)[2] == [first, 3]
    (letter,) = dead(one.server, one.name)
    assert (letter["deliveries"], letter["body"]) == ("3", "a")
    assert letter["error"] == "the process died or hung, earlier: ValueError: no"
    assert one.hints("room") == 1


def test_five_crashes(server: Server, name: str) -> None:
    """A message is dead after five crashes, and not after four, however many tries it has."""
    one = ScriptRunner(server, name, max_deliveries=100)
    one.send(1, "a")
    crash_often(one, 4)
    assert one.take(1) == [("a", 5)]
    one.release(one.entry(0), 4)
    crash_often(one, 1)
    assert one.take(1) == []
    assert dead(server, name)[0]["error"] == "the process died or hung"


def test_a_crash_counts_for_what_is_in_hand(server: Server, name: str) -> None:
    """Messages that are held ahead of need are no suspects, and do not die."""
    one = ScriptRunner(server, name, max_deliveries=100)
    one.send(1, "a", "b")
    one.take(0, 2)
    one.crash()
    two = ScriptRunner(server, name, "two")
    assert two.take(1, 1) == [("a", 1)]  # and never "b" ahead of need
    assert two.ask("HVALS", "crashes") == [b"0", b"0"]
    assert two.take(1) == [("b", 1)]


def test_a_message_is_a_suspect_after_two_crashes(one: ScriptRunner) -> None:
    """Not after one crash; and each process takes at most one suspect at a time."""
    one.ask("HSET", "meta", "max_deliveries", 100)
    one.send(1, "a", "b", "c")
    crash_often(one, 1, demand=2)
    one.ask_take(0)
    assert (one.ask("LLEN", "returned"), one.ask("LLEN", "suspects")) == (2, 0)
    crash_often(one, 1, demand=2)
    two = ScriptRunner(one.server, one.name, "two")
    forget_hints(one)
    assert one.take(2, 1) == [("a", 3), ("c", 1)]
    assert one.hints("ready") == 1
    assert one.take(1) == []
    one.acknowledge(one.entry(0))
    one.ask("RPUSH", "suspects", one.entry(1))  # any other message
    assert one.take(1) == [("b", 3)]
    assert two.take(1) == [("c", 1)]


def test_no_suspect_is_held_ahead_of_need(one: ScriptRunner) -> None:
    """Its next crash would not count."""
    one.send(1, "a")
    crash_often(one, 2)
    for _ in range(2):
        assert one.take(0, 1) == []
        assert one.ask("LLEN", "suspects") == 1


def test_what_failed_is_not_held_ahead_of_need(one: ScriptRunner) -> None:
    """It keeps its place before other messages that came back."""
    one.send(1, "a", "b", "c")
    one.take(2)
    one.release(one.entry(1), 0)
    one.release(one.entry(0), 1, "ValueError")
    assert one.take(0, 1) == [("c", 0)]
    assert one.take(9) == [("a", 2), ("b", 1)]


def test_suspects_are_no_fresh_messages(one: ScriptRunner, two: ScriptRunner) -> None:
    """A process that leaves wakes nobody because of them."""
    one.send(1, "a")
    two.take(1)
    two.release(one.entry(0), 0)
    one.ask("LPOP", "returned")
    one.ask("RPUSH", "suspects", one.entry(0))
    forget_hints(one)
    two.leave()
    assert one.hints("ready") == 0


# Leaving, and the end.


def test_leaving_with_messages_whose_answer_was_lost(one: ScriptRunner, two: ScriptRunner) -> None:
    """They come again in order, before fresh messages, and their delivery does not count."""
    one.send(1, "a", "b", "c", "d")
    one.lose_take(2, 1)
    one.leave()
    assert two.take(9) == [("a", 1), ("b", 1), ("c", 1), ("d", 1)]


def test_leaving_with_many_messages(one: ScriptRunner) -> None:
    """A script gives a part of them back, and says that there are more."""
    one.ask("HSET", "meta", "limit", 1000)
    one.send(1, *map(str, range(501)))
    one.take(501)
    assert [one.leave(), one.leave()] == [[b"more"], [b"ok"]]
    assert one.ask("LLEN", "returned") == 501


def test_leaving_leaves_no_trace(one: ScriptRunner) -> None:
    """The server forgets the process."""
    one.send(1, "a")
    one.take(1)
    one.release(one.entry(0), 0)
    one.ask("HSET", "requests", "one suspect", 1)
    one.leave()
    assert one.ask("HLEN", "requests") == 0
    assert one.ask("ZRANGE", "processes", 0, -1) == []
    assert one.consumers() == []


def test_hints_of_a_process_that_leaves(one: ScriptRunner, two: ScriptRunner) -> None:
    """A hint may be lost with the process, so it leaves new hints."""
    one.send(1, "a")
    forget_hints(one)
    two.leave()
    assert (one.hints("room"), one.hints("ready")) == (1, 1)


def test_hints_of_a_process_that_leaves_after_its_lease_has_run_out(
    one: ScriptRunner, two: ScriptRunner
) -> None:
    """A hint may have been on its way to the process all the same."""
    one.send(1, "a")
    one.ask("ZREM", "processes", "two")
    forget_hints(one)
    two.leave()
    assert (one.hints("room"), one.hints("ready")) == (1, 1)


def test_closing_a_channel_with_messages(one: ScriptRunner) -> None:
    """Those who wait learn of the close, and the end comes with the last message."""
    one.send(1, "a")
    forget_hints(one)
    one.close()
    assert 0 < one.ask("TTL", "room") <= 60
    assert (one.hints("room"), one.hints("ready")) == (1, 1)
    answer = one.ask_take(1)
    assert (answer[0], len(answer[3])) == (b"closed", 4)
    one.acknowledge(one.entry(0))
    assert one.ask_take(1)[0] == b"ended"


def test_the_hints_of_a_close_are_passed_on(one: ScriptRunner, two: ScriptRunner) -> None:
    """Each process that waits learns of the close, and none is woken again and again."""
    one.send(1, "a")
    one.take(1)
    one.close()
    forget_hints(one)
    one.send(2, "b")
    assert 0 < one.ask("TTL", "room") <= 60
    assert one.hints("room") == 1
    two.ask_take(1, knows=False)
    assert one.hints("ready") == 1
    two.ask_take(1, knows=True)
    assert one.hints("ready") == 0


def test_the_end(one: ScriptRunner, two: ScriptRunner) -> None:
    """The settings and the dead letters stay, and each process that waits is woken in turn."""
    one.send(1, "a")
    one.take(1)
    one.release(one.entry(0), 1, "ValueError")
    one.take(1)
    one.ask("HSET", "crashes", "another", 1)
    one.close()
    forget_hints(one)
    one.acknowledge(one.entry(0))
    assert 0 < one.ask("TTL", "ready") <= 60
    assert one.hints("ready") == 1
    assert two.ask_take(1)[0] == b"ended"
    assert 0 < one.ask("TTL", "ready") <= 60
    assert one.hints("ready") == 1
    one.leave()
    two.leave()
    assert one.parts() == {"meta", "producer:one"}


def test_scripts_after_the_end(one: ScriptRunner, two: ScriptRunner) -> None:
    """A request that is repeated, or that comes late, is as good as done."""
    one.send(1, "a")
    one.take(1)
    entry_id = one.entry(0)
    one.close()
    one.acknowledge(entry_id)
    assert one.acknowledge(begun=(entry_id,)) == [b"ok"]
    assert one.release(entry_id, 1) == [b"ok"]
    assert not one.parts() & {"stream", "counts", "returned"}
    assert one.run(_scripts.SIZE, one.born, one.me) == [b"ok", 0]
    one.crash()
    assert two.ask_take(1)[0] == b"ended"
    assert two.leave() == [b"ok"]


def test_closing_an_empty_channel(one: ScriptRunner) -> None:
    """The end comes at once, and those who wait for messages are woken."""
    forget_hints(one)
    one.close()
    assert one.ask("EXISTS", "stream") == 0
    assert one.hints("ready") == 1


# Opening.


def test_the_first_process_sets_the_settings(one: ScriptRunner, name: str) -> None:
    """A later process gets them, whatever it brings, and deletes nothing."""
    one.send(1, "a")
    later = ScriptRunner(one.server, name, "later", limit=7, lease=8, max_deliveries=9)
    assert later.settings == [b"born", b"0", b"1", b"100", b"60000", b"3"]
    assert later.take(1) == [("a", 1)]


def test_the_remains_of_an_earlier_channel(one: ScriptRunner, name: str) -> None:
    """Somebody deleted a part of the keys: a new channel begins without the rest."""
    one.send(1, "a")
    for part in ("returned", "suspects"):
        one.ask("RPUSH", part, "1-1")
    one.ask("ZADD", "delayed", 1, "1-1")
    for part in ("counts", "errors", "crashes", "requests", "blocked"):
        one.ask("HSET", part, "1-1", 1)
    one.ask("DEL", "meta")
    later = ScriptRunner(one.server, name, "later")
    assert one.parts() == {"meta", "stream", "processes", "producer:one"}
    assert later.ask("ZRANGE", "processes", 0, -1) == [b"later"]
    assert later.take(1) == []


def test_a_process_that_does_not_know_the_format(one: ScriptRunner, name: str) -> None:
    """It is no process of the channel."""
    one.ask("HSET", "meta", "version", 99)
    ScriptRunner(one.server, name, "later")
    assert one.ask("ZRANGE", "processes", 0, -1) == [b"one"]


def test_another_channel_of_the_same_name(one: ScriptRunner) -> None:
    """A process of the earlier channel learns that its channel is gone."""
    one.born = b"earlier"
    for answer in (one.send(1, "a"), one.ask_take(1), one.renew(), one.leave(), one.close()):
        assert answer == [b"gone"]


def test_a_stream_that_was_deleted(one: ScriptRunner) -> None:
    """The channel is gone for each script."""
    one.ask("DEL", "stream")
    for answer in (one.send(1, "a"), one.ask_take(1), one.renew(), one.leave(), one.close()):
        assert answer == [b"gone"]


def test_mutants_of_scripts_are_scripts(server: Server) -> None:
    """The server can compile each: a mutant must break a promise, and not the language."""
    for mutant in MUTANTS:
        file = mutant.file(SOURCE)
        if file.suffix == ".lua":
            text = file.read_text(encoding="utf-8").replace(mutant.old, mutant.new)
            server.ask("SCRIPT", "LOAD", text)
