"""Storms of random cancellation on real event loops."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import anyio
import pytest

from event_loops import BACKENDS
from storm import Storm

STORMS = 20


@pytest.mark.parametrize("limit", [0, 1, 2, math.inf])
@pytest.mark.parametrize("yield_every", [1, 64])
@pytest.mark.parametrize("backend", BACKENDS.values(), ids=list(BACKENDS))
def test_storms_lose_and_double_nothing(
    backend: tuple[str, dict[str, Any]], yield_every: int, limit: float
) -> None:
    """Each message arrives once, with native cancellations and with scopes."""
    name, options = backend
    cancelled = 0
    for seed in range(STORMS):
        storm = Storm(Random(seed), limit, yield_every, native=name == "asyncio")
        anyio.run(storm.run, backend=name, backend_options=options)
        cancelled += storm.cancelled
    assert cancelled > STORMS, "that was no storm"
