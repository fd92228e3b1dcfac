"""The command line of the demo."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Sequence

# The arguments of `anyio.run` for each backend, which is called like the module it needs.
BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in anyio.get_all_backends()},
    "uvloop": ("asyncio", {"use_uvloop": True}),
}
MOST_MESSAGES = 100_000_000  # at one byte each
MOST_TASKS = 1_000
MOST_DIGITS = 100  # Python refuses to read thousands of them


@dataclass(frozen=True, slots=True)
class Plan:
    """How many messages, tasks of each kind, and places in the channel."""

    messages: int
    senders: int
    receivers: int
    limit: float


def parse(arguments: Sequence[str] | None) -> tuple[list[str], Plan]:
    """Return the backends and the plan that a command line asks for.

    Raises:
        SystemExit: if it is wrong, after saying why, or asks for help, after giving it.
    """
    options = vars(_parser().parse_args(arguments))
    return options.pop("backend"), Plan(**options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m anycast",
        description="Show a channel at work, and count that each message arrives once.",
        epilog="It exits with 1 if a message was lost or came twice.",
        allow_abbrev=False,
    )
    add = partial(parser.add_argument, metavar="N")
    names, tasks = ", ".join(BACKENDS), partial(_count, most=MOST_TASKS)
    add(
        "--backend",
        type=_backend,
        default=_installed(),
        metavar="NAME",
        help=f"{names}; by default each that is installed",
    )
    add(
        "--messages",
        type=partial(_count, most=MOST_MESSAGES),
        default=100_000,
        help="how many are sent in all; by default %(default)s",
    )
    add("--senders", type=tasks, default=4, help="tasks that send; by default %(default)s")
    add("--receivers", type=tasks, default=4, help="tasks that receive; by default %(default)s")
    add(
        "--limit",
        type=_limit,
        default=10,
        help="messages that the channel stores, or inf; by default %(default)s",
    )
    return parser


def _installed() -> list[str]:
    return [name for name in BACKENDS if find_spec(name)]


def _backend(text: str) -> list[str]:
    if text not in BACKENDS:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(BACKENDS)}, not {text!r}")
    if text not in _installed():
        raise argparse.ArgumentTypeError(
            f"must be installed, and {text!r} is not: run `pip install 'anycast[{text}]'`"
        )
    return [text]


def _count(text: str, *, most: int) -> int:
    if _is_whole(text) and 1 <= int(text) <= most:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be an int from 1 to {most}, not {text!r}")


def _limit(text: str) -> float:
    if text == "inf":
        return math.inf
    if _is_whole(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"must be an int >= 0 or inf, not {text!r}")


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
