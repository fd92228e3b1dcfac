"""The contenders: this library first, then its peers."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders.anycast import Ours, OursYielding
from benchmarks.contenders.anyio_stream import AnyioStream
from benchmarks.contenders.asyncio_queue import AsyncioQueue
from benchmarks.contenders.base import Contender
from benchmarks.contenders.culsans import Culsans
from benchmarks.contenders.frequenz import Frequenz
from benchmarks.contenders.trio_channel import TrioChannel

CONTENDERS: list[type[Contender[Any, Any]]] = [
    Ours,
    OursYielding,
    AsyncioQueue,
    AnyioStream,
    TrioChannel,
    Frequenz,
    Culsans,
]

BY_NAME = {contender.name: contender for contender in CONTENDERS}

OURS = Ours.name
YIELDING = OursYielding.name

__all__ = ["BY_NAME", "CONTENDERS", "OURS", "YIELDING", "Contender"]
