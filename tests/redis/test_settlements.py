"""What the settlements tell the server, script by script; a test plays the server."""

from __future__ import annotations

import logging
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from anyio import Event

from anycast.redis import _scripts
from anycast.redis._delivery import Delivery
from anycast.redis._holder import LostError
from anycast.redis._link import UnreachableError
from anycast.redis._scripts import MAX_BATCH
from anycast.redis._settlements import LONGEST_LOGGED, LONGEST_REASON, Settlements, log_burial
from helpers import begin, settle, task_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast.redis._scripts import Script

pytestmark = pytest.mark.anyio


def pause(_: int) -> float:
    """Return the pause after a failure."""
    return 1.5


class Told:
    """The settlements of a process, and what they have told the server."""

    def __init__(self) -> None:
        self.scripts: list[tuple[Script, tuple[Any, ...]]] = []
        self.answers = Event()
        self.answers.set()
        self.error: Exception | None = None
        self.buried: list[bytes] = []
        holder: Any = SimpleNamespace(run=self._run)
        options: Any = SimpleNamespace(pause_after=pause)
        self.settlements = Settlements("jobs", holder, holder, options)

    async def _run(self, script: Script, *arguments: Any) -> list[Any]:
        self.scripts.append((script, arguments))
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return [b"ok", *self.buried]

    def of(self, script: Script) -> list[tuple[Any, ...]]:
        """Return the arguments with which a script was run, each time."""
        return [arguments for each, arguments in self.scripts if each is script]


@pytest.fixture
def told() -> Told:
    """Provide settlements of a process that has told nothing yet."""
    return Told()


def deliveries(count: int, *, counted: int = 1) -> list[Delivery[str]]:
    """Return deliveries of so many messages of the same millisecond."""
    return [Delivery(b"7-%d" % number, "job", {}, counted) for number in range(1, count + 1)]


async def test_a_script_settles_a_few_hundred_messages(told: Told) -> None:
    """More messages take more scripts."""
    settlements = told.settlements
    for delivery in deliveries(2 * MAX_BATCH + 1):
        settlements.done(delivery)
    await settlements.flush()
    assert [arguments[1] for arguments in told.of(_scripts.ACK)] == [MAX_BATCH, MAX_BATCH, 1]
    for delivery in deliveries(2 * MAX_BATCH + 1):
        settlements.untouched(delivery)
    await settlements.flush()
    sizes = [len(arguments) // 5 for arguments in told.of(_scripts.RELEASE)]
    assert sizes == [MAX_BATCH, MAX_BATCH, 1]
    told.scripts.clear()
    for delivery in deliveries(2 * MAX_BATCH + 1, counted=0):
        settlements.begun(delivery)
    await settlements.flush()
    sizes = [len(arguments) - 2 for arguments in told.of(_scripts.ACK)]
    assert sizes == [MAX_BATCH, MAX_BATCH, 1]


async def test_a_message_that_went_back_is_not_begun(told: Told) -> None:
    """The server would claim the message from the process that has the message by then."""
    settlements = told.settlements
    for delivery in (each := deliveries(2, counted=0)):
        settlements.begun(delivery)
    settlements.untouched(each[0])
    settlements.failed(each[1], "ValueError")
    await settlements.flush()
    assert told.of(_scripts.ACK) == []


async def test_what_is_told_of_a_message_that_goes_back(told: Told) -> None:
    """A failure counts and comes with its pause and its error; the newest message goes first."""
    settlements = told.settlements
    first, second, tenth = (Delivery(b"7-%d" % number, "job", {}, 3) for number in (1, 2, 10))
    settlements.untouched(first)
    settlements.failed(tenth, "ValueError: no")
    settlements.untouched(second)
    await settlements.flush()
    (arguments,) = told.of(_scripts.RELEASE)
    assert arguments == (
        1,
        *(b"7-10", 3, True, 1500, b"ValueError: no"),
        *(b"7-2", 2, False, 0, b""),
        *(b"7-1", 2, False, 0, b""),
    )


async def test_the_numbers_of_requests(told: Told) -> None:
    """Each request to give back has a number, and an acknowledgement names the last number."""
    settlements = told.settlements
    for delivery in deliveries(2):
        settlements.untouched(delivery)
        await settlements.flush()
        settlements.done(delivery)
        await settlements.flush()
    assert [arguments[0] for arguments in told.of(_scripts.RELEASE)] == [1, 2]
    assert [arguments[0] for arguments in told.of(_scripts.ACK)] == [1, 2]


async def test_a_long_error_that_is_no_text(told: Told) -> None:
    """A part of the error goes to the server, in characters that the server can keep."""
    told.settlements.failed(deliveries(1)[0], "\udcff" + "x" * LONGEST_REASON)
    await told.settlements.flush()
    (arguments,) = told.of(_scripts.RELEASE)
    assert arguments[-1] == rb"\udcff" + b"x" * (LONGEST_REASON - 1)


def test_a_long_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A part of the error is logged."""
    with caplog.at_level(logging.ERROR, "anycast"):
        log_burial("jobs", b"7-1", 3, "x" * (LONGEST_LOGGED + 1))
    (message,) = caplog.messages
    end = "x" * LONGEST_LOGGED
    assert message == f"jobs: message 7-1 became a dead letter after 3 deliveries: {end}"


async def test_one_script_at_a_time(told: Told) -> None:
    """Two tasks that tell the server take turns, so the numbers of requests are in order."""
    told.answers = Event()
    async with task_group() as tasks:
        for delivery in deliveries(2):
            told.settlements.untouched(delivery)
            tasks.start_soon(told.settlements.flush)
            await settle()
        assert len(told.scripts) == 1
        told.answers.set()
    assert len(told.scripts) == 2


async def test_a_lease_that_runs_out_while_the_server_is_told(told: Told) -> None:
    """All that was settled is forgotten, what is on its way included, and the pump goes on."""
    settlements = told.settlements
    one, two, three, four = deliveries(4, counted=0)
    told.answers = Event()
    async with task_group() as tasks:
        settlements.done(one)
        tasks.start_soon(settlements.flush)
        await settle()
        settlements.done(two)
        settlements.untouched(three)
        settlements.begun(four)
        waiting = await begin(tasks, settlements.done_first, deliveries(5)[4])
        assert settlements.lose_all() == 4
        told.error = LostError()
        told.answers.set()
    assert waiting.result is False
    told.error = None
    await settlements.flush()
    assert len(told.scripts) == 1


async def test_a_lease_that_runs_out_while_messages_go_back(told: Told) -> None:
    """The messages on their way are lost, too."""
    settlements = told.settlements
    told.answers = Event()
    async with task_group() as tasks:
        for delivery in deliveries(2):
            settlements.untouched(delivery)
        tasks.start_soon(settlements.flush)
        await settle()
        assert settlements.lose_all() == 2
        told.error = LostError()
        told.answers.set()
    assert settlements.lose_all() == 0


async def test_what_goes_back_is_told_before_messages_are_asked_for(told: Told) -> None:
    """So what comes back keeps its place; else nothing is told before."""
    one, two = deliveries(2)
    told.settlements.done(one)
    await told.settlements.give_back_first()
    assert told.scripts == []
    told.settlements.untouched(two)
    await told.settlements.give_back_first()
    assert [script for script, _ in told.scripts] == [_scripts.ACK, _scripts.RELEASE]


async def test_the_pump_is_woken(told: Told) -> None:
    """Whatever is to be told wakes the pump, which tells what has come together."""
    settlements = told.settlements
    one, two, three, four = deliveries(4, counted=0)
    async with task_group() as tasks:
        tasks.start_soon(settlements.run)
        acts: list[Callable[[], object]] = [
            partial(settlements.begun, one),
            partial(settlements.done, two),
            partial(settlements.untouched, three),
            partial(settlements.failed, four, "ValueError"),
            settlements.close_channel,
        ]
        for act in acts:
            await settle()
            act()
        await settle()
        settlements.stop()
    scripts = [script for script, _ in told.scripts]
    assert scripts == [
        *(_scripts.ACK, _scripts.ACK),
        *(_scripts.RELEASE, _scripts.RELEASE),
        _scripts.CLOSE,
    ]


async def test_a_close_is_told_once(told: Told) -> None:
    """Tasks that wait for the close go on when the server knows."""
    told.settlements.close_channel()
    assert not told.settlements.closed.is_set()
    for _ in range(2):
        await told.settlements.flush()
    assert told.settlements.closed.is_set()
    assert told.of(_scripts.CLOSE) == [()]


async def test_an_acknowledgement_that_a_task_waits_for(told: Told) -> None:
    """The task goes on when the message is deleted."""
    async with task_group() as tasks:
        waiting = await begin(tasks, told.settlements.done_first, deliveries(1)[0])
        assert waiting.outcome == "unfinished"
        await told.settlements.flush()
    assert waiting.result is True


async def test_an_acknowledgement_whose_task_is_cancelled(told: Told) -> None:
    """The server has not heard of the message, so the message goes back."""
    async with task_group() as tasks:
        waiting = await begin(tasks, told.settlements.done_first, deliveries(1)[0])
        waiting.cancel()
    await told.settlements.flush()
    assert [script for script, _ in told.scripts] == [_scripts.RELEASE]


async def test_an_acknowledgement_of_unknown_outcome(told: Told) -> None:
    """The message may be deleted or not, so the task does not get the message."""
    told.error = UnreachableError("gone")
    async with task_group() as tasks:
        waiting = await begin(tasks, told.settlements.done_first, deliveries(1)[0])
        with pytest.raises(UnreachableError, match="gone"):
            await told.settlements.flush()
    assert waiting.result is False


async def test_a_session_that_has_failed(told: Told) -> None:
    """Every task that waits is woken."""
    async with task_group() as tasks:
        waiting = await begin(tasks, told.settlements.done_first, deliveries(1)[0])
        closed = await begin(tasks, told.settlements.closed.wait)
        told.settlements.shut()
    assert waiting.result is False
    assert closed.outcome == "done"


async def test_burials_are_logged(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    """The server tells which messages became dead letters."""
    one, two = deliveries(2)
    told.buried = [two.entry_id]
    for delivery in (one, two):
        told.settlements.failed(delivery, "ValueError: no")
    with caplog.at_level(logging.ERROR, "anycast"):
        await told.settlements.flush()
    assert caplog.messages == [
        "jobs: message 7-2 became a dead letter after 1 deliveries: ValueError: no"
    ]


async def test_a_failure_that_is_known_later(told: Told) -> None:
    """A message that went back counts as failed, unless the server was told before."""
    one, two = deliveries(2)
    for delivery in (one, two):
        told.settlements.untouched(delivery)
        told.settlements.failed_after_all(delivery, "ValueError: no")
        await told.settlements.flush()
        told.settlements.failed_after_all(delivery, "ValueError: late")
    await told.settlements.flush()
    assert [arguments[2:4] for arguments in told.of(_scripts.RELEASE)] == [(1, True), (1, True)]
