"""What a channel on a server logs, for whoever has to act on the log."""

from __future__ import annotations

import logging
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from anyio import fail_after

from admin_tools import admin_of
from anycast import SenderError
from anycast.redis import _outages
from anycast.redis._answers import UnavailableError
from helpers import begin, task_group
from redis_tools import DEADLINE, channel, key, until
from servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, "anycast"):
        yield


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the texts of the errors in the log."""
    return [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]


async def test_a_process_is_known_by_its_log(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A process logs the id that operators see, and the id after a lease that ran out."""
    with fail_after(DEADLINE):
        async with channel(server, name, lease=0.3) as jobs, admin_of(server, name) as admin:
            (process,) = (await admin.status()).processes
            assert caplog.messages == [f"{jobs}: opened by the process {process.id}"]
            server.ask("ZADD", key(name, "processes"), 0, process.id)
            await until(lambda: "ran out" in caplog.text)
            assert caplog.messages[-1].endswith(f"goes on as the process {process.id}-2")
            server.ask("ZREM", key(name, "processes"), process.id)
            await until(lambda: server.ask("ZCARD", key(name, "processes")))
            assert [each.id for each in (await admin.status()).processes] == [f"{process.id}-2"]


async def test_a_close_by_another_process(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log of each process that has not closed the channel tells of the close, once."""
    with fail_after(DEADLINE):
        async with channel(server, name) as there, channel(server, name) as here:
            caplog.clear()
            await there.aclose()
            for each in (here, there):
                assert [message async for message in each.new_receiver()] == []
            with pytest.raises(SenderError):
                await here.new_sender().send(1)
    assert caplog.messages == [f"{here}: was closed by another process or by an operator"]


async def test_a_channel_that_fails_while_all_tasks_work(
    own_server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No task gets the error, so the log tells of the failure, once."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, lease=0.3) as jobs:
            await jobs.new_sender().send(1)
            async with jobs.new_receiver().lease():
                own_server.ask("FLUSHALL")
                await until(lambda: errors_in(caplog))
    reason = "the server does not have the channel any more"
    told = f"{jobs}: failed for this process, which must be started again: {reason}"
    assert errors_in(caplog) == [told]


async def test_a_server_that_is_back_too_late(
    own_server: Server,
    name: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A task of a channel that has failed may still try: nobody is told that the server is back."""
    times = count(step=10.0)
    monkeypatch.setattr(_outages, "monotonic", lambda: next(times))
    with fail_after(DEADLINE):
        async with channel(own_server, name, lease=0.3) as jobs:
            own_server.ask("FLUSHALL")
            await until(lambda: jobs.failure)
            retries = jobs._session._commands.new_retries()
            for _ in range(2):
                await retries.pause(UnavailableError("loading"))
            retries.succeed()
    assert caplog.messages[-1].startswith(f"{jobs}: failed for this process, which ")


async def test_a_channel_that_cannot_be_opened(
    name: str, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is raised, so the log is silent."""
    url = f"redis://127.0.0.1:{free_port()}"
    with fail_after(DEADLINE), pytest.raises(Exception, match="cannot be reached"):
        await channel(server, name, url=url, timeout=0.1).__aenter__()
    assert errors_in(caplog) == []


async def test_an_error_of_several_lines(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The error of a burial is one line of the log, which a terminal can show."""
    with fail_after(DEADLINE):
        async with channel(server, name, max_deliveries=1) as jobs:
            await jobs.new_sender().send(1)
            with pytest.raises(ValueError, match="one"):
                async with jobs.new_receiver().lease():
                    raise ValueError("one\ntwo\x1b[2J")
            await until(lambda: errors_in(caplog))
    (told,) = errors_in(caplog)
    assert told.endswith(r"ValueError: one\ntwo\x1b[2J")


async def test_a_body_that_cannot_be_decoded(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning is one line of the log, too."""

    def decode(body: bytes) -> None:
        raise ValueError(f"no\n{body!r}")

    codec = SimpleNamespace(encode=bytes, decode=decode)
    with fail_after(DEADLINE):
        async with (
            channel(server, name, codec=codec, retry_delay=1000) as jobs,
            task_group() as tasks,
        ):
            await jobs.new_sender().send(b"x")
            waiting = await begin(tasks, jobs.new_receiver().receive)
            await until(lambda: "cannot be decoded" in caplog.text)
            waiting.cancel()
    assert caplog.messages[-1].endswith(r"ValueError: no\nb'x'")
