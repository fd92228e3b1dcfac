"""The demo: what it shows, what it counts, and how it ends."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from anycast import Anycast
from anycast._demo import _options, _run, main

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from anycast import Receiver

BACKENDS = ["asyncio", "uvloop", "trio"]
FEW = ["--messages", "40", "--backend"]


@pytest.fixture(autouse=True)
def give_back() -> Generator[None]:
    """Give back what the demo takes over for good, as the main program of a process."""
    logger = logging.getLogger("anycast")
    handler, level = signal.getsignal(signal.SIGINT), logger.level
    yield
    signal.signal(signal.SIGINT, handler)
    logger.setLevel(level)


def table(output: str) -> list[dict[str, str]]:
    """Return the rows of the summary, each as a dict from heading to cell."""
    lines = output.splitlines()
    rule = next(line for line in lines if line.startswith("---"))
    at = lines.index(rule)
    starts = [0, *(i + 1 for i, char in enumerate(rule) if char == " " and rule[i + 1 : i + 2] == "-")]
    bounds = [*zip(starts, [*starts[1:], None], strict=True)]
    names, *rows = (
        [line[begin:end].strip() for begin, end in bounds]
        for line in [lines[at - 1], *lines[at + 1 : lines.index("", at)]]
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.fixture
def receive(monkeypatch: pytest.MonkeyPatch) -> Callable[[Receive], None]:
    """Return a function that replaces how receivers receive by a faulty way."""
