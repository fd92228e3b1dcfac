"""Ctrl-C at each line of the library that a program runs."""

from __future__ import annotations

import signal
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

import anycast
from event_loops import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import CodeType, FrameType

SOURCE = str(Path(anycast.__file__).parent)


class Interrupter:
    """Presses Ctrl-C when the library comes to so many lines for the first time."""

    def __init__(self, line: int) -> None:
        self.left = line
        self.seen: set[tuple[CodeType, int]] = set()

    async def watch(self, operation: Awaitable[object]) -> None:
        """Await an operation, and press Ctrl-C meanwhile, in any running task."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            await operation
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(SOURCE):
            return None  # trace the library only
        line = frame.f_code, frame.f_lineno
        if event == "line" and line not in self.seen:
            self.seen.add(line)
            self.left -= 1
            if self.left == 0:
                signal.raise_signal(signal.SIGINT)
        return self._trace


def at_each_line(
    main: Callable[[Interrupter], Awaitable[object]], backend: str = "trio"
) -> Iterator[bool]:
    """Run a program again and again, each time with Ctrl-C at the next line of the library.

    Args:
        main: the program, which lets the interrupter watch an operation.
        backend: the event loop.

    Yields:
        After each run, whether `KeyboardInterrupt` ended the run.
    """
    name, options = BACKENDS[backend]
    for line in count(1):
        interrupter = Interrupter(line)

        async def limited(interrupter: Interrupter = interrupter) -> None:
            with anyio.fail_after(30):  # else a task that is forgotten would hang
                await main(interrupter)

        interrupted = False
        try:
            anyio.run(limited, backend=name, backend_options=options)
        except* KeyboardInterrupt:
            interrupted = True
        if interrupter.left > 0:  # the program has no such line
            assert line > 3
            return
        yield interrupted
