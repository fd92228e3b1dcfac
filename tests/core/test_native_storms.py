"""Storms of native cancellation, in which many strike after the operation has happened."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import anyio
import pytest

from event_loops import ASYNCIO
from native_storm import NativeStorm

STORMS = 20


@pytest.mark.parametrize("limit", [0, 1, 2, math.inf])
@pytest.mark.parametrize("backend", ASYNCIO.values(), ids=list(ASYNCIO))
def test_storms_of_native_cancellation(backend: tuple[str, dict[str, Any]], limit: float) -> None:
    """No message is lost or doubled, and each cancellation reaches its own task."""
    name, options = backend
    late = 0
    for seed in range(STORMS):
        storm = NativeStorm(Random(seed), limit)
        anyio.run(storm.run, backend=name, backend_options=options)
        found = storm.account
        late += found.late
        assert found.sent - found.received == {}, "lost"
        assert found.received - found.sent == {}, "doubled"
        assert (found.spurious, found.undelivered, found.errors) == (0, 0, [])
    assert late >= STORMS // 2, "that was no storm"
