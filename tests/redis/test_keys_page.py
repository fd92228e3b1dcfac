"""The page on how channels on a server work: its commands give the answers of the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from redis_tools import channel, dead, key, until

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "redis" / "how-it-works.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^\$ redis-cli (.+)\n((?:(?!\$ |```).*\n)*)", re.MULTILINE)
# The parts that differ from run to run: ids, names of processes, and ages.
VARYING = re.compile(r"^(\d{13}-\d+|[0-9a-f]{16})$", re.MULTILINE)
AGE = 2  # the line of `XPENDING` with the age


async def test_the_commands_answer_what_the_page_shows(own_server: Server) -> None:
    """The channel has a message done, a message in hand, a waiting and a dead message."""
    jobs = channel(own_server, "jobs", max_deliveries=2, prefetch=0)
    async with jobs:
        sender, receiver = jobs.new_sender(), jobs.new_receiver()
        await sender.send({"number": 1})
        for _ in range(2):
            with pytest.raises(ValueError, match="no such job"):
                async with receiver.lease():
                    raise ValueError("no such job")
        for number in (2, 3, 4):
            await sender.send({"number": number})
        async with receiver.lease():
            pass
        await until(lambda: own_server.ask("XLEN", key("jobs", "stream")) == 2)
        assert len(dead(own_server, "jobs")) == 1
        async with receiver.lease():
            shown = COMMAND.findall(PAGE)
            assert len(shown) == 6
            for command, answer in shown:
                found = lines(own_server.ask(*shlex.split(command)))
                assert masked(command, found) == masked(command, answer.splitlines())


def lines(answer: Any) -> list[str]:
    """Return what `redis-cli` prints of an answer."""
    if isinstance(answer, bytes):
        return [answer.decode()]
    if isinstance(answer, int | str):
        return [str(answer)]
    return [line for part in answer for line in lines(part)]


def masked(command: str, answer: list[str]) -> list[str]:
    """Return an answer without what varies."""
    if command.endswith("- + 10"):
        answer = [*answer[:AGE], "age", *answer[AGE + 1 :]]
    return [VARYING.sub("varying", line) for line in answer]
