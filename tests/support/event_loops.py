"""The event loops on which the asynchronous tests run."""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from typing import Any


def uvloop_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop of uvloop."""
    import uvloop  # noqa: PLC0415  absent on some platforms

    return uvloop.new_event_loop()


ASYNCIO: dict[str, tuple[str, dict[str, Any]]] = {"asyncio": ("asyncio", {})}
if sys.version_info >= (3, 12):

    def eager_loop() -> asyncio.AbstractEventLoop:
        """Return an event loop whose tasks start to run when they are created."""
        loop = asyncio.new_event_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        return loop

    ASYNCIO["eager"] = ("asyncio", {"loop_factory": eager_loop})
if find_spec("uvloop"):
    ASYNCIO["uvloop"] = ("asyncio", {"loop_factory": uvloop_loop})
BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {**ASYNCIO, "trio": ("trio", {})}
