"""The page for operators: its commands print what the page shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from anyio import fail_after, to_thread

from admin_tools import admin_of, bury, make
from anycast.redis._cli import main
from helpers import task_group
from redis_tools import DEADLINE, channel, key, until

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs" / "redis" / "operations.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^\$ python -m anycast\.redis (.+)\n((?:(?!\$ |```).*\n)*)", re.MULTILINE)
# What differs from one time to the next: ids, names of processes, and times.
VARYING = re.compile(r"\b(\d{13}-\d+|[0-9a-f]{16}|[\d.]+ (s|min|d)\b) *")


async def test_the_commands_print_what_the_page_shows(
    own_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The channel has a message in hand, a delayed one, dead letters and a blocked sender."""
    monkeypatch.setenv("REDIS_URL", own_server.url)
    monkeypatch.setenv("COLUMNS", "80")
    with fail_after(DEADLINE):
        await make(own_server, "mail")
        async with (
            channel(own_server, "jobs", limit=6) as producer,
            channel(own_server, "jobs", limit=6, prefetch=0, retry_delay=1000) as worker,
            admin_of(own_server, "jobs") as admin,
            task_group() as tasks,
        ):
            sender, receiver = producer.new_sender(), worker.new_receiver()
            await sender.send_many([{"number": number} for number in range(6)])
            with pytest.raises(OSError, match="no such host"):
                async with receiver.lease():
                    raise OSError("no such host")
            await until(lambda: own_server.ask("ZCARD", key("jobs", "delayed")) == 1)
            for body in (b'{"number":7}', b'{"number":9}'):
                bury(own_server, "jobs", body, error="OSError: no such host")
            async with receiver.lease():
                tasks.start_soon(sender.send, {"number": 8})
                while not (await admin.status()).blocked_senders:
                    pass
                shown = COMMAND.findall(PAGE)
                assert len(shown) == 4
                for command, printed in shown:
                    assert await to_thread.run_sync(main, command.split()) == 0
                    assert masked(capsys.readouterr().out) == masked(printed)
            tasks.cancel_scope.cancel()


def masked(printed: str) -> list[str]:
    """Return the lines without what varies, and without the order of the processes."""
    return sorted(VARYING.sub("varying ", line) for line in printed.splitlines())
