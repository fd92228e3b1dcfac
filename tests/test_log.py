"""What a channel logs about senders that block, and how little of it under pressure."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import pytest

from anycast import Anycast, SenderClosedError, SenderError
from helpers import Attempt, begin, drain, raises, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.anyio

FULL = (
    "Anycast channel [Anycast:numbers:_Sender] is full, "
    "blocking sender until a receiver consumes a message"
)
SPACE = "Anycast channel [Anycast:numbers:_Sender] has space again, resuming the blocked sender"


@pytest.fixture(autouse=True)
def every_level(caplog: pytest.LogCaptureFixture) -> None:
    """Log everything, unless a test says otherwise."""
    caplog.set_level(logging.DEBUG, "anycast")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock that the log looks at."""
    clock = Clock()
    monkeypatch.setattr("anycast._log.monotonic", clock)
    return clock


class Handler(logging.Handler):
    """A handler that acts on one level, and lets errors through."""

    def __init__(self, level: int, act: Callable[[], object]) -> None:
        super().__init__()
        self._level = level
        self._act = act

    def emit(self, record: logging.LogRecord) -> None:
        """Act, if the level is the one."""
        if record.levelno == self._level:
            self._act()


@pytest.fixture
def on(request: pytest.FixtureRequest) -> Callable[[int, Callable[[], object]], None]:
    """Return a function that has the logger do something at each record of a level."""
    logger = logging.getLogger("anycast")

    def add(level: int, act: Callable[[], object]) -> None:
        handler = Handler(level, act)
        logger.addHandler(handler)
        request.addfinalizer(lambda: logger.removeHandler(handler))

    return add


def failing() -> None:
    """Stand for a handler that fails."""
    raise LookupError("no log")


async def block_once(channel: Anycast[int]) -> None:
    """Have one sender block in a full channel, and go on."""
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send, 1)
        await receiver.receive()


def full_channel() -> Anycast[int]:
    """Return a channel of limit 1 with one message in it."""
    channel = Anycast[int](name="numbers", limit=1)
    channel.new_sender().send_nowait(0)
    return channel


async def test_texts(caplog: pytest.LogCaptureFixture) -> None:
    """Blocking is a warning, going on is an info, of the logger ``anycast``."""
    await block_once(full_channel())
    assert caplog.record_tuples == [
        ("anycast", logging.WARNING, FULL),
        ("anycast", logging.INFO, SPACE),
    ]


async def test_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    """Who need not wait is not logged, nor is a receiver that waits."""
    channel = Anycast[int]()
    async with task_group() as tasks:
        await begin(tasks, channel.new_receiver().receive)
        await channel.new_sender().send(1)
    assert caplog.record_tuples == []


async def test_send_nowait_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It does not block."""
    channel = Anycast[int](limit=0)
    with pytest.raises(anyio.WouldBlock):
        channel.new_sender().send_nowait(1)
    assert caplog.record_tuples == []


async def test_a_sender_that_does_not_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """Cancelled or closed, it is not said to be resumed."""
    channel = full_channel()
    sender = channel.new_sender()
    async with task_group() as tasks:
        cancelled = await begin(tasks, sender.send, 1)
        await begin(tasks, sender.send, 2)
        cancelled.cancel()
        await settle()
        channel.close()
    assert [message for _, _, message in caplog.record_tuples] == [FULL, FULL]


async def test_a_name_with_a_percent_sign(caplog: pytest.LogCaptureFixture) -> None:
    """Names are data, never formats."""
    channel = Anycast[int](name="100%s %d", limit=0)
    async with task_group() as tasks:
        sending = await begin(tasks, channel.new_sender().send, 1)
        sending.cancel()
    assert caplog.messages == [FULL.replace("numbers", "100%s %d")]


async def test_a_burst_then_one_per_second(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    """Ten are written at once, then one per second that says how many it held back."""
    caplog.set_level(logging.WARNING, "anycast")
    channel = full_channel()
    for _ in range(15):
        await block_once(channel)
    assert caplog.messages == [FULL] * 10
    caplog.clear()
    clock.now = 0.999
    await block_once(channel)
    assert caplog.messages == []
    clock.now = 1.0
    await block_once(channel)
    await block_once(channel)
    assert caplog.messages == [f"{FULL} (6 more held back)"]
    caplog.clear()
    clock.now = 2.0
    await block_once(channel)
    clock.now = 3.0
    await block_once(channel)
    assert caplog.messages == [f"{FULL} (1 more held back)", FULL]


async def test_a_burst_after_a_pause(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    """A pause gives the burst back, a long one no more than ten."""
    caplog.set_level(logging.WARNING, "anycast")
    channel = full_channel()
    for now, written in [(100.0, 10), (103.0, 3), (1000.0, 10)]:
        clock.now = now
        caplog.clear()
        for _ in range(12):
            await block_once(channel)
        assert len(caplog.messages) == written


async def test_both_kinds_have_a_burst_of_their_own(
    caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    """Warnings use up nothing of what is left for infos."""
    channel = full_channel()
    for _ in range(12):
        await block_once(channel)
    clock.now = 5.0
    assert [caplog.messages.count(text) for text in (FULL, SPACE)] == [10, 10]


@pytest.mark.usefixtures("clock")
async def test_each_channel_has_a_burst_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """A busy channel silences no other; senders of one channel share its burst."""
    caplog.set_level(logging.WARNING, "anycast")
    for _ in range(2):
        channel = full_channel()
        for _ in range(12):
            await block_once(channel)
    assert caplog.messages == [FULL] * 20


async def test_disabled_level(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    """Nothing is written and nothing counted as held back."""
    caplog.set_level(logging.ERROR, "anycast")
    channel = full_channel()
    for _ in range(20):
        await block_once(channel)
    assert caplog.messages == []
    caplog.set_level(logging.WARNING, "anycast")
    clock.now = 0.5
    await block_once(channel)
    assert caplog.messages == [FULL]


async def test_disabled_level_costs_no_look_at_the_clock(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the level disabled not even the time is asked for."""
    caplog.set_level(logging.ERROR, "anycast")
    monkeypatch.setattr("anycast._log.monotonic", failing)
    channel = full_channel()
    await block_once(channel)
    assert channel.statistics().messages_sent == 2


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO])
async def test_a_handler_that_raises(
    on: Callable[[int, Callable[[], object]], None], level: int
) -> None:
    """The send raises its error and leaves no trace; the next in line goes on."""
    channel = full_channel()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:

        async def fail() -> None:
            with raises(LookupError, "no log"):
                await sender.send(1)

        if level == logging.WARNING:
            on(level, failing)
            await fail()
        else:
            failed = await begin(tasks, fail)
            second = await begin(tasks, sender.send, 2)
            on(level, fail_once())
            assert receiver.receive_nowait() == 0
            await settle()
            assert (failed.outcome, second.outcome) == ("done", "done")
    assert waiting(channel) == (0, 0)
    assert drain(receiver) == ([0] if level == logging.WARNING else [2])


def nothing() -> None:
    """Stand for a handler that does nothing."""


def fail_once() -> Callable[[], object]:
    """Return what raises at its first call only."""
    actions: Iterator[Callable[[], object]] = iter([failing])

    def act() -> None:
        next(actions, nothing)()

    return act


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO])
@pytest.mark.parametrize(("what", "error"), [("channel", SenderError), ("end", SenderClosedError)])
async def test_a_handler_that_closes(
    on: Callable[[int, Callable[[], object]], None],
    level: int,
    what: str,
    error: type[SenderError[int]],
) -> None:
    """The send raises as at any other close, and its message is not sent."""
    channel = full_channel()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    on(level, channel.close if what == "channel" else sender.close)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        assert drain(receiver) == [0]
    sending.failure(error)
    assert waiting(channel) == (0, 0)
    assert channel.statistics().messages_sent == 1


async def test_a_handler_that_takes_the_promised_room_back(
    on: Callable[[int, Callable[[], object]], None],
) -> None:
    """The sender that was about to go on waits again, for the next receiver."""
    channel = Anycast[int](limit=0)
    sender, leaving, receiver = channel.new_sender(), channel.new_receiver(), channel.new_receiver()
    on(logging.INFO, leaving.close)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        await begin(tasks, leaving.receive)
        assert sending.outcome == "unfinished"
        assert waiting(channel) == (1, 0)
        assert await receiver.receive() == 1
    assert sending.outcome == "done"
    assert waiting(channel) == (0, 0)


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO])
async def test_a_handler_that_receives(
    on: Callable[[int, Callable[[], object]], None], level: int
) -> None:
    """What it takes is taken once, what is sent is sent once, and the send goes on."""
    channel = full_channel()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    taken: list[int] = []
    on(level, lambda: taken.extend(drain(receiver)))
    async with task_group() as tasks:
        attempts = [await begin(tasks, sender.send, number) for number in (1, 2)]
        for _ in range(3):
            taken += drain(receiver)
            await settle()
    assert [attempt.outcome for attempt in attempts] == ["done", "done"]
    assert taken == [0, 1, 2]


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO])
async def test_a_handler_that_cancels(
    on: Callable[[int, Callable[[], object]], None], level: int
) -> None:
    """A cancelled send and what is in the channel agree, and no turn is lost."""
    channel = full_channel()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    attempts: list[Attempt[None]] = []
    async with task_group() as tasks:
        attempts.append(Attempt(tasks, sender.send, 1))
        on(level, attempts[0].cancel)
        await settle()
        attempts.append(await begin(tasks, sender.send, 2))
        received: list[int] = []
        for _ in range(3):
            received += drain(receiver)
            await settle()
    sent = [number for number, attempt in enumerate(attempts, 1) if attempt.outcome == "done"]
    assert received == [0, *sent]
    assert 2 in sent


async def test_a_handler_that_sends(on: Callable[[int, Callable[[], object]], None]) -> None:
    """A newcomer from within the log does not take the room of the sender being resumed."""
    channel = full_channel()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    refused: list[bool] = []

    def try_to_send() -> None:
        with pytest.raises(anyio.WouldBlock):
            sender.send_nowait(100)
        refused.append(True)

    on(logging.INFO, try_to_send)
    async with task_group() as tasks:
        await begin(tasks, sender.send, 1)
        assert await receiver.receive() == 0
    assert refused == [True]
    assert drain(receiver) == [1]
