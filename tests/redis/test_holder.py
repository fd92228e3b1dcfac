"""The consumer of a process on the server, and the end of its lease."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from anyio import Event

from anycast.redis import _scripts
from anycast.redis._holder import Holder, LostError
from helpers import settle, task_group

pytestmark = pytest.mark.anyio


class Server:
    """Answers scripts with given answers, each at a given time."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bool]] = []
        self.lost: list[str] = []
        self.answers: dict[int, list[Any]] = {}
        self.come = [Event() for _ in range(3)]
        commands: Any = SimpleNamespace(me=b"me", born=b"1", retry=self.answer, once=self.answer)
        self.holder = Holder(commands, lambda: self.lost.append("lost"))

    async def answer(self, _: object, born: bytes, me: bytes, new: bool) -> list[Any]:
        """Answer as the server does."""
        assert born == b"1"
        number = len(self.asked)
        self.asked.append((me, new))
        await self.come[number].wait()
        return self.answers[number]


async def test_a_new_consumer() -> None:
    """After the lease has run out, the next script makes a new consumer known."""
    server = Server()
    for event in server.come:
        event.set()
    server.answers = {0: [b"lost"], 1: [b"ok"], 2: [b"ok"]}
    with pytest.raises(LostError):
        await server.holder.run(_scripts.RENEW)
    await server.holder.run(_scripts.RENEW)
    await server.holder.run_once(_scripts.RENEW)
    assert server.asked == [(b"me", False), (b"me-2", True), (b"me-2", False)]
    assert server.lost == ["lost"]


@pytest.mark.parametrize("other", [b"lost", b"ok"])
async def test_scripts_under_way(other: bytes) -> None:
    """If a script is refused, the answers of other scripts belong to the lost consumer."""
    server = Server()
    server.answers = {0: [b"lost"], 1: [other]}

    async def ask() -> None:
        with pytest.raises(LostError):
            await server.holder.run(_scripts.RENEW)

    async with task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(ask)
            await settle()
        server.come[0].set()
        await settle()
        server.come[1].set()
    assert server.lost == ["lost"]
