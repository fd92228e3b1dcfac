"""When the pumps ask the server, and what for; a test plays the server and the clock."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope, Event, fail_after, move_on_after
from anyio.lowlevel import checkpoint

from anycast import SenderError
from anycast.redis import _heartbeat, _inbox, _receive_pump, _scripts
from anycast.redis._commands import GoneError
from anycast.redis._delivery import Delivery, HeldLeases
from anycast.redis._heartbeat import Heartbeat
from anycast.redis._holder import LostError
from anycast.redis._inbox import Inbox
from anycast.redis._link import SAFETY, RefusedError, UnavailableError, UnreachableError
from anycast.redis._outages import Outages
from anycast.redis._outbox import Outbox
from anycast.redis._receive_pump import ReceivePump
from anycast.redis._retries import Retries
from anycast.redis._send_pump import SendPump
from anycast.redis._settlements import Settlements
from helpers import begin, settle, task_group
from redis_tools import DEADLINE, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anycast.redis._scripts import Script

pytestmark = pytest.mark.anyio

NOTHING: list[Any] = [b"ok", 60_000, [], []]


class Hints:
    """Hints that come when the test says so, and how long the pump would wait for each."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._come = Event()
        self._hinted = False

    async def wait(self, seconds: float) -> bool:
        """Wait for a hint."""
        self.waits.append(seconds)
        self._come = Event()
        await self._come.wait()
        return self._hinted

    def come(self, *, hinted: bool = True) -> None:
        """Let a hint come, or let the time be over."""
        self._hinted = hinted
        self._come.set()

    def close(self) -> None:
        """Stop waiting."""
        self.come(hinted=False)


class WaitingError(Exception):
    """A try has certainly not run, and another try comes."""


class Scripts:
    """The scripts that a pump has run, each answered with the next answer."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[tuple[Script, tuple[Any, ...]]] = []
        self.answers = deque(answers)
        self.patience = DEADLINE
        self.waiting: Callable[[], Awaitable[object]] = checkpoint
        # How many tries find no server, and whether the tries end in time after each such try.
        self.away = 0
        self.times_out: list[bool] = []
        self.retries: Retries
        self.before: Callable[[], object] = lambda: None

    def new_retries(self) -> Retries:
        """Return the pauses between tries."""
        return Retries(self.patience, Outages("jobs"))

    async def run(self, script: Script, *arguments: Any) -> list[Any]:
        """Answer as the server would."""
        await checkpoint()
        self.asked.append((script, arguments))
        self.before()
        answer = self.answers.popleft() if self.answers else NOTHING
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    run_once = run

    async def run_in_order(
        self, script: Script, compose: Callable[[], Any], not_run: Callable[[Retries], bool]
    ) -> list[Any]:
        """Answer as the server would. After a try that was not run comes the next try."""
        self.retries = retries = self.new_retries()
        while True:
            if self.away:
                self.away -= 1
            else:
                with suppress(WaitingError):
                    return await self.run(script, *compose())
            self.times_out.append(not_run(retries))
            await self.waiting()


def pause(_: int) -> float:
    """Return the pause after a failure."""
    return 0.0


def decode(body: bytes) -> str:
    """Return a message, or raise a long error."""
    if body.startswith(b"\xff"):
        raise ValueError("x" * 1000)
    return body.decode()


class Receiving:
    """A receive pump, and what is around the pump."""

    def __init__(self, *answers: Any, prefetch: int = 0) -> None:
        self.scripts, self.hints = Scripts(*answers), Hints()
        holder: Any = self.scripts
        hints: Any = self.hints
        options: Any = SimpleNamespace(
            patience=1.0, codec=SimpleNamespace(decode=decode), pause_after=pause
        )
        self.inbox: Inbox[Any] = Inbox(prefetch)
        self.leases: HeldLeases[Any] = HeldLeases(30.0)
        self.settlements = Settlements("jobs", holder, holder, options)
        self.events: list[object] = []
        self.pump = ReceivePump(
            "jobs",
            self.inbox,
            self.leases,
            self.settlements,
            holder,
            hints,
            options,
            lambda delivery: self.events.append(delivery.message),
            lambda: self.events.append("closed"),
            lambda: self.events.append("ended"),
        )
        self.receiver = self.inbox.new_receiver()

    def want(self, count: int = 1) -> None:
        """Want so many messages, as a task does that waits."""
        self.inbox.add_demand(count)

    async def run_until_the_pump_waits(self) -> None:
        """Want a message, and let the pump work until it waits for a hint."""
        async with task_group() as tasks:
            self.want()
            tasks.start_soon(self.pump.run)
            await until(lambda: self.hints.waits)
            self.pump.stop()

    def wants(self) -> list[tuple[int, int]]:
        """Return how many messages were asked for: for tasks, and ahead of need."""
        taken = [arguments for script, arguments in self.scripts.asked if script is _scripts.TAKE]
        return [(demand, ahead) for _, _, demand, ahead, *_ in taken]


def asked(receiving: Receiving) -> list[tuple[Script, tuple[Any, ...]]]:
    """Return the scripts that a receive pump has run, with their arguments."""
    return receiving.scripts.asked


def is_dry(receiving: Receiving) -> bool:
    """Return whether a batch would wait for no more messages."""
    return receiving.inbox.drying().find_ready() is not None


@pytest.fixture
async def deadline() -> AsyncGenerator[None]:
    """Fail when nothing happens any more."""
    with fail_after(DEADLINE):
        yield


@pytest.mark.usefixtures("deadline")
async def test_a_hint_that_comes_when_nobody_wants_a_message() -> None:
    """It is passed on once, by a request for no message."""
    receiving = Receiving()
    async with task_group() as tasks:
        receiving.want()
        tasks.start_soon(receiving.pump.run)
        await until(lambda: receiving.hints.waits)
        receiving.receiver.close()
        receiving.inbox.remove_demand(1)
        receiving.hints.come()
        await until(lambda: len(receiving.wants()) == 2)
        await settle()
        receiving.pump.stop()
    assert receiving.wants() == [(1, 0), (0, 0)]


@pytest.mark.usefixtures("deadline")
async def test_messages_that_nobody_wants_any_more() -> None:
    """They go back, the newest first."""
    receiving = Receiving()
    receiving.inbox.put(Delivery(b"1-1", message, {}, 0) for message in "abc")
    async with task_group() as tasks:
        tasks.start_soon(receiving.pump.run)
        await until(lambda: receiving.events)
        receiving.pump.stop()
    assert receiving.events == ["c", "b", "a"]


@pytest.mark.usefixtures("deadline")
@pytest.mark.parametrize(("answered", "waited"), [(300, 0.3), (60_000, SAFETY)])
async def test_for_how_long_a_hint_is_waited_for(answered: int, waited: float) -> None:
    """Until the server says that something is due, and never for long: a hint may be lost."""
    receiving = Receiving([b"ok", answered, [], []])
    await receiving.run_until_the_pump_waits()
    assert receiving.hints.waits == [waited]


@pytest.mark.usefixtures("deadline")
async def test_an_answer_that_was_lost() -> None:
    """A short script tells whether the server is there, and then a smaller answer is asked for."""
    receiving = Receiving(UnreachableError("cut"))
    await receiving.run_until_the_pump_waits()
    scripts = [script for script, _ in receiving.scripts.asked]
    assert scripts == [_scripts.TAKE, _scripts.RENEW, _scripts.TAKE]
    (number, answered, _, _, most, _), _, again = [each for _, each in receiving.scripts.asked]
    assert (number, answered, again[:2]) == (1, 0, (2, 0))
    assert again[4] == most // 4


@pytest.mark.usefixtures("deadline")
async def test_a_server_that_says_that_an_answer_was_lost() -> None:
    """The lease ran out, or the answer of the short script was lost, too: the pump goes on."""
    receiving = Receiving(UnreachableError("cut"), LostError(), LostError())
    await receiving.run_until_the_pump_waits()
    assert receiving.wants() == [(1, 0)] * 3


@pytest.mark.usefixtures("deadline")
async def test_messages_that_come_while_the_process_leaves() -> None:
    """They go back."""
    receiving = Receiving([b"ok", 0, [], [b"1-1", b"job", b"", 1]])

    def leave() -> None:
        receiving.pump.stop()
        receiving.inbox.end()

    receiving.scripts.before = leave
    receiving.want()
    await receiving.pump.run()
    assert receiving.events == ["job"]


@pytest.mark.usefixtures("deadline")
async def test_the_close_and_the_end() -> None:
    """The pump tells the session of both, and ends with the channel."""
    receiving = Receiving([b"closed", 0, [], []], [b"ended", 0, [], []])
    async with task_group() as tasks:
        receiving.want()
        tasks.start_soon(receiving.pump.run)
        await until(lambda: receiving.hints.waits)
        receiving.hints.come()
    assert receiving.events == ["closed", "ended"]
    requests = [(number, answered, knows) for _, (number, answered, *_, knows) in asked(receiving)]
    assert requests == [(1, 0, False), (2, 1, True)]


@pytest.mark.usefixtures("deadline")
async def test_the_demand_of_a_poll_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pump looks again when the demand is over, and gives the message back."""
    monkeypatch.setattr(_inbox, "LINGER", 0.01)
    receiving = Receiving([b"ok", 0, [], [b"1-1", b"job", b"", 1]])
    async with task_group() as tasks:
        receiving.inbox.linger()
        tasks.start_soon(receiving.pump.run)
        await until(lambda: receiving.events)
        receiving.pump.stop()
    assert receiving.events == ["job"]


@pytest.mark.usefixtures("deadline")
async def test_a_request_that_the_server_did_not_run() -> None:
    """It is repeated after a pause, with the same bound."""
    receiving = Receiving(UnavailableError("loading"))
    await receiving.run_until_the_pump_waits()
    (first, (*_, most, _)), (second, (*_, again, _)) = asked(receiving)
    assert (first, second, most) == (_scripts.TAKE, _scripts.TAKE, again)


@pytest.mark.usefixtures("deadline")
async def test_an_answer_that_cannot_be_smaller() -> None:
    """A pause comes before each further try, within the timeout."""
    receiving = Receiving(UnreachableError("cut"))
    receiving.pump._size.most = 1
    receiving.scripts.patience = 0.0
    receiving.want()
    with pytest.raises(UnreachableError, match="cut"):
        await receiving.pump.run()


@pytest.mark.usefixtures("deadline")
async def test_what_goes_back_goes_before_a_request() -> None:
    """So it comes again before newer messages."""
    receiving = Receiving()
    receiving.settlements.untouched(Delivery(b"1-1", "job", {}, 1))
    await receiving.run_until_the_pump_waits()
    assert [script for script, _ in asked(receiving)] == [_scripts.RELEASE, _scripts.TAKE]


@pytest.mark.usefixtures("deadline")
async def test_a_message_that_cannot_be_decoded(caplog: pytest.LogCaptureFixture) -> None:
    """It is given back as failed, and a part of the error is logged."""
    body = b"\xff" + b"x" * 1000
    receiving = Receiving([b"ok", 0, [], [b"1-1", body, b"", 2]])
    async with task_group() as tasks:
        receiving.want()
        tasks.start_soon(receiving.pump.run)
        await until(lambda: len(receiving.wants()) == 2)
        receiving.pump.stop()
    _, (script, (_, entry_id, count, failed, *_)), _ = asked(receiving)
    assert (script, entry_id, count, failed) == (_scripts.RELEASE, b"1-1", 2, True)
    (text,) = caplog.messages
    assert text.startswith("jobs: message 1-1 cannot be decoded, and is given back: ValueError: ")
    assert len(text) < 300


@pytest.mark.usefixtures("deadline")
async def test_a_closed_channel_without_messages_for_this_process() -> None:
    """A batch waits no longer, if the server was asked for a task and had no message."""
    messages = [b"1-1", b"a", b"", 1, b"1-2", b"b", b"", 0]
    receiving = Receiving([b"closed", 0, [], messages], prefetch=4)
    async with task_group() as tasks:
        receiving.want()
        tasks.start_soon(receiving.pump.run)
        await until(lambda: receiving.inbox.stock == 2)
        receiving.receiver.receive_nowait()
        receiving.inbox.take_demanded(1)
        await until(lambda: len(receiving.wants()) == 2)
        await settle()
        assert (receiving.wants(), is_dry(receiving)) == ([(1, 4), (0, 3)], False)
        for _ in range(2):
            receiving.want()
        await until(lambda: receiving.hints.waits)
        assert is_dry(receiving)
        receiving.pump.stop()


@pytest.mark.usefixtures("deadline")
async def test_the_lease_is_counted_from_before_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server counts the lease from the moment of the script, which is later."""
    now = [100.0]
    for module in (_receive_pump, _heartbeat):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
    receiving = Receiving()

    def pass_time() -> None:
        now[0] += 7.0

    receiving.scripts.before = pass_time
    await receiving.run_until_the_pump_waits()
    assert receiving.leases._until == 130.0
    scripts: Any = receiving.scripts
    scripts.answers.append([b"ok", b"100"])
    heartbeat = Heartbeat(receiving.leases, receiving.inbox, print, scripts, print)
    await heartbeat.beat()
    assert receiving.leases._until == 137.0


async def test_three_beats_in_a_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a beat may come late, or be lost."""
    pauses: list[float] = []

    def note(seconds: float) -> CancelScope:
        pauses.append(seconds)
        return move_on_after(seconds)

    monkeypatch.setattr(_heartbeat, "move_on_after", note)
    unused: Any = None
    heartbeat = Heartbeat(HeldLeases(30.0), unused, unused, unused, unused)
    async with task_group() as tasks:
        tasks.start_soon(heartbeat.run)
        await settle()
        heartbeat.stop()
    assert pauses == [10.0]


async def test_a_beat_after_the_lease_has_run_out() -> None:
    """The heartbeat goes on: the next script makes a new consumer known."""
    scripts: Any = Scripts(LostError())
    heartbeat = Heartbeat(HeldLeases(30.0), Inbox(0), print, scripts, print)
    await heartbeat.beat()
    assert [script for script, _ in scripts.asked] == [_scripts.RENEW]


class Sending:
    """A send pump, and what is around the pump."""

    def __init__(self, *answers: Any) -> None:
        self.outbox, self.scripts, self.hints = Outbox(), Scripts(*answers), Hints()
        scripts: Any = self.scripts
        hints: Any = self.hints
        self.events: list[str] = []
        log: Any = SimpleNamespace(blocked=self._blocked, resumed=self._resumed)
        self.pump = SendPump(self.outbox, scripts, hints, log, self._close)

    def _blocked(self, _: object) -> None:
        self.events.append("blocked")

    def _resumed(self, _: object) -> None:
        self.events.append("resumed")

    def _close(self) -> None:
        self.events.append("closed")
        self.outbox.shut(lambda sender: SenderError("closed", sender))

    async def send(self, *bodies: bytes) -> None:
        """Send messages, as a task does."""
        sender: Any = None
        item = self.outbox.put(sender, bodies)
        try:
            while not await item.wait():
                pass
        finally:
            self.outbox.withdraw(item)
        item.check()

    async def send_after_hints(self, count: int) -> None:
        """Let the pump work while a message is sent, which waits for so many hints."""
        async with task_group() as tasks:
            tasks.start_soon(self.pump.run)
            tasks.start_soon(self.send, b"a")
            for number in range(1, count + 1):
                await until(lambda: len(self.hints.waits) == number)  # noqa: B023
                self.hints.come()
            await until(lambda: not self.outbox)
            await settle()
            self.pump.stop()

    def asked(self) -> list[tuple[Any, ...]]:
        """Return the number of the first message, whether there was a hint, and the bodies."""
        return [
            (first, hinted, *bodies) for _, (first, hinted, _, _, _, *bodies) in self.scripts.asked
        ]


@pytest.mark.usefixtures("deadline")
async def test_the_numbers_of_messages() -> None:
    """What is stored keeps its number, and the rest gets the numbers again."""
    sending = Sending([b"full", 1], [b"ok", 1], [b"ok", 1])
    async with task_group() as tasks:
        tasks.start_soon(sending.pump.run)
        tasks.start_soon(sending.send, b"a", b"b")
        await until(lambda: sending.hints.waits)
        assert sending.hints.waits == [SAFETY]
        sending.hints.come(hinted=False)
        await until(lambda: not sending.outbox)
        await sending.send(b"c")
        sending.pump.stop()
    assert sending.asked() == [(1, False, b"a", b"b"), (2, False, b"b"), (3, False, b"c")]


@pytest.mark.usefixtures("deadline")
async def test_a_hint_that_comes_when_nobody_sends() -> None:
    """It is passed on once, by a script without messages."""
    sending = Sending([b"full", 0], [b"ok", 0])
    async with task_group() as tasks:
        tasks.start_soon(sending.pump.run)
        attempt = await begin(tasks, sending.send, b"a")
        await until(lambda: sending.hints.waits)
        attempt.cancel()
        await until(lambda: not sending.outbox)
        sending.hints.come()
        await until(lambda: len(sending.scripts.asked) == 2)
        await settle()
        sending.pump.stop()
    assert sending.asked() == [(1, False, b"a"), (1, True)]


@pytest.mark.usefixtures("deadline")
async def test_a_hint_that_is_used() -> None:
    """The server is told once that the process took a hint."""
    sending = Sending([b"full", 0], [b"ok", 1], [b"ok", 1])
    async with task_group() as tasks:
        tasks.start_soon(sending.pump.run)
        tasks.start_soon(sending.send, b"a")
        await until(lambda: sending.hints.waits)
        sending.hints.come()
        await until(lambda: not sending.outbox)
        await sending.send(b"b")
        sending.pump.stop()
    assert sending.asked() == [(1, False, b"a"), (1, True, b"a"), (2, False, b"b")]


@pytest.mark.usefixtures("deadline")
async def test_the_log_of_a_sender_that_is_blocked() -> None:
    """It tells when the sender blocks, once, and when the sender goes on."""
    sending = Sending([b"full", 0], [b"full", 0], [b"ok", 1])
    await sending.send_after_hints(2)
    assert sending.events == ["blocked", "resumed"]


@pytest.mark.usefixtures("deadline")
async def test_nothing_is_logged_of_a_sender_that_blocks(caplog: pytest.LogCaptureFixture) -> None:
    """With a level above WARNING, a look at the clock is saved."""
    caplog.set_level(logging.ERROR, "anycast")
    sending = Sending([b"full", 0], [b"ok", 1])
    await sending.send_after_hints(1)
    assert "blocked" not in sending.events


@pytest.mark.usefixtures("deadline")
async def test_how_many_tasks_send() -> None:
    """The server is told, for those who look at a channel that is full."""
    sending = Sending([b"full", 0], [b"ok", 2])
    async with task_group() as tasks:
        for body in (b"a", b"b"):
            tasks.start_soon(sending.send, body)
        await until(lambda: len(sending.outbox) == 2)
        tasks.start_soon(sending.pump.run)
        await until(lambda: sending.hints.waits)
        sending.hints.come()
        await until(lambda: not sending.outbox)
        sending.pump.stop()
    assert [arguments[3] for _, arguments in sending.scripts.asked] == [2, 2]


@pytest.mark.usefixtures("deadline")
async def test_another_process_closes_the_channel() -> None:
    """What was stored before is sent, the rest fails, and the session is told."""
    sending = Sending([b"closed", 1], [b"ok", 1])
    async with task_group() as tasks:
        first, second = [await begin(tasks, sending.send, body) for body in (b"a", b"b")]
        tasks.start_soon(sending.pump.run)
        await until(lambda: not sending.outbox)
        await settle()
        sending.pump.stop()
    assert sending.events == ["closed"]
    assert first.outcome == "done"
    assert str(second.failure(SenderError)) == "closed"


@pytest.mark.usefixtures("deadline")
async def test_a_message_that_the_server_refuses() -> None:
    """Only its send fails, and the number is used again."""
    sending = Sending(RefusedError("too large"), [b"ok", 1])
    async with task_group() as tasks:
        tasks.start_soon(sending.pump.run)
        with pytest.raises(SenderError, match="could not send: too large"):
            await sending.send(b"a")
        await sending.send(b"b")
        sending.pump.stop()
    assert sending.asked() == [(1, False, b"a"), (1, False, b"b")]


@pytest.mark.usefixtures("deadline")
@pytest.mark.parametrize("away", [False, True])
async def test_a_task_leaves_between_tries_that_have_not_run(*, away: bool) -> None:
    """Its message was not written, so the task need not wait; what remains goes, and no more."""
    answers = [[b"ok", 1]] * 3
    sending = Sending(*answers) if away else Sending(WaitingError(), *answers)
    sending.scripts.away = int(away)
    paused, goes_on = Event(), Event()

    async def wait() -> None:
        paused.set()
        await goes_on.wait()

    sending.scripts.waiting = wait
    async with task_group() as tasks:
        first, second = [await begin(tasks, sending.send, body) for body in (b"a", b"b")]
        tasks.start_soon(sending.pump.run)
        await paused.wait()
        third = await begin(tasks, sending.send, b"c")
        first.cancel()
        await settle()
        left = first.outcome
        goes_on.set()
        await until(lambda: not sending.outbox)
        sending.pump.stop()
    assert (left, second.outcome, third.outcome) == ("cancelled", "done", "done")
    assert sending.scripts.times_out == [True]
    assert sending.asked()[not away :] == [(1, False, b"b"), (2, False, b"c")]


@pytest.mark.usefixtures("deadline")
async def test_all_tasks_leave_while_no_try_has_run() -> None:
    """The tries go on, and do not end in time; a later message has a time of its own."""
    sending = Sending([b"ok", 1], [b"ok", 1])
    sending.scripts.away = 3
    paused, goes_on = Event(), Event()
    deadlines: list[float] = []

    async def wait() -> None:
        deadlines.append(sending.scripts.retries._deadline)
        paused.set()
        await goes_on.wait()

    sending.scripts.waiting = wait
    async with task_group() as tasks:
        first = await begin(tasks, sending.send, b"a")
        tasks.start_soon(sending.pump.run)
        await paused.wait()
        first.cancel()
        await settle()
        later = await begin(tasks, sending.send, b"b")
        goes_on.set()
        await until(lambda: not sending.outbox)
        sending.pump.stop()
    assert (first.outcome, later.outcome) == ("cancelled", "done")
    assert sending.scripts.times_out == [True, False, True]
    assert deadlines[0] < deadlines[1] == deadlines[2]
    assert sending.asked() == [(1, False, b"b")]


@pytest.mark.usefixtures("deadline")
async def test_the_process_leaves_while_no_try_has_run() -> None:
    """Without a message, the pump does not wait for the server."""
    sending = Sending()
    sending.scripts.away = 1000
    async with task_group() as tasks:
        attempt = await begin(tasks, sending.send, b"a")
        tasks.start_soon(sending.pump.run)
        await until(lambda: sending.scripts.times_out)
        attempt.cancel()
        await settle()
        sending.pump.stop()
    assert sending.asked() == []


@pytest.mark.usefixtures("deadline")
async def test_a_sender_is_closed_between_tries_that_have_not_run() -> None:
    """Its send fails at once, and is not in the next try."""
    sending = Sending(WaitingError(), [b"ok", 0])
    sender: Any = None

    async def close() -> None:
        sending.outbox.fail_sends_of(sender, lambda _: SenderError("closed", sender))

    sending.scripts.waiting = close
    async with task_group() as tasks:
        attempt = await begin(tasks, sending.send, b"a")
        tasks.start_soon(sending.pump.run)
        await until(lambda: len(sending.scripts.asked) == 2)
        sending.pump.stop()
    assert str(attempt.failure(SenderError)) == "closed"
    assert sending.asked() == [(1, False, b"a"), (1, False)]


@pytest.mark.usefixtures("deadline")
async def test_a_task_is_cancelled_in_a_try_that_does_not_run() -> None:
    """The task leaves after this try, and not after the last try."""
    sending = Sending(WaitingError(), [b"ok", 0])
    async with task_group() as tasks:
        attempt = await begin(tasks, sending.send, b"a")
        sending.scripts.before = attempt.cancel
        tasks.start_soon(sending.pump.run)
        await until(lambda: len(sending.scripts.asked) == 2)
        sending.pump.stop()
    assert attempt.outcome == "cancelled"
    assert sending.asked() == [(1, False, b"a"), (1, False)]


@pytest.mark.usefixtures("deadline")
@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UnreachableError("gone"), "does not know whether its message was stored: gone"),
        (UnavailableError("loading"), "could not send: loading"),
        (GoneError(), "could not send: the server does not have the channel any more"),
    ],
    ids=["unknown", "not run", "lost"],
)
async def test_a_server_that_fails(error: Exception, text: str) -> None:
    """The send tells whether the message may be stored, and the pump ends."""
    sending = Sending(error)
    async with task_group() as tasks:
        attempt = await begin(tasks, sending.send, b"a")
        with pytest.raises(type(error)):
            await sending.pump.run()
        await settle()
    assert text in str(attempt.failure(SenderError))
