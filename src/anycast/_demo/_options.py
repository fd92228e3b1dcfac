"""The command line of the demo."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import Sequence

# The arguments of `anyio.run` for each backend. A backend has the name of the module that it needs.
BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in anyio.get_all_backends()},
    "uvloop": ("asyncio", {"use_uvloop": True}),
}
IN_MEMORY: dict[str, int] = {"messages": 100_000, "limit": 10}
ON_REDIS: dict[str, int] = {"messages": 20_000, "limit": 1_000}
MOST_MESSAGES = 100_000_000  # a run keeps one byte for each message
MOST_TASKS = 1_000
MOST_SEED = 2**32 - 1
MOST_DIGITS = 100  # `int` refuses a text of several thousand digits


@dataclass(frozen=True, slots=True)
class Plan:
    """The numbers of messages, of senders and of receivers, and the limit of the channel."""

    messages: int
    senders: int
    receivers: int
    limit: float


@dataclass(frozen=True, slots=True)
class Wish:
    """The values of a command line.

    Args:
        backends: where to run; keys of `BACKENDS`.
        plan: the numbers of messages and of tasks, and the limit.
        seed: of the random numbers of the storm.
        redis: a URL, an empty string if the demo must start a server, or None if the demo runs in
            memory.
    """

    backends: list[str]
    plan: Plan
    seed: int
    redis: str | None


def parse(arguments: Sequence[str] | None) -> Wish:
    """Return what a command line asks for.

    Raises:
        SystemExit: if the command line is wrong, or asks for help or for the version. The parser
            prints the error or the answer first.
    """
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    backends, seed, redis = (options.pop(name) for name in ("backend", "seed", "redis"))
    defaults = IN_MEMORY if redis is None else ON_REDIS
    for name, default in defaults.items():
        if options[name] is None:
            options[name] = default
    if redis is not None and not find_spec("coredis"):
        parser.error("--redis needs more: run `pip install 'anycast[redis]'`")
    if redis is not None and not options["limit"]:
        parser.error("argument --limit: must be >= 1 with --redis, not 0")
    return Wish(backends, Plan(**options), seed, redis)


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
        help=f"how many are sent in all; {_defaults('messages')}",
    )
    kinds = "tasks, with --redis processes,"
    add("--senders", type=tasks, default=4, help=f"{kinds} that send; by default %(default)s")
    add("--receivers", type=tasks, default=4, help=f"{kinds} that receive; by default %(default)s")
    add(
        "--limit",
        type=_limit,
        help=f"messages that the channel stores, or inf; {_defaults('limit')}",
    )
    add(
        "--seed",
        type=partial(_count, most=MOST_SEED),
        default=1,
        help="of the storm's random cancellations; a seed repeats the storm on asyncio and uvloop, "
        "while trio varies; by default %(default)s",
    )
    parser.add_argument("--version", action="version", version=f"anycast {_version()}")
    parser.add_argument(
        "--redis",
        nargs="?",
        const="",
        metavar="URL",
        help="run in many processes, on this server or one that is started",
    )
    return parser


def _defaults(option: str) -> str:
    return f"by default {IN_MEMORY[option]}, with --redis {ON_REDIS[option]}"


def _version() -> str:
    try:
        return version("anycast")
    except PackageNotFoundError:
        return "(not installed)"


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
