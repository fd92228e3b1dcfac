"""A channel belongs to one event loop and one process, and to no task."""

from __future__ import annotations

import asyncio
import gc
import os
import warnings
from threading import get_ident
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import Event, fail_after, to_thread
from anyio.lowlevel import checkpoint

from anycast import select
from anycast.redis import RedisChannelAdmin
from anycast.redis._home import find_home
from helpers import raises, task_group
from redis_tools import DEADLINE, channel, stored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anycast.redis import RedisAnycast
    from servers import Server

pytestmark = pytest.mark.anyio

USES: list[Callable[[RedisAnycast[Any]], Awaitable[object]]] = [
    lambda jobs: jobs.new_sender().send(1),
    lambda jobs: jobs.new_sender().send_many([1]),
    lambda jobs: jobs.new_receiver().receive(),
    lambda jobs: jobs.new_receiver().receive_many(2),
    lambda jobs: jobs.new_receiver().receive_many(2, within=1),
    lambda jobs: jobs.new_receiver().lease().__aenter__(),
    lambda jobs: select(jobs.new_receiver().receiving()),
    lambda jobs: jobs.join(),
    lambda jobs: jobs.aclose(),
]
NAMES = [
    "send",
    "send_many",
    "receive",
    "receive_many",
    "within",
    "lease",
    "select",
    "join",
    "close",
]


def elsewhere_text(jobs: RedisAnycast[Any]) -> str:
    """Return the text of the error in another event loop."""
    return f"{jobs} was entered in another event loop: make a channel in each event loop"


# First without a channel: without these calls, to leave a channel would hang.


async def test_a_call_from_another_thread() -> None:
    """The event loop makes the call soon, and a call from the event loop at once."""
    home, done, threads = find_home(), Event(), list[int]()

    def note() -> None:
        threads.append(get_ident())
        done.set()

    with fail_after(DEADLINE):
        await to_thread.run_sync(home.call, note)
        await done.wait()
        home.call(note)
    assert threads == [get_ident()] * 2


async def test_a_task_that_ends() -> None:
    """Its end is told."""
    home, ended = find_home(), Event()

    async def nothing() -> None:
        await checkpoint()

    home.start(nothing, ended.set)
    with fail_after(DEADLINE):
        await ended.wait()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("use", USES, ids=NAMES)
async def test_another_event_loop(server: Server, name: str, use: Any, backend: str) -> None:
    """The call raises at once and names the channel, and the channel goes on."""
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs:

            async def elsewhere() -> None:
                text = (
                    f"{jobs} was entered in another event loop: make a channel in each event loop"
                )
                with raises(RuntimeError, text), fail_after(DEADLINE):
                    await use(jobs)

            await to_thread.run_sync(lambda: anyio.run(elsewhere, backend=backend))
            await jobs.new_sender().send(2)
            assert await jobs.new_receiver().receive() == 2


async def test_a_thread_without_an_event_loop(server: Server, name: str) -> None:
    """A call that does not wait raises there, too."""
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs:

            def elsewhere() -> None:
                with raises(RuntimeError, elsewhere_text(jobs)):
                    jobs.new_receiver().receive_nowait()

            await to_thread.run_sync(elsewhere)


def child(jobs: RedisAnycast[Any]) -> str:
    """Return the error of a forked process that uses a channel."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fork beside threads: this child only reads
        process = os.fork()
    if not process:
        try:
            jobs.new_receiver().receive_nowait()
        except BaseException as error:  # noqa: BLE001  this process must not go on as the test
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(process, 0)
    with os.fdopen(reading) as told:
        return told.read()


async def test_a_forked_process(server: Server, name: str) -> None:
    """The child shares the connections of its parent, and so must not use the connections."""
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs:
            assert child(jobs) == (
                f"RuntimeError: {jobs} was entered before a fork: make a channel in each process"
            )
            await jobs.new_sender().send(1)


async def test_another_process_id(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child notices by the process id that it is a child."""
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs:
            with monkeypatch.context() as patch:
                patch.setattr(os, "getpid", lambda: -1)
                with pytest.raises(RuntimeError, match="was entered before a fork"):
                    jobs.close()


async def test_entered_in_one_task_and_left_in_another(server: Server, name: str) -> None:
    """Fixtures, start-up hooks and exit stacks enter and leave in different tasks."""
    jobs = channel(server, name)
    with fail_after(DEADLINE):
        async with task_group() as tasks:
            tasks.start_soon(jobs.__aenter__)
        await jobs.new_sender().send(1)
        async with task_group() as tasks:
            tasks.start_soon(jobs.__aexit__, None, None, None)
        assert stored(server, name) == 1
        with pytest.raises(Exception, match="was left"):
            await jobs.new_sender().send(2)


def test_never_entered(server: Server, name: str) -> None:
    """A receiver of a channel that was not entered has no message to give back."""
    receiver = channel(server, name).new_receiver()
    del receiver
    gc.collect()
    assert stored(server, name) == 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_never_left(server: Server, name: str, backend: str) -> None:
    """The event loop ends all the same."""

    async def main() -> None:
        jobs = channel(server, name)
        await jobs.__aenter__()
        await jobs.new_sender().send(1)
        receiver = jobs.new_receiver()
        assert await receiver.receive() == 1
        kept.append(receiver)

    kept: list[object] = []
    anyio.run(main, backend=backend)
    kept.clear()  # a receiver is collected after the end of its event loop
    assert stored(server, name) == 1


def test_an_operator_whose_task_is_cancelled_before_it_begins(server: Server, name: str) -> None:
    """No call waits for ever."""

    async def main() -> None:
        admin = RedisChannelAdmin(name=name, url=server.url)
        opener = asyncio.current_task()

        def cancel() -> None:
            for task in asyncio.all_tasks() - {opener}:
                task.cancel()

        asyncio.get_running_loop().call_soon(cancel)
        async with admin:
            pass

    asyncio.run(main())
