"""The backends that each asynchronous test runs on."""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from typing import Any

import pytest



def eager_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop whose tasks start to run in the moment they are created."""
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    return loop


def uvloop_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop of uvloop."""
    import uvloop  # noqa: PLC0415  absent on some platforms

    return uvloop.new_event_loop()


ASYNCIO: dict[str, tuple[str, dict[str, Any]]] = {"asyncio": ("asyncio", {})}
if sys.version_info >= (3, 12):
    ASYNCIO["eager"] = ("asyncio", {"loop_factory": eager_loop})
if find_spec("uvloop"):
    ASYNCIO["uvloop"] = ("asyncio", {"loop_factory": uvloop_loop})
BACKENDS = {**ASYNCIO, "trio": ("trio", {})}


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Stand in for anyio's own fixture, which has other parameters."""
    raise NotImplementedError("`pytest_generate_tests` gives the parameters")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on every backend, or with ``@asyncio_only`` on those of asyncio."""
    if "anyio_backend" in metafunc.fixturenames:
        only_asyncio = metafunc.definition.get_closest_marker("asyncio_only")
        backends = ASYNCIO if only_asyncio else BACKENDS
        metafunc.parametrize("anyio_backend", backends.values(), ids=list(backends), scope="module")


