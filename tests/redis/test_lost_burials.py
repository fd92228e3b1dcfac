"""A burial is logged once, also if the answer that tells of the burial is lost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from anyio import fail_after

from helpers import begin, task_group
from proxies import Proxy
from redis_tools import DEADLINE, channel, dead, key, stored, until

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.anyio


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of the log that tell of a burial."""
    return [text for text in caplog.messages if "became a dead letter" in text]


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> Any:
    with caplog.at_level(logging.ERROR, "anycast"):
        yield


async def test_the_answer_to_a_failure_is_lost(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The message that was given up is logged, and the message given back with it is not."""
    with fail_after(DEADLINE):
        async with Proxy(server.port) as proxy:
            jobs = channel(server, name, url=proxy.url, max_deliveries=2, prefetch=0)
            async with jobs:
                await jobs.new_sender().send("old")
                with pytest.raises(ValueError, match="once"):
                    async with jobs.new_receiver().lease():
                        raise ValueError("once")
                await jobs.new_sender().send("new")
                with pytest.raises(ValueError, match="twice"):
                    async with jobs.new_receiver() as receiver:
                        await receiver.receive_many(2, within=DEADLINE)
                        proxy.cut_next_reply()
                        raise ValueError("twice")
                await until(lambda: logged(caplog))
    assert [letter["body"] for letter in dead(server, name)] == ['"old"']
    assert len(logged(caplog)) == stored(server, name) == 1


async def test_the_answer_to_the_last_failure_is_lost(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The burial ends a channel that is closed."""
    with fail_after(DEADLINE):
        async with (
            Proxy(server.port) as proxy,
            channel(server, name, url=proxy.url, max_deliveries=1) as jobs,
        ):
            await jobs.new_sender().send("bad")
            receiver = jobs.new_receiver()
            with pytest.raises(ValueError, match="no luck"):
                async with receiver.lease():
                    await jobs.aclose()
                    proxy.cut_next_reply()
                    raise ValueError("no luck")
            await until(lambda: logged(caplog))
    assert len(dead(server, name)) == len(logged(caplog)) == 1
    assert "after 1 deliver" in caplog.text


@pytest.mark.parametrize("closed", [False, True])
async def test_the_answer_to_a_request_that_found_a_crash_is_lost(
    server: Server, name: str, caplog: pytest.LogCaptureFixture, *, closed: bool
) -> None:
    """The next answer tells of the burial once more, also if the burial ended the channel."""
    with fail_after(DEADLINE):
        async with channel(server, name, max_deliveries=1) as jobs:
            await jobs.new_sender().send("bad")
            lease = jobs.new_receiver().lease()
            await lease.__aenter__()
            consumers = server.ask("XINFO", "CONSUMERS", key(name, "stream"), "receivers")
            async with (
                Proxy(server.port) as proxy,
                channel(server, name, url=proxy.url) as other,
                task_group() as tasks,
            ):
                if closed:
                    await other.aclose()
                server.ask("ZADD", key(name, "processes"), 1, consumers[0][1])
                proxy.cut_next_reply()
                waiting = await begin(tasks, other.new_receiver().receive)
                await until(lambda: logged(caplog))
                waiting.cancel()
    assert len(dead(server, name)) == len(logged(caplog)) == 1
    assert "the process died or hung" in caplog.text
