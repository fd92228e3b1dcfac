"""Tests of channels on a server, and the server for all of them.

The promises, and the files with their tests:

- the promises that the channel in memory makes, too: `test_contract`, on both kinds; `test_select`
- at least once, leases, dead letters, delivery counts, at most once, the limit: `test_delivery`
- each transition of a message on the server, script by script: `test_scripts`
- when the tasks of a session ask the server, and what for: `test_pumps`, `test_settlements`;
  what they share with the tasks of the program: `test_inbox`, `test_outbox`, `test_held_leases`
- the heartbeat, silent processes and hung loops: `test_delivery`, `test_faults`
- a send is stored once, withdrawn, or of unknown outcome: `test_cancellation`, `test_faults`
- a cancellation at any moment loses no message and is delivered: `test_cancellation`,
  `test_pending_request`; right after the task was handed a message: `test_handing_over`
- batches: `test_send_many`
- messages as bytes: `test_codec`, `test_json_codec`, `test_json_codec_rule`, `test_comparison`
- random cancellation, and no connection left behind: `test_storm`
- crashes of workers and of senders: `test_processes`
- all faults between a channel and its server: `test_faults`
- all these promises together, message by message: `test_chaos`
- arguments, servers that refuse the channel, TLS, the extra: `test_opening`
- the event loop, the process and the task in which a channel can be used: `test_home`
- what the answers of a server mean, and that no text shows a password: `test_answers`, `test_url`
- servers that are found by Sentinels, and in a cluster; failovers: `test_sentinel`, `test_cluster`
- the least rights of a user: `test_rights`
- what is logged: `test_log`, `test_lost_burials`
- operators: `test_admin`, `test_admin_races`, `test_operator_commands`; their page: `test_docs`
"""

from __future__ import annotations

import gc
import os
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING

import pytest

from groups import Cluster
from servers import Server, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = count()
_program, _why_not = find_program()
if not (find_spec("coredis") and find_spec("msgspec")):
    _program, _why_not = None, "coredis or msgspec is not installed"
    collect_ignore_glob = ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    """Allow the garbage of coredis: the streams of connections that failed."""
    config.addinivalue_line("filterwarnings", "ignore:Unclosed <MemoryObject:ResourceWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run on asyncio and trio, slow tests once, and only if there is a server."""
    here = [item for item in items if "tests/redis/" in item.path.as_posix()]
    for item in here:
        callspec = getattr(item, "callspec", None)
        if callspec and ("eager" in callspec.id or "uvloop" in callspec.id):
            items.remove(item)
        elif item.get_closest_marker("slow") and os.environ.get("ANYCAST_SERVER") == "redis":
            items.remove(item)  # run once, on the other server
        elif not _program and "CI" not in os.environ:
            item.add_marker(pytest.mark.skip(reason=_why_not))


@pytest.fixture(scope="session", autouse=True)
def _collected() -> Iterator[None]:
    """Collect the garbage of coredis here: its warnings would fail a later test."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Run a server for all tests that do the server no harm."""
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Run a cluster for the tests of a module that do the cluster no lasting harm."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def own_server() -> Iterator[Server]:
    """Run a server for a single test, which may do any harm."""
    with Server() as server:
        yield server


@pytest.fixture
def name() -> str:
    """Name a channel that no other test uses."""
    return f"test-{next(_numbers)}"
