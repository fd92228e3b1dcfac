"""Servers that belong together: a primary that Sentinels watch, and the nodes of a cluster."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType
    from typing import Self

SERVICE = "mymaster"
DEADLINE = 60.0  # seconds
SLOTS = 16_384


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until servers are in a state, by asking again and again."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "the servers did not get ready"
        time.sleep(0.02)


def has_replica(primary: Server) -> bool:
    """Return whether a primary has a replica that keeps up."""
    return "state=online" in primary.info("replication").get("slave0", "")


def crash(primary: Server) -> None:
    """Kill a primary once its replica has every change. Writes wait meanwhile, unanswered."""
    primary.ask("CLIENT", "PAUSE", 5000, "WRITE")
    wait_for(partial(_has_every_change, primary))
    primary.kill()


def _has_every_change(primary: Server) -> bool:
    facts = primary.info("replication")
    return f"offset={facts['master_repl_offset']}," in facts["slave0"]


class Sentinel(Server):
    """A Sentinel.

    Args:
        primary: the port of the server to watch.
        down_after: how many seconds a server may be silent.
        password: of all Sentinels, or empty.
    """

    ready = "Sentinel ID is"

    def __init__(self, primary: int, down_after: float, password: str) -> None:
        super().__init__(**({"requirepass": password} if password else {}))
        secret = [f"requirepass {password}", f"sentinel sentinel-pass {password}"]
        self._lines = [
            f"port {self.port}",
            f"dir {self._folder.name}",
            "bind 127.0.0.1",
            *(secret if password else []),
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary} 2",
            f"sentinel down-after-milliseconds {SERVICE} {down_after * 1000:.0f}",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]

    def _arguments(self) -> list[str]:
        config = Path(self._folder.name) / "sentinel.conf"
        config.write_text("\n".join(self._lines))
        return [str(config), "--sentinel"]


class Watched:
    """A primary and a replica, watched by three Sentinels.

    Args:
        down_after: how many seconds a server may be silent.
        password: of the Sentinels, or empty.
        options: of the primary and the replica.
    """

    def __init__(self, *, password: str = "", down_after: float = 1.0, **options: str) -> None:
        # A replica that starts gets a copy at once.
        options = {"repl-diskless-sync-delay": "0", **options}
        self.servers = [Server(**options)]
        primary = self.servers[0].port
        self.servers.append(Server(replicaof=f"127.0.0.1 {primary}", **options))
        self.sentinels = [Sentinel(primary, down_after, password) for _ in range(3)]

    @property
    def hosts(self) -> str:
        """The addresses of the Sentinels, as a URL has them."""
        return ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)

    @property
    def url(self) -> str:
        """The address of the channel."""
        return f"redis+sentinel://{self.hosts}/{SERVICE}"

    def primary(self, sentinel: int = 0) -> Server:
        """Return the server that a Sentinel names."""
        address = self.sentinels[sentinel].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return next(server for server in self.servers if server.port == int(address[1]))

    def fail_over(self, stop: Callable[[Server], object]) -> None:
        """Stop the primary in some way, and return when every Sentinel names the other server."""
        old = self.primary()
        stop(old)
        for number in range(len(self.sentinels)):
            wait_for(partial(self._names_another, number, old))

    def ask_for_failover(self, primary: Server) -> None:
        """Let a Sentinel begin a failover, although the primary works."""
        del primary
        self.sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)

    def _names_another(self, sentinel: int, old: Server) -> bool:
        return self.primary(sentinel) is not old

    def _knows_all(self, sentinel: Server) -> bool:
        facts = sentinel.info("sentinel")["master0"]
        return "status=ok,address" in facts and facts.endswith("slaves=1,sentinels=3")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for server in (*self.servers, *self.sentinels):
                stack.enter_context(server)
            for sentinel in self.sentinels:
                wait_for(partial(self._knows_all, sentinel))
            wait_for(partial(has_replica, self.servers[0]))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._stack.close()


class Cluster:
    """Three primaries, which have all slots, and a replica of each.

    Args:
        options: of every node.
    """

    def __init__(self, **options: str) -> None:
        own = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": "1000",
            "repl-diskless-sync-delay": "0",
        }
        self.nodes = [
            Server(**own, **{"cluster-port": str(free_port())}, **options) for _ in range(6)
        ]

    @property
    def url(self) -> str:
        """The address of the channel."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://{hosts}"

    def shown_by(self, node: Server) -> list[list[str]]:
        """Return the fields of each node, as a node shows them."""
        return [line.split() for line in node.ask("CLUSTER", "NODES").decode().splitlines()]

    def id_of(self, node: Server) -> str:
        """Return the id of a node."""
        ident: bytes = node.ask("CLUSTER", "MYID")
        return ident.decode()

    def node(self, port: int) -> Server:
        """Return the node on a port."""
        return next(node for node in self.nodes if node.port == port)

    def owner(self, key: str, asked: Server | None = None) -> Server:
        """Return the node that has a key, as some node knows."""
        asked = asked or next(node for node in self.nodes if node.alive)
        slot = asked.ask("CLUSTER", "KEYSLOT", key)
        for first, last, primary, *_ in asked.ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return self.node(primary[1])
        raise LookupError(key)

    def replica_of(self, primary: Server) -> Server:
        """Return the replica of a primary."""
        ident = self.id_of(primary)
        fields = next(fields for fields in self.shown_by(primary) if fields[3] == ident)
        return self.node(int(fields[1].partition("@")[0].rpartition(":")[2]))

    @contextmanager
    def moving_slot(self, key: str, source: Server, target: Server) -> Generator[None]:
        """Let the slot of a key move to another node; at the end of the block it has moved."""
        slot = source.ask("CLUSTER", "KEYSLOT", key)
        ids = {node: self.id_of(node) for node in (source, target)}
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        yield
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[target])
        self.wait_for_owner(key, target)

    def move_slot(self, key: str, source: Server, target: Server) -> None:
        """Move the slot of a key as `redis-cli --cluster reshard` does, key by key."""
        slot = source.ask("CLUSTER", "KEYSLOT", key)
        with self.moving_slot(key, source, target):
            while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1):
                source.ask("MIGRATE", "127.0.0.1", target.port, keys[0], 0, 5000)
                # The channel asks meanwhile, and waits.
                time.sleep(0.05)

    def wait_for_owner(self, key: str, owner: Server) -> None:
        """Wait until every node that is alive knows the owner of a key."""
        for node in self.nodes:
            if node.alive:
                wait_for(partial(self._names, node, key, owner))

    def _names(self, node: Server, key: str, owner: Server) -> bool:
        with suppress(LookupError):  # during a failover, a node may know no owner for a moment
            return self.owner(key, node) is owner
        return False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self._stack = stack.pop_all()
        try:
            self._join()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _join(self) -> None:
        first = self.nodes[0]
        primaries = self.nodes[:3]
        for number, node in enumerate(primaries):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            start, end = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", start, end)
        for node in self.nodes[1:]:
            bus = node.options["cluster-port"]
            first.ask("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        for node in self.nodes:
            wait_for(partial(self._knows_all, node))
        for primary, replica in zip(primaries, self.nodes[3:], strict=True):
            replica.ask("CLUSTER", "REPLICATE", self.id_of(primary))
        for node in self.nodes:
            wait_for(partial(self._is_ready, node))
        for primary in primaries:
            wait_for(partial(has_replica, primary))

    def _knows_all(self, node: Server) -> bool:
        shown = self.shown_by(node)
        return len(shown) == 6 and not any("handshake" in fields[2] for fields in shown)

    def _is_ready(self, node: Server) -> bool:
        replicas = [fields for fields in self.shown_by(node) if "slave" in fields[2]]
        state: bytes = node.ask("CLUSTER", "INFO")
        return len(replicas) == 3 and state.startswith(b"cluster_state:ok")

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._stack.close()
