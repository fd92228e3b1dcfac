"""The event loop and the process in which a session lives.

The tasks of a session do not belong to the task that entered the channel. So the channel can be
entered in one task and left in another task, as fixtures and start-up hooks do. anyio has no such
tasks, so this module asks asyncio or trio for a task.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from anyio import get_cancelled_exc_class

from anycast._waiting.anyio_backend import library_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from trio.lowlevel import TrioToken


class Home(ABC):
    """The event loop that runs when this is made, and the running process."""

    def __init__(self) -> None:
        self._process = os.getpid()

    def check(self, user: object) -> None:
        """Raise RuntimeError if the caller runs in another event loop, thread or process."""
        if os.getpid() != self._process:
            raise RuntimeError(f"{user} was entered before a fork: make a channel in each process")
        if not self._is_running():
            raise RuntimeError(
                f"{user} was entered in another event loop: make a channel in each event loop"
            )

    @abstractmethod
    def _is_running(self) -> bool:
        """Return whether the event loop runs the caller."""

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
    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        # The event loop keeps only a weak reference to a task.
        self._task: asyncio.Task[None]

    def _is_running(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

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
        self._token = _trio_token()
        # Imported here: `call_soon` may be called while the interpreter ends, and imports no more.
        self._finished = RunFinishedError

    def _is_running(self) -> bool:
        try:
            return _trio_token() is self._token
        except RuntimeError:
            return False

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
            self._token.run_sync_soon(function)


def _trio_token() -> TrioToken:
    from trio.lowlevel import current_trio_token  # noqa: PLC0415  trio may not be installed

    return current_trio_token()


def find_home() -> Home:
    """Return the event loop that runs, and the process."""
    return _TrioHome() if library_of(get_cancelled_exc_class()) == "trio" else _AsyncioHome()
