"""The log of a channel about blocked senders, and the limit of its rate."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import anyio
import pytest

from anycast import Anycast, SenderClosedError, SenderError
from helpers import Attempt, begin, drain, raises, settle, task_group, waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from anycast import Sender

    On = Callable[[int, Callable[[], object]], None]

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
    """A handler that acts on a single level, and lets errors through."""

    def __init__(self, level: int, act: Callable[[], object]) -> None:
        super().__init__()
        self._level = level
        self._act = act

    def emit(self, record: logging.LogRecord) -> None:
        """Act, if the record has the level."""
        if record.levelno == self._level:
            self._act()


@pytest.fixture
def on(request: pytest.FixtureRequest) -> On:
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
    """Let a sender block in a full channel, and go on."""
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        await begin(tasks, channel.new_sender().send, 1)
        await receiver.receive()


def full_channel() -> Anycast[int]:
    """Return a channel of limit 1 that is full."""
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
    """A send that need not wait is not logged, and neither is a receive that waits."""
    channel = Anycast[int]()
    async with task_group() as tasks:
        await begin(tasks, channel.new_receiver().receive)
        await channel.new_sender().send(1)
    assert caplog.record_tuples == []


async def test_send_nowait_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """`send_nowait` does not block, and so is not logged."""
    channel = Anycast[int](limit=0)
    with pytest.raises(anyio.WouldBlock):
        channel.new_sender().send_nowait(1)
    assert caplog.record_tuples == []


async def test_a_sender_that_does_not_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """A blocked send that is cancelled or closed has no record that the sender is resumed."""
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
    """Ten records are written at once, then one per second, with the number held back before."""
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
    """A pause gives the burst back, at most ten records even after a long pause."""
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
    """Warnings do not use up the burst of infos."""
    channel = full_channel()
    for _ in range(12):
        await block_once(channel)
    clock.now = 5.0
    assert [caplog.messages.count(text) for text in (FULL, SPACE)] == [10, 10]


@pytest.mark.usefixtures("clock")
async def test_each_channel_has_a_burst_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """Each channel has its own burst, which the senders of the channel share."""
    caplog.set_level(logging.WARNING, "anycast")
    for _ in range(2):
        channel = full_channel()
        for _ in range(12):
            await block_once(channel)
    assert caplog.messages == [FULL] * 20


async def test_disabled_level(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    """No record is written, and no record counts as held back."""
    caplog.set_level(logging.ERROR, "anycast")
    channel = full_channel()
    for _ in range(20):
        await block_once(channel)
    assert caplog.messages == []
    caplog.set_level(logging.WARNING, "anycast")
    clock.now = 0.5
    await block_once(channel)
    assert caplog.messages == [FULL]


async def test_a_level_that_is_enabled_late(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    """The records that were not wanted do not count towards the rate."""
    caplog.set_level(logging.WARNING, "anycast")
    channel = full_channel()
    for _ in range(20):
        await block_once(channel)
    caplog.set_level(logging.INFO, "anycast")
    clock.now = 0.5
    caplog.clear()
    await block_once(channel)
    assert caplog.messages == [SPACE]


async def test_a_record_keeps_no_sender(caplog: pytest.LogCaptureFixture) -> None:
    """A handler may keep a record, and so must not keep the channel alive."""
    await block_once(full_channel())
    assert [record.args for record in caplog.records] == [("Anycast:numbers:_Sender",)] * 2


async def test_disabled_level_costs_no_look_at_the_clock(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the level disabled, a blocked send does not even read the clock."""
    caplog.set_level(logging.ERROR, "anycast")
    monkeypatch.setattr("anycast._log.monotonic", failing)
    channel = full_channel()
    await block_once(channel)
    assert channel.statistics().messages_sent == 2


async def send_one(sender: Sender[int]) -> None:
    """Send the message 1."""
    await sender.send(1)


async def send_batch(sender: Sender[int]) -> None:
    """Send the message 1 as a batch."""
    await sender.send_many([1])


sends = pytest.mark.parametrize("send", [send_one, send_batch])


@sends
async def test_a_fault_in_the_log_of_a_sender_that_blocks(
    on: On, send: Callable[[Sender[int]], Awaitable[None]]
) -> None:
    """The send raises the error, and leaves no trace."""
    channel = full_channel()
    before = channel.statistics()
    sender = channel.new_sender()
    on(logging.WARNING, failing)
    with raises(LookupError, "no log"):
        await send(sender)
    assert waiting(channel) == (0, 0)
    sender.close()
    assert channel.statistics() == before
    assert drain(channel.new_receiver()) == [0]


async def test_the_messages_that_a_fault_in_the_log_keeps_back(on: On) -> None:
    """The deque keeps the unsent messages."""
    channel = full_channel()
    messages = deque([1, 2])
    on(logging.WARNING, failing)
    with raises(LookupError, "no log"):
        await channel.new_sender().send_many(messages)
    assert list(messages) == [1, 2]


async def test_others_in_line_when_the_log_of_a_sender_that_blocks_fails(on: On) -> None:
    """The tasks before and behind the sender in the queue go on."""
    channel = full_channel()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    async with task_group() as tasks:
        first = await begin(tasks, sender.send, 1)
        on(logging.WARNING, fail_once())
        with raises(LookupError, "no log"):
            await sender.send(2)
        last = await begin(tasks, sender.send, 3)
        assert drain(receiver) == [0, 1, 3]
    assert (first.outcome, last.outcome) == ("done", "done")


@sends
async def test_a_fault_in_the_log_of_a_sender_that_goes_on(
    on: On, send: Callable[[Sender[int]], Awaitable[None]]
) -> None:
    """The send returns, since the message was sent before the log failed."""
    channel = full_channel()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    failures: list[None] = []

    def fail() -> None:
        failures.append(None)
        failing()

    on(logging.INFO, fail)
    async with task_group() as tasks:
        sending = await begin(tasks, send, sender)
        assert await receiver.receive() == 0
    assert len(failures) == 1
    assert sending.outcome == "done"
    assert channel.statistics().messages_sent == 2
    assert drain(receiver) == [1]


async def test_a_handler_that_receives_and_then_fails(on: On) -> None:
    """The send returns, since the handler has received the message of the sender."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    taken: list[int] = []

    def receive_and_fail() -> None:
        taken.append(receiver.receive_nowait())
        failing()

    on(logging.WARNING, receive_and_fail)
    await sender.send(1)
    assert taken == [1]
    assert channel.statistics().messages_sent == 1


def nothing() -> None:
    """Be a handler without an effect."""


def fail_once() -> Callable[[], object]:
    """Return a function that raises at its first call only."""
    actions: Iterator[Callable[[], object]] = iter([failing])

    def act() -> None:
        next(actions, nothing)()

    return act


ENDS = pytest.mark.parametrize(
    ("what", "error"), [("channel", SenderError), ("end", SenderClosedError)]
)


@ENDS
async def test_a_handler_that_closes_as_a_sender_blocks(
    on: On, what: str, error: type[SenderError[int]]
) -> None:
    """The send raises the error of the close, and the message is not sent."""
    channel = full_channel()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    on(logging.WARNING, channel.close if what == "channel" else sender.close)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        assert drain(receiver) == [0]
    sending.failure(error)
    assert waiting(channel) == (0, 0)
    assert channel.statistics().messages_sent == 1


@ENDS
async def test_a_handler_that_closes_as_a_sender_goes_on(
    on: On, what: str, error: type[SenderError[int]]
) -> None:
    """The send returns, since the message was sent before the close, and the next send raises."""
    channel = full_channel()
    sender, receiver = channel.new_sender(), channel.new_receiver()
    on(logging.INFO, channel.close if what == "channel" else sender.close)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        assert await receiver.receive() == 0
    assert sending.outcome == "done"
    assert channel.statistics().messages_sent == 2
    with pytest.raises(error):
        await sender.send(2)
    assert drain(receiver) == [1]


async def test_a_handler_that_closes_the_receiver_of_a_message(on: On) -> None:
    """In a rendezvous, the receiver keeps the message that it took, and the send returns."""
    channel = Anycast[int](limit=0)
    sender, receiver = channel.new_sender(), channel.new_receiver()
    on(logging.INFO, receiver.close)
    async with task_group() as tasks:
        sending = await begin(tasks, sender.send, 1)
        receiving = await begin(tasks, receiver.receive)
    assert (sending.outcome, receiving.outcome, receiving.result) == ("done", "done", 1)


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO])
async def test_a_handler_that_receives(on: On, level: int) -> None:
    """The handler and the receivers get each message once, and the send goes on."""
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
async def test_a_handler_that_cancels(on: On, level: int) -> None:
    """A send that blocks is cancelled, a send that happened is not, and no turn is lost."""
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
    outcome = "cancelled" if level == logging.WARNING else "done"
    assert [attempt.outcome for attempt in attempts] == [outcome, "done"]
    assert received == ([0, 2] if level == logging.WARNING else [0, 1, 2])


async def test_a_handler_that_sends(on: On) -> None:
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
