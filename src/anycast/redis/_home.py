"""The event loop and the process in which a session lives.

The tasks of a session do not belong to the task that entered the channel. So the channel can be
entered in one task and left in another task, as fixtures and start-up hooks do. anyio has no such
tasks, so this module asks asyncio or trio for a task.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from anyio import get_cancelled_exc_class

from anycast._waiting.anyio_backend import library_of
from anycast._waiting.event_loop import running_backend

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Callable, Coroutine


class Home(ABC):
    """The event loop that runs when this is made, and the running process."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._running_loop = running_backend().loop_getter()
        # The event loop of asyncio, or the token of trio's run.
        self._loop: Any = self._running_loop()

    def check(self, user: object) -> None:
        """Raise RuntimeError if the caller runs in another event loop, thread or process."""
        if os.getpid() != self._process:
            raise RuntimeError(f"{user} was entered before a fork: make a channel in each process")
        if self._running_loop() is not self._loop:
            raise RuntimeError(
                f"{user} was entered in another event loop: make a channel in each event loop"
            )

    def _is_running(self) -> bool:
        """Return whether the event loop runs the caller."""
        return self._running_loop() is self._loop

    @abstractmethod
    def start(
        self, function: Callable[[], Coroutine[Any, Any, None]], on_end: Callable[[], object]
    ) -> None:
        """Run a function, which raises nothing, in a task of its own.

        Args:
            function: to run. The function never begins if the task is cancelled before that.
            on_end: called at the end of the task.
        """

    def call(self, function: Callable[[], object]) -> None:
        """Call a function: at once in this event loop, and as `call_soon` elsewhere."""
        if self._is_running():
            function()
        else:
            self.call_soon(function)

    @abstractmethod
    def call_soon(self, function: Callable[[], object]) -> None:
        """Let the event loop call a function soon; do nothing if the event loop is over.

        This may be called in every thread, and by the garbage collector.
        """


class _AsyncioHome(Home):
    # The event loop keeps only a weak reference to a task.
    _task: Task[None]

    def start(
        self, function: Callable[[], Coroutine[Any, Any, None]], on_end: Callable[[], object]
    ) -> None:
        self._task = self._loop.create_task(function())
        self._task.add_done_callback(lambda _: on_end())

    def call_soon(self, function: Callable[[], object]) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)


class _TrioHome(Home):
    def __init__(self) -> None:
        from trio import RunFinishedError  # noqa: PLC0415  trio may not be installed

        super().__init__()
        # Imported here: `call_soon` may be called while the interpreter ends, and imports no more.
        self._finished = RunFinishedError

    def start(
        self, function: Callable[[], Coroutine[Any, Any, None]], on_end: Callable[[], object]
    ) -> None:
        from trio.lowlevel import spawn_system_task  # noqa: PLC0415  trio may not be installed

        async def run() -> None:
            try:
                await function()
            finally:
                on_end()

        spawn_system_task(run)

    def call_soon(self, function: Callable[[], object]) -> None:
        with suppress(self._finished):
            self._loop.run_sync_soon(function)


def find_home() -> Home:
    """Return the event loop that runs, and the process."""
    return _TrioHome() if library_of(get_cancelled_exc_class()) == "trio" else _AsyncioHome()
