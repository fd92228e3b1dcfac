"""The contenders: this library first, then its peers."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders.anycast import Ours, OursNeverYielding, OursYielding, PlainReceive
from benchmarks.contenders.anyio_stream import AnyioStream
from benchmarks.contenders.asyncio_channel import AsyncioChannel
from benchmarks.contenders.asyncio_queue import AsyncioQueue, AsyncioQueueAnew
from benchmarks.contenders.base import Contender
from benchmarks.contenders.chanio import Chanio
from benchmarks.contenders.culsans import Culsans
from benchmarks.contenders.frequenz import Frequenz
from benchmarks.contenders.trio_channel import TrioChannel

CONTENDERS: list[type[Contender[Any, Any]]] = [
    Ours,
    OursYielding,
    OursNeverYielding,
    PlainReceive,
    AsyncioQueue,
    AsyncioQueueAnew,
    AnyioStream,
    TrioChannel,
    Frequenz,
    Culsans,
    Chanio,
    AsyncioChannel,
]

OURS = Ours.name
YIELDING = OursYielding.name
NEVER = OursNeverYielding.name
YARDSTICK = PlainReceive.name


def rivals(ours: str) -> list[str]:
    """Return the peers to compare with: all, or for another setting those that yield like it."""
    peers = [contender for contender in CONTENDERS if not contender.ours]
    return [peer.name for peer in peers if ours == OURS or peer.yields == (ours == YIELDING)]


__all__ = ["CONTENDERS", "NEVER", "OURS", "YARDSTICK", "YIELDING", "Contender", "rivals"]
