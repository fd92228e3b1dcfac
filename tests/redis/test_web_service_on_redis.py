"""The web service on a server, and the workers of the documentation: what a failure does."""

from __future__ import annotations

from importlib import import_module, reload
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from anycast import ReceiverError
from anycast.redis import json_codec
from helpers import task_group
from redis_tools import DEADLINE, channel, stored, until

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.anyio


@pytest.fixture
def program(own_server: Server, name: str) -> Any:
    """Return the program, with a server and a channel of its own."""
    program: Any = reload(import_module("docs.examples.web_service_on_redis"))
    program.URL, program.NAME = own_server.url, name
    return program


async def test_the_channel_is_full(program: Any, own_server: Server, name: str) -> None:
    """The service is too busy, and what it refused is not stored later."""
    program.PATIENCE = 0.1
    with anyio.fail_after(DEADLINE):
        async with program.lifespan(program.app):
            answers = [await program.request("POST", "/jobs/wash") for _ in range(4)]
            counts = await program.request("GET", "/jobs")
    assert [answer[:3] for answer in answers] == 3 * ["202"] + ["503"]
    assert counts.startswith('200 {"waiting":3,"in_hand":0,"delayed":0,"dead":0,"oldest_age":')
    assert stored(own_server, name) == 3


async def test_the_service_starts_again(program: Any) -> None:
    """A service that stops leaves the channel open, for its next start and for the workers."""
    with anyio.fail_after(DEADLINE):
        for _ in range(2):
            async with program.lifespan(program.app):
                assert (await program.request("POST", "/jobs/wash")).startswith("202")
                healthy = '200 {"failure":null,"closed":false}'
                assert await program.request("GET", "/health") == healthy


async def test_the_server_goes_silent(program: Any, own_server: Server, name: str) -> None:
    """The answer says that the job may be stored, although the patience is over."""
    codec = json_codec(program.Job)
    program.PATIENCE = 0.01
    program.new_channel = lambda: channel(own_server, name, codec=codec, timeout=0.3)
    with anyio.fail_after(DEADLINE):
        async with program.lifespan(program.app):
            await program.app.state.sender.send(program.Job("dry"))  # now there is a connection
            own_server.freeze()
            answer = await program.request("POST", "/jobs/wash")
            own_server.thaw()
        await until(lambda: stored(own_server, name) == 2)
    assert answer == '503 {"error":"not available, and the job may be stored"}'


async def test_the_channel_is_closed_elsewhere(program: Any) -> None:
    """The health check says so once a send has found out."""
    with anyio.fail_after(DEADLINE):
        async with program.lifespan(program.app):
            await program.app.state.admin.close()
            assert (await program.request("POST", "/jobs/wash")).startswith("503")
            told = await program.request("GET", "/health")
    assert told == '503 {"failure":null,"closed":true}'


async def test_the_channel_has_failed(program: Any, own_server: Server) -> None:
    """The health check says so, although the server works again and has a new channel."""
    with anyio.fail_after(DEADLINE):
        async with program.lifespan(program.app):
            own_server.ask("FLUSHALL")
            assert (await program.request("GET", "/jobs")).startswith("503")
            assert (await program.request("POST", "/jobs/wash")).startswith("503")
            async with program.new_channel():
                assert (await program.request("GET", "/jobs")).startswith("200")
                told = await program.request("GET", "/health")
    assert told.startswith('503 {"failure":"RedisAnycast:')
    assert told.endswith('the server does not have the channel any more","closed":false}')


@pytest.mark.parametrize("module", ["stop_on_sigterm", "web_service_on_redis"])
async def test_a_worker_ends_when_its_channel_fails(
    own_server: Server, name: str, module: str
) -> None:
    """By an error, so that its manager starts another process: it never tries for ever."""
    work = import_module(f"docs.examples.{module}").work
    with anyio.fail_after(DEADLINE):
        async with channel(own_server, name) as jobs, task_group() as tasks:
            ended = anyio.Event()

            async def run() -> None:
                with pytest.raises(ReceiverError, match="does not have the channel any more"):
                    await work(jobs.new_receiver())
                ended.set()

            tasks.start_soon(run)
            await until(lambda: jobs.statistics().tasks_waiting_receive)
            own_server.ask("FLUSHALL")
            await ended.wait()
