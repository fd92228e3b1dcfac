"""Programs that moved from other libraries by changed imports, and a queue on a channel."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from examples import ROOT, Example, on_each_backend

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PAGE = (ROOT / "docs/coming-from/one-line.md").read_text(encoding="utf-8")
PROGRAM = re.compile(
    r'```diff\n(.*?)```\n\n```python\n--8<-- "(.*?)"\n```\n\n```output\n(.*?)```', re.DOTALL
)


def before(change: str, path: str, output: str) -> Example:
    """Return a program before the change that the page shows."""
    lines = change.splitlines()
    old, new = ("\n".join(line[1:] for line in lines if line[0] == sign) for sign in "-+")
    code = (ROOT / path).read_text(encoding="utf-8")
    assert code.count(new) == 1
    return Example(path, code.replace(new, old), output)


@on_each_backend([before(*found) for found in PROGRAM.findall(PAGE)])
def test_the_old_import(
    example: Example,
    backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The program does the same with its original library."""
    assert "anycast" not in example.code
    example.run(backend, monkeypatch)
    assert capsys.readouterr().out == example.output


def test_both_programs_are_found() -> None:
    """One program was written for anyio, and the other program for trio."""
    assert [path for _, path, _ in PROGRAM.findall(PAGE)] == [
        "docs/examples/from_anyio.py",
        "docs/examples/from_trio.py",
    ]


# The following tests run with `asyncio.Queue`, too.

ADAPTER: dict[str, Any] = {"__name__": "queue_adapter"}
CODE = (ROOT / "docs/examples/queue_adapter.py").read_text(encoding="utf-8")
exec(CODE, ADAPTER)  # noqa: S102
ShutDown: type[Exception] = ADAPTER["QueueShutDown"]
QUEUES: dict[str, Callable[..., Any]] = {"asyncio": asyncio.Queue, "ours": ADAPTER["Queue"]}
each_queue = pytest.mark.parametrize("new_queue", QUEUES.values(), ids=list(QUEUES))
each_that_shuts_down = pytest.mark.parametrize(
    "new_queue",
    [kind for kind in QUEUES.values() if hasattr(kind, "shutdown")],
)


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a test in an event loop of asyncio."""

    async def within() -> None:
        await asyncio.wait_for(main(), 60)  # a test that hangs fails

    asyncio.run(within())


async def blocked(operation: Any) -> asyncio.Task[Any]:
    """Start a task, and let the task run until the task waits."""
    task: asyncio.Task[Any] = asyncio.ensure_future(operation)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


@each_queue
def test_sizes(new_queue: Callable[..., Any]) -> None:
    """The sizes tell how many items are stored."""
    queue = new_queue(2)
    sizes = [(queue.qsize(), queue.empty(), queue.full())]
    for number in range(2):
        queue.put_nowait(number)
        sizes.append((queue.qsize(), queue.empty(), queue.full()))
    assert sizes == [(0, True, False), (1, False, False), (2, False, True)]
    assert queue.maxsize == 2


@each_queue
@pytest.mark.parametrize("maxsize", [0, -1])
def test_a_queue_without_a_limit(new_queue: Callable[..., Any], maxsize: int) -> None:
    """No limit is 0 or less, and such a queue is never full."""
    queue = new_queue(maxsize)
    for number in range(100):
        queue.put_nowait(number)
    assert not queue.full()


@each_queue
def test_full_and_empty(new_queue: Callable[..., Any]) -> None:
    """A call that cannot succeed at once raises the errors of asyncio."""
    queue = new_queue(1)
    with pytest.raises(asyncio.QueueEmpty):
        queue.get_nowait()
    queue.put_nowait(1)
    with pytest.raises(asyncio.QueueFull):
        queue.put_nowait(2)
    assert queue.get_nowait() == 1


@each_queue
def test_a_put_that_waits(new_queue: Callable[..., Any]) -> None:
    """The put goes on when there is room, and items come in order."""

    async def main() -> None:
        queue = new_queue(1)
        await queue.put(1)
        task = await blocked(queue.put(2))
        assert not task.done()
        assert [await queue.get(), await queue.get()] == [1, 2]
        await task

    run(main)


@each_queue
def test_a_get_that_waits(new_queue: Callable[..., Any]) -> None:
    """The get goes on when there is an item."""

    async def main() -> None:
        queue = new_queue()
        task = await blocked(queue.get())
        queue.put_nowait(1)
        assert await task == 1

    run(main)


@each_queue
def test_join(new_queue: Callable[..., Any]) -> None:
    """The join returns when each item is done, and at once in an idle queue."""

    async def main() -> None:
        queue = new_queue(1)
        await queue.join()
        await queue.put(1)
        putting = await blocked(queue.put(2))
        joining = await blocked(queue.join())
        for _ in range(2):
            await queue.get()
            assert not joining.done()
            await putting
            queue.task_done()
        await joining
        with pytest.raises(ValueError, match=r"^task_done\(\) called too many times$"):
            queue.task_done()

    run(main)


@each_queue
def test_what_was_not_put_need_not_be_done(new_queue: Callable[..., Any]) -> None:
    """An item that found no room, and an item whose put was cancelled, need not be done."""

    async def main() -> None:
        queue = new_queue(1)
        await queue.put(1)
        with pytest.raises(asyncio.QueueFull):
            queue.put_nowait(2)
        task = await blocked(queue.put(3))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert await queue.get() == 1
        queue.task_done()
        await queue.join()

    run(main)


@each_that_shuts_down
def test_shutdown(new_queue: Callable[..., Any]) -> None:
    """No item comes in, the stored items come out, and then every call raises."""

    async def main() -> None:
        queue = new_queue(1)
        await queue.put(1)
        putting = await blocked(queue.put(2))
        queue.shutdown()
        with pytest.raises(ShutDown):
            await putting
        with pytest.raises(ShutDown):
            queue.put_nowait(3)
        assert await queue.get() == 1
        with pytest.raises(ShutDown):
            await queue.get()
        with pytest.raises(ShutDown):
            queue.get_nowait()
        queue.task_done()
        await queue.join()

    run(main)


@each_that_shuts_down
def test_shutdown_at_once(new_queue: Callable[..., Any]) -> None:
    """The stored items are dropped and count as done, and taken items are still to be done."""

    async def main() -> None:
        queue = new_queue()
        for number in range(3):
            queue.put_nowait(number)
        queue.get_nowait()
        joining = await blocked(queue.join())
        queue.shutdown(immediate=True)
        with pytest.raises(ShutDown):
            queue.get_nowait()
        await asyncio.sleep(0)
        assert not joining.done()
        queue.task_done()
        await joining

    run(main)


@each_that_shuts_down
def test_shutdown_wakes_who_waits(new_queue: Callable[..., Any]) -> None:
    """A get that waits raises."""

    async def main() -> None:
        queue = new_queue()
        getting = await blocked(queue.get())
        queue.shutdown()
        with pytest.raises(ShutDown):
            await getting

    run(main)


def test_join_waits_for_a_put_that_is_blocked() -> None:
    """A queue of asyncio may return before the item is stored, as the page tells."""

    async def main() -> None:
        queue = QUEUES["ours"](1)
        await queue.put(1)
        putting = await blocked(queue.put(2))
        joining = await blocked(queue.join())
        assert queue.get_nowait() == 1
        queue.task_done()
        await putting
        await asyncio.sleep(0)
        assert (joining.done(), queue.full()) == (False, True)
        queue.get_nowait()
        queue.task_done()
        await joining

    run(main)
