"""The backends that each asynchronous test runs on, and fixtures of several modules."""

from __future__ import annotations

import gc
import logging
import signal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, settings

import debris
from anycast._waiting import event_loop
from anycast._waiting.anyio_backend import AnyioBackend
from anycast._waiting.budget import this_thread
from event_loops import ASYNCIO, BACKENDS

if TYPE_CHECKING:
    from collections.abc import Iterator

# For users who only ask whether a test fails, and not for the smallest failing example.
settings.register_profile("unshrunk", phases=[Phase.explicit, Phase.generate])


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the suite run without the leaner events of asyncio and trio, and explore all programs."""
    parser.addoption("--plain-events", action="store_true", help="wait with anyio.Event alone")
    parser.addoption("--all-programs", action="store_true", help="explore all, not every 16th")


def _always_plain(cancelled: type[BaseException]) -> type[AnyioBackend]:  # noqa: ARG001
    return AnyioBackend


def pytest_configure(config: pytest.Config) -> None:
    """Choose the events that tasks wait with, and let Ctrl-C raise `KeyboardInterrupt`."""
    # A process that a shell started in the background ignores Ctrl-C, and tests would hang.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--plain-events"):
        event_loop._choose = _always_plain


def pytest_collection_finish() -> None:
    """Keep the tests out of garbage collections, which would look at each of them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Replace the fixture of anyio, which has other parameters."""
    raise NotImplementedError("`pytest_generate_tests` gives the parameters")


@pytest.fixture(autouse=True)
def whole_budget() -> None:
    """Let each test begin as if the event loop had just had a turn."""
    this_thread.budget.spent = 0


@pytest.fixture
def no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Log no record: captured records refer to the sender that they name."""
    caplog.set_level(logging.ERROR, "anycast")


@pytest.fixture
def no_garbage_collection(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave cycles alone while a test runs, so that a reference cycle counts as debris, too."""
    debris.note_futures(monkeypatch)
    gc.collect()
    gc.freeze()  # what exists by now is no debris of the test
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def taken_back() -> Iterator[None]:
    """Undo the changes that the demo, as the main program, makes to the process."""
    logger = logging.getLogger("anycast")
    handler, level = signal.getsignal(signal.SIGINT), logger.level
    yield
    signal.signal(signal.SIGINT, handler)
    logger.setLevel(level)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on every backend, or only on asyncio and uvloop with ``@asyncio_only``."""
    if "anyio_backend" in metafunc.fixturenames:
        only_asyncio = metafunc.definition.get_closest_marker("asyncio_only")
        backends = ASYNCIO if only_asyncio else BACKENDS
        metafunc.parametrize("anyio_backend", backends.values(), ids=list(backends), scope="module")
