"""Runs the scripts of a channel on a server one by one, as a process would."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any

from anycast.redis import _scripts
from anycast.redis._keys import Keys
from redis_tools import key

if TYPE_CHECKING:
    from anycast.redis._scripts import Script
    from servers import Server

LEASE = 60_000  # in milliseconds


class ScriptRunner:
    """A process of a channel that does only what a test says.

    Args:
        server: has the channel.
        name: of the channel.
        me: names the process.
        settings: that the process brings: `limit`, `lease` in milliseconds, `max_deliveries`.
    """

    def __init__(self, server: Server, name: str, me: str = "one", **settings: int) -> None:
        self.server = server
        self.name = name
        self.me = me
        self._keys = Keys(name, me).all
        self._numbers = count(1)
        self._answered = 0
        self._releases = count(1)
        self._tries = count(1)
        wanted = {"limit": 100, "lease": LEASE, "max_deliveries": 3, **settings}
        self.settings = self.run(_scripts.INIT, "born", me, *wanted.values())
        self.born = self.settings[0]

    def run(self, script: Script, *arguments: object) -> list[Any]:
        """Run a script with these arguments alone."""
        answer: list[Any] = self.server.ask(
            "EVAL", script.text, len(self._keys), *self._keys, *arguments
        )
        return answer

    def send(  # noqa: PLR0913  keywords, each with a default
        self,
        first: int,
        *bodies: str,
        hinted: bool = False,
        noted: bool = False,
        tasks: int = 1,
        headers: tuple[object, ...] = (),
        number: int = 0,
    ) -> list[Any]:
        """Send messages; `first` is the number of the first message, and `number` of the try."""
        number = number or next(self._tries)
        start = (number, first, int(hinted), int(noted), tasks, len(headers) // 2)
        return self.run(_scripts.SEND, self.born, self.me, *start, *headers, *bodies)

    def ask_take(  # noqa: PLR0913  keywords, each with a default
        self,
        demand: int,
        ahead: int = 0,
        most: int = 1_000_000,
        *,
        answered: int | None = None,
        knows: bool = False,
        new: bool = False,
        number: int = 0,
    ) -> list[Any]:
        """Take messages, and return the whole answer."""
        number = number or next(self._numbers)
        answered = self._answered if answered is None else answered
        start = (self.born, self.me, int(new), number, answered)
        answer = self.run(_scripts.TAKE, *start, demand, ahead, most, int(knows))
        self._answered = number
        return answer

    def take(self, demand: int, ahead: int = 0, most: int = 1_000_000) -> list[tuple[str, int]]:
        """Take messages, and return their bodies and counts of deliveries."""
        entries = deque(self.ask_take(demand, ahead, most)[3])
        taken: list[tuple[str, int]] = []
        while entries:
            _, body, _, deliveries = (entries.popleft() for _ in range(4))
            taken.append((body.decode(), deliveries))
        return taken

    def lose_take(self, demand: int, ahead: int = 0) -> None:
        """Take messages, and lose the answer."""
        before = self._answered
        self.ask_take(demand, ahead)
        self._answered = before

    def acknowledge(
        self, *ids: bytes, begun: tuple[bytes, ...] = (), releases: int = 99
    ) -> list[Any]:
        """Acknowledge messages, and count messages that the program got."""
        start = (self.born, self.me, 0, releases, len(ids))
        return self.run(_scripts.ACK, *start, *ids, *begun)

    def release(
        self, entry_id: bytes, deliveries: int, error: str = "", pause: int = 0, number: int = 0
    ) -> list[Any]:
        """Give a message back; the work on the message has failed if there is an error."""
        start = (self.born, self.me, 0, number or next(self._releases))
        failed = int(bool(error))
        return self.run(_scripts.RELEASE, *start, entry_id, deliveries, failed, pause, error)

    def renew(self, *, new: bool = False) -> list[Any]:
        """Renew the lease."""
        return self.run(_scripts.RENEW, self.born, self.me, int(new))

    def leave(self) -> list[Any]:
        """Leave the channel."""
        return self.run(_scripts.LEAVE, self.born, self.me)

    def close(self) -> list[Any]:
        """Close the channel."""
        return self.run(_scripts.CLOSE, self.born, self.me)

    def crash(self) -> None:
        """Let the lease of this process run out now."""
        self.ask("ZADD", "processes", 1, self.me)

    def ask(self, command: str, part: str, *arguments: object) -> Any:
        """Send a command about one key of the channel, and return its answer."""
        return self.server.ask(command, key(self.name, part), *arguments)

    def hints(self, part: str) -> int:
        """Take the hints out of `room` or `ready`; return how many there were."""
        number: int = self.ask("LLEN", part)
        self.ask("DEL", part)
        return number

    def entry(self, at: int) -> bytes:
        """Return the id of a message of the stream."""
        entry_id: bytes = self.ask("XRANGE", "stream", "-", "+")[at][0]
        return entry_id

    def pending(self) -> list[tuple[bytes, bytes, int]]:
        """Return the id, the process and the count of deliveries of each pending message."""
        entries = self.ask("XPENDING", "stream", "receivers", "-", "+", 1000)
        return [(entry_id, owner, times) for entry_id, owner, _, times in entries]

    def consumers(self) -> list[bytes]:
        """Return the processes that the group knows."""
        fields = self.server.ask("XINFO", "CONSUMERS", key(self.name, "stream"), "receivers")
        return [consumer[1] for consumer in fields]

    def parts(self) -> set[str]:
        """Return the names of the keys of the channel, without what all have in common."""
        keys = self.server.ask("KEYS", key(self.name, "*"))
        return {each.decode().rpartition("}:")[2] for each in keys}

    def now(self) -> int:
        """Return the time of the server, in milliseconds."""
        seconds, microseconds = self.server.ask("TIME")
        return int(seconds) * 1000 + int(microseconds) // 1000
