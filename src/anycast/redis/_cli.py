"""The commands of ``python -m anycast.redis``: each is a call of `RedisChannelAdmin`, or two."""

from __future__ import annotations

# ruff: noqa: T201  a command prints
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio

from anycast._interface.errors import Error
from anycast.redis._admin import RedisChannelAdmin
from anycast.redis._cli_options import parse
from anycast.redis._cli_views import (
    SHOWN_BYTES,
    letter_json,
    letter_lines,
    status_json,
    status_lines,
)
from anycast.redis._key_search import channels
from anycast.redis._printable import printable

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Awaitable, Callable, Iterable, Sequence

T = TypeVar("T")

REFUSED = 1
WRONG = 2
INTERRUPTED = 130  # the exit code that shells report after SIGINT: 128 + 2
UNREAD = 141  # the exit code that shells report after SIGPIPE: 128 + 13


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of a command line.

    Args:
        arguments: the command line; by default the command line of the process.

    Returns:
        The exit code: 0; 1 if the server refused or is away, or something is missing, or the user
        said no; 2 if a value is wrong; 130 after Ctrl-C; 141 if the reader of the output closed the
        output before the end, as ``head`` does.

    Raises:
        SystemExit: with code 2 if the command line is wrong, and 0 after ``--help``.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal may not know every character of a channel's name.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    options = parse(arguments)
    try:
        code = _confirm_and_run(options)
        sys.stdout.flush()
    except Error as error:
        code = _complain(error, REFUSED)
    except (TypeError, ValueError) as error:
        code = _complain(error, WRONG)
    except KeyboardInterrupt:
        code = _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Python flushes stdout at exit: redirect stdout, so that this flush succeeds.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        code = UNREAD
    return code


def _complain(problem: object, code: int) -> int:
    print(printable(str(problem)), file=sys.stderr)
    return code


def _confirm_and_run(options: Namespace) -> int:
    if options.command == "channels":
        names = anyio.run(partial(channels, options.url, timeout=options.timeout))
        _show(options, names, map(printable, names))
        return 0 if names or options.json else _complain("no channels in this database", 0)
    if _asks(options):
        if not sys.stdin.isatty():
            return _complain(f"{options.command} needs --yes, or a terminal to ask in", WRONG)
        question = anyio.run(_with_admin, _question, options)
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            return _complain("nothing was changed", REFUSED)
    return anyio.run(_with_admin, COMMANDS[options.command], options)


def _asks(options: Namespace) -> bool:
    """Return whether a command asks first: it can do harm, and nobody has said yes."""
    harmless = options.command == "dead-limit" and options.limit is None
    return "yes" in options and not options.yes and not harmless


async def _with_admin(
    work: Callable[[RedisChannelAdmin, Namespace], Awaitable[T]], options: Namespace
) -> T:
    async with RedisChannelAdmin(options.name, url=options.url, timeout=options.timeout) as admin:
        return await work(admin, options)


async def _question(admin: RedisChannelAdmin, options: Namespace) -> str:
    """Return what to ask before a command that cannot be undone."""
    now, name = await admin.status(), printable(options.name)
    if options.command in {"drop", "dead-limit"}:
        count = _how_many_go(options, now.dead)
        return f"Delete {count} of {now.dead} dead letters of {name} for ever?"
    does = f"Close {name}" if options.command == "close" else f"Delete {name} for ever"
    return (
        f"{does} (messages: {now.unacknowledged}, dead letters: {now.dead},"
        f" processes: {len(now.processes)})?"
    )


def _how_many_go(options: Namespace, dead: int) -> int:
    """Return how many dead letters a command deletes, if all ids are right."""
    if options.command == "drop":
        return dead if options.all else len(set(options.ids))
    return max(0, dead - int(options.limit))


async def _status(admin: RedisChannelAdmin, options: Namespace) -> int:
    now = await admin.status()
    _show(options, status_json(admin.name, now), status_lines(admin.name, now))
    return 0


async def _dead(admin: RedisChannelAdmin, options: Namespace) -> int:
    whole = options.whole or options.json
    list_ = partial(admin.dead, newest_first=not options.oldest)
    shown = None if whole else SHOWN_BYTES
    letters = await list_(options.count, after=options.after, body_bytes=shown)
    lines = [line for each in letters for line in letter_lines(each, whole=whole)]
    if letters and await list_(1, after=letters[-1].id, body_bytes=0):
        lines.append(f"more dead letters: --after {letters[-1].id}")
    _show(options, [letter_json(each) for each in letters], lines or ["no dead letters"])
    return 0


async def _requeue(admin: RedisChannelAdmin, options: Namespace) -> int:
    count = await admin.requeue("all" if options.all else options.ids)
    return _show_count(options, "requeued", count)


async def _drop(admin: RedisChannelAdmin, options: Namespace) -> int:
    count = await admin.drop("all" if options.all else options.ids)
    return _show_count(options, "dropped", count)


async def _limit(admin: RedisChannelAdmin, options: Namespace) -> int:
    await admin.set_limit(options.limit)
    return await _status(admin, options)


async def _dead_limit(admin: RedisChannelAdmin, options: Namespace) -> int:
    dropped = await admin.set_dead_limit(options.limit)
    _show(options, {"dropped": dropped}, [f"dead letters dropped: {dropped}"])
    return 0


async def _close(admin: RedisChannelAdmin, options: Namespace) -> int:
    await admin.close()
    return await _status(admin, options)


async def _reopen(admin: RedisChannelAdmin, options: Namespace) -> int:
    await admin.reopen()
    return await _status(admin, options)


async def _destroy(admin: RedisChannelAdmin, options: Namespace) -> int:
    await admin.destroy(force=options.force)
    _show(options, {"destroyed": admin.name}, [f"{printable(admin.name)} is deleted"])
    return 0


COMMANDS = {
    "status": _status,
    "dead": _dead,
    "requeue": _requeue,
    "drop": _drop,
    "limit": _limit,
    "dead-limit": _dead_limit,
    "close": _close,
    "reopen": _reopen,
    "destroy": _destroy,
}


def _show_count(options: Namespace, done: str, count: int) -> int:
    """Show how many dead letters were moved or deleted; fail if an id was no dead letter."""
    _show(options, {done: count}, [f"dead letters {done}: {count}"])
    ids = len(set(options.ids))
    if options.all or ids <= count:
        return 0
    text = f"{ids - count} of {ids} ids are of no dead letter of {options.name}"
    hint = "`dead` lists the ids; an id in the log is the id of a message"
    return _complain(f"{text} ({hint})", REFUSED)


def _show(options: Namespace, value: object, lines: Iterable[str]) -> None:
    """Print JSON for programs, or lines for people."""
    for line in [json.dumps(value, indent=2)] if options.json else lines:
        print(line)
