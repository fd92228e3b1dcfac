"""When a script is tried again, and when the channel gives up."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

import pytest
from anyio import fail_after

from anycast.redis import _outages, _retries, _scripts
from anycast.redis._answers import (
    OutOfMemoryError,
    RefusedError,
    UnavailableError,
    UnreachableError,
    WritesRefusedError,
)
from anycast.redis._commands import Commands
from anycast.redis._keys import Keys
from anycast.redis._outages import Outages
from anycast.redis._retries import FIRST_PAUSE, LONGEST_PAUSE, Retries
from redis_tools import DEADLINE

pytestmark = pytest.mark.anyio


async def test_a_server_that_refuses_to_write() -> None:
    """A script that stores no message waits for longer than the timeout, and a send does not."""
    refused = WritesRefusedError("NOREPLICAS")
    with fail_after(DEADLINE):
        await Retries(0.0, Outages("jobs")).pause(refused)
        with pytest.raises(WritesRefusedError):
            await Retries(0.0, Outages("jobs"), sends=True).pause(refused)


async def test_a_server_that_is_away_for_too_long() -> None:
    """The error is raised when the time is over."""
    with fail_after(DEADLINE):
        await Retries(60.0, Outages("jobs")).pause(UnreachableError("gone"))
        with pytest.raises(UnreachableError, match="gone"):
            await Retries(0.0, Outages("jobs")).pause(UnreachableError("gone"))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let each pause be over at once, on a clock of its own; return the pauses."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(_retries, "sleep", sleep)
    monkeypatch.setattr(_retries, "monotonic", lambda: sum(pauses))
    return pauses


async def test_pauses(pauses: list[float]) -> None:
    """Each is twice as long as the pause before, up to the longest, within the timeout."""
    retries = Retries(3.0, Outages("jobs"))
    with pytest.raises(UnreachableError, match="gone"):
        while True:
            retries.begin()
            await retries.pause(UnreachableError("gone"))
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert max(pauses) == LONGEST_PAUSE
    assert 2.0 < sum(pauses) <= 3.0


async def test_the_time_begins_anew_after_a_success(pauses: list[float]) -> None:
    """A task that runs one command after another is patient with each of them."""
    retries = Retries(0.03, Outages("jobs"))
    for _ in range(3):
        retries.begin()
        await retries.pause(UnavailableError("loading"))
        retries.succeed()
    assert pauses == [FIRST_PAUSE] * 3


@pytest.mark.usefixtures("pauses")
async def test_an_outcome_that_is_unknown() -> None:
    """An earlier try may have had an effect, whatever the last try met."""
    retries = Retries(0.03, Outages("jobs"))
    await retries.pause(UnreachableError("cut"))
    with pytest.raises(UnreachableError) as raised:
        await retries.pause(UnavailableError("loading"))
    assert type(raised.value) is UnreachableError
    retries = Retries(0.03, Outages("jobs"))
    await retries.pause(UnavailableError("loading"))
    with pytest.raises(UnavailableError):
        await retries.pause(UnavailableError("loading"))


async def test_a_server_out_of_memory(pauses: list[float]) -> None:
    """A send fails at once, unless an earlier try may have stored the message."""
    full = OutOfMemoryError("OOM")
    with pytest.raises(OutOfMemoryError):
        await Retries(60.0, Outages("jobs"), sends=True).pause(full)
    assert pauses == []
    retries = Retries(60.0, Outages("jobs"), sends=True)
    await retries.pause(UnreachableError("cut"))
    await retries.pause(full)
    assert len(pauses) == 2


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize("failed", [False, True])
async def test_the_log_of_an_outage(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, failed: bool
) -> None:
    """The log tells that the server is back, unless the channel has failed meanwhile."""
    now = [0.0]
    monkeypatch.setattr(_outages, "monotonic", lambda: now[0])
    outages = Outages("jobs")
    retries = Retries(60.0, outages)
    with fail_after(DEADLINE), caplog.at_level(logging.WARNING, "anycast"):
        await retries.pause(UnavailableError("loading"))
        now[0] = 2.0
        await retries.pause(UnavailableError("loading"))
        if failed:
            outages.stop()
        now[0] = 6.0
        await retries.pause(UnavailableError("loading"))
        now[0] = 7.0
        retries.succeed()
    first, *later = caplog.messages
    assert first == "jobs: tried in vain for 2 s, trying again: loading"
    assert later == (
        []
        if failed
        else [
            "jobs: tried in vain for 6 s, trying again: loading",
            "jobs: the server is back after 7 s",
        ]
    )


class Link:
    """A link whose calls have these outcomes."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = deque(outcomes)
        self.asked: list[tuple[Any, ...]] = []

    async def connect(self, _: bytes) -> None:
        """Do nothing: the connection is open."""

    async def call(self, _: bytes, *arguments: Any) -> list[Any]:
        """Return the next outcome, or raise it."""
        _, number_of_keys, *rest = arguments
        self.asked.append((*rest[number_of_keys:],))
        outcome = self.outcomes.popleft()
        if isinstance(outcome, Exception):
            raise outcome
        return [outcome]


def commands_over(link: Any) -> Commands:
    """Return commands of the process "me" in a channel that is open."""
    commands = Commands(link, Keys("jobs", "me"), b"me", 60.0)
    commands.born = b"born"
    return commands


@pytest.mark.usefixtures("pauses")
async def test_the_numbers_of_tries() -> None:
    """Each try has a number of its own, so the server knows which try comes late."""
    link = Link(UnreachableError("cut"), b"ok", b"ok")
    commands = commands_over(link)
    await commands.run_in_order(_scripts.SEND, lambda: [b"a"], bool)
    await commands.run_in_order(_scripts.SEND, lambda: [b"b"], bool)
    assert link.asked == [
        (b"born", b"me", 1, b"a"),
        (b"born", b"me", 2, b"a"),
        (b"born", b"me", 3, b"b"),
    ]


@pytest.mark.usefixtures("pauses")
async def test_what_is_sent_may_change_until_a_try_may_have_run() -> None:
    """The caller is told of each failed try before that, and not at the end of the time."""
    link = Link(UnavailableError("loading"), UnreachableError("cut"), UnavailableError("a"), b"ok")
    told: list[int] = []
    bodies = iter(b"abcd")

    def not_run(_: Retries) -> bool:
        told.append(len(link.asked))
        return True

    await commands_over(link).run_in_order(_scripts.SEND, lambda: [next(bodies)], not_run)
    assert told == [1]


@pytest.mark.usefixtures("pauses")
async def test_the_tries_end_in_time_if_anybody_waits() -> None:
    """Without messages, the tries go on; they end if an earlier try may have run."""
    away, cut = UnavailableError("loading"), UnreachableError("cut")

    def commands(*outcomes: Any) -> Commands:
        link: Any = Link(*outcomes)
        return Commands(link, Keys("jobs", "me"), b"me", 0.0)

    await commands(away, away, b"ok").run_in_order(_scripts.SEND, list, lambda _: False)
    with pytest.raises(UnavailableError, match="loading"):
        await commands(away).run_in_order(_scripts.SEND, list, lambda _: True)
    with pytest.raises(UnreachableError, match="cut"):
        await commands(cut).run_in_order(_scripts.SEND, list, lambda _: False)


async def test_the_time_begins_anew() -> None:
    """A pause is as long as before."""
    retries = Retries(60.0, Outages("jobs"))
    retries._deadline, retries._pause = 0.0, 0.5
    with pytest.raises(UnavailableError, match="loading"):
        retries.check(UnavailableError("loading"))
    retries.restart()
    retries.check(UnavailableError("loading"))
    assert retries._pause == 0.5


@pytest.mark.usefixtures("pauses")
async def test_nothing_is_composed_before_the_connection_is_open() -> None:
    """Else messages would count as sent while the connection is opened, perhaps for long."""
    link: Any = Link(b"ok")
    events: list[str] = []
    outcomes = deque([UnavailableError("away"), None])

    async def connect(key: bytes) -> None:
        events.append(f"connect for {key.decode()}")
        if error := outcomes.popleft():
            raise error

    link.connect = connect

    def compose() -> list[bytes]:
        events.append("compose")
        return [b"a"]

    def not_run(_: Retries) -> bool:
        events.append("not run")
        return True

    await commands_over(link).run_in_order(_scripts.SEND, compose, not_run)
    key = Keys("jobs", "me").all[0].decode()
    assert events == [f"connect for {key}", "not run", f"connect for {key}", "compose"]


@pytest.mark.usefixtures("pauses")
async def test_a_refusal_after_an_outcome_that_is_unknown() -> None:
    """An earlier try may have had an effect, so the outcome stays unknown."""
    commands = commands_over(Link(UnreachableError("cut"), RefusedError("no right")))
    with pytest.raises(UnreachableError, match="no right"):
        await commands.run(_scripts.SEND)


@pytest.mark.usefixtures("pauses")
async def test_a_refusal_after_tries_that_had_no_effect() -> None:
    """The script has certainly not run."""
    commands = commands_over(Link(UnavailableError("loading"), RefusedError("no right")))
    with pytest.raises(RefusedError, match="no right"):
        await commands.run(_scripts.SEND)
