"""The scripts of a channel, one by one: each transition of a message, and what a crash leaves.

A script is run here as a process runs the script, but only when the test says so. So no event loop
and no clock has a part in these tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from script_runner import ScriptRunner

if TYPE_CHECKING:
    from servers import Server


@pytest.fixture
def one(server: Server, name: str) -> ScriptRunner:
    """Provide a process of a channel."""
    return ScriptRunner(server, name)


@pytest.fixture
def two(one: ScriptRunner) -> ScriptRunner:
    """Provide another process of the same channel."""
    return ScriptRunner(one.server, one.name, "two")


def test_a_send_that_is_repeated(one: ScriptRunner) -> None:
    """Its answer was lost: each message is stored once, and the rest is stored now."""
    assert one.send(1, "a", "b") == [b"ok", 2]
    assert one.send(1, "a", "b") == [b"ok", 2]
    assert one.send(2, "b", "c") == [b"ok", 2]
    assert one.take(9) == [("a", 1), ("b", 1), ("c", 1)]


def test_a_send_that_comes_after_its_process_has_left(one: ScriptRunner) -> None:
    """The send is repeated over another connection, and the first try comes last."""
    one.send(1, "a")
    one.leave()
    assert one.send(1, "a") == [b"ok", 1]
    assert one.ask("XLEN", "stream") == 1
    # The server keeps the number for as long as the network may keep the first try.
    assert 3000 < one.ask("TTL", "producer:one") <= 3600
