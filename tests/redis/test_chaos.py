"""A short chaos run, and the account, which must notice each broken promise.

`nox -s chaos` runs for a longer time.
"""

from __future__ import annotations

import math

import pytest

import chaos
from chaos_account import LONGEST_OUTAGE, Account, Actor

LEASE = 3.0
LATER = 10 * LONGEST_OUTAGE


@pytest.mark.slow
@pytest.mark.parametrize("place", ["single", "sentinel", "cluster"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_chaos(place: str, backend: str) -> None:
    """No promise is broken, whatever fails."""
    try:
        ran, account = chaos.run(place, backend, seed=1, seconds=20)
    except chaos.UnplannedFailoverError:
        pytest.skip("the machine is too busy for Sentinels")
    assert list(account.faults()) == []
    assert len(account.sent) > 100
    assert ran.troubles.total() > 5


def faults(*records: str, killed: float = math.inf) -> list[str]:
    """Return the faults of a message 7, by the records of processes.

    Args:
        records: of each process, without the time, which is the number of the record.
        killed: when the first process was killed.
    """
    actors: list[Actor] = [Actor("sender", ["0 try 7\n", "0 sent 7\n"])]
    for number, lines in enumerate(records):
        actors.append(Actor(f"worker-{number}", [f"{line.strip()}\n" for line in lines.split(",")]))
    if records:
        actors[1].killed = killed
    return [fault.partition(":")[0] for fault in Account(actors, LEASE).faults()]


def test_a_message_that_is_done() -> None:
    """A message that was sent and done breaks no promise."""
    assert faults("1 begin 7 1, 2 done 7") == []


def test_a_message_that_is_lost() -> None:
    """The send returned, and no process has done the message."""
    assert faults() == ["7 is lost"]
    assert faults("1 begin 7 1, 2 drop 7") == ["7 is lost"]


def test_a_message_that_nobody_sent() -> None:
    """The message was never sent."""
    assert faults("1 begin 7 1, 2 done 7, 3 begin 8 1, 4 done 8") == ["8 was never sent"]


def test_a_message_with_two_at_once() -> None:
    """Two processes may have a message only after a lost lease."""
    assert faults("1 begin 7 1, 3 drop 7", "2 begin 7 1, 4 done 7") == ["7 is with two at once"]
    assert faults("1 begin 7 1, 9 drop 7, 9 lost", "5 begin 7 2, 6 done 7") == []
    assert faults("1 begin 7 1, 3 drop 7, 3 lost", "2 begin 7 2, 4 done 7") == []


def test_a_message_that_comes_again() -> None:
    """A done message may come again only if its process died before the server was told."""
    records = "1 begin 7 1, 2 done 7", "5 begin 7 2, 6 done 7"
    assert faults(*records, killed=3) == []
    assert faults(*records)[0] == "7 came again"
    assert faults(*records, killed=LATER)[0] == "7 came again"


@pytest.mark.parametrize(
    ("before", "deliveries", "right"),
    [
        ("1 begin 7 1, 2 fail 7", 1, False),
        ("1 begin 7 1, 2 fail 7", 2, True),
        ("1 begin 7 1, 2 fail 7", 3, False),
        ("1 begin 7 1, 2 drop 7", 1, True),
        ("1 begin 7 1, 2 drop 7", 2, False),
    ],
)
def test_the_count_of_deliveries(before: str, *, deliveries: int, right: bool) -> None:
    """A failure counts, and what was dropped does not."""
    told = faults(before, f"5 begin 7 {deliveries}, 6 done 7")
    expected = 1 + before.count("fail")
    assert told == ([] if right else [f"7 counts {deliveries}, not {expected} to {expected}"])


def test_a_death_may_count() -> None:
    """The death of a process counts as a delivery if the process had the message in hand."""
    for deliveries in (1, 2):
        assert faults("1 begin 7 1", f"5 begin 7 {deliveries}, 6 done 7", killed=2) == []
    assert len(faults("1 begin 7 1", "5 begin 7 3, 6 done 7", killed=2)) == 1


def test_more_than_the_hands_can_hold() -> None:
    """A death repeats what the process had in hand, and no more."""
    numbers = range(100, 200)
    sent = [f"0 {word} {number}\n" for number in numbers for word in ("try", "sent")]
    done = [line for n in numbers for line in (f"1 begin {n} 1\n", f"2 done {n}\n")]
    again = [line for n in numbers for line in (f"5 begin {n} 2\n", f"6 done {n}\n")]
    actors = [Actor("sender", sent), Actor("one", done, killed=3), Actor("two", again)]
    assert list(Account(actors, LEASE).faults()) == ["100 messages came again, after 1 deaths"]


def test_a_record_that_was_cut_off() -> None:
    """The process was killed while it wrote the record."""
    actors = [Actor("sender", ["0 try 7\n", "0 se"], killed=1)]
    account = Account(actors, LEASE)
    assert (account.tried, account.sent) == ({7}, set())
