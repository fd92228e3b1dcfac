"""The command line of ``python -m anycast.redis``."""

from __future__ import annotations

import argparse
import math
import os
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

URL = "REDIS_URL"
MOST_DIGITS = 15  # the server counts with numbers that are exact up to 2 ** 53
EXAMPLES = """
examples, with the server in the environment variable REDIS_URL:
  python -m anycast.redis channels
  python -m anycast.redis status jobs
  python -m anycast.redis dead jobs --count 5
  python -m anycast.redis requeue jobs --all
  python -m anycast.redis drop jobs 1795574896881-0
  python -m anycast.redis limit jobs 5000
  python -m anycast.redis destroy jobs --yes

A password in the environment is not seen by other users of the machine, as
a password on the command line is.

exit status: 0; 1 if the server refused or is away, or if something is
missing; 2 if the command line is wrong
"""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command that a command line asks for, and its options.

    Raises:
        SystemExit: if the command line is wrong, or asks for help. The parser prints the error or
            the help first.
    """
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    # argparse knows no ids after an option that follows the name.
    if "ids" in options and not any(each.startswith("-") for each in rest):
        options.ids += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if options.url is None:
        parser.error(f"--url is needed, since {URL} is not set")
    if not options.url:
        parser.error(f"the URL of the server is empty: set --url or {URL}")
    if options.command in {"requeue", "drop"} and options.all == bool(options.ids):
        parser.error("either ids or --all are needed")
    return options


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are a single line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help tells more)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m anycast.redis",
        description="Look at the channels on a server, and change them for all processes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    of_the_server = f"of the server; by default ${URL}"
    parser.add_argument("--url", default=os.environ.get(URL), help=of_the_server)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(command: str, text: str, *, asks: bool = False) -> argparse.ArgumentParser:
        description = f"{text[0].upper()}{text[1:]}."
        sub = commands.add_parser(command, help=text, description=description, allow_abbrev=False)
        if command != "channels":
            sub.add_argument("name", metavar="NAME", help="the name of the channel")
        # A default here would win over the option before the command.
        sub.add_argument("--url", default=argparse.SUPPRESS, help=of_the_server)
        sub.add_argument("--json", action="store_true", help="print JSON, for programs")
        sub.add_argument(
            "--timeout",
            type=float,
            default=5.0,
            metavar="SECONDS",
            help="how long the server may be away; by default %(default)s",
        )
        if asks:
            sub.add_argument("--yes", action="store_true", help="do not ask before the change")
        return sub

    add("channels", "list the channels on the server")
    add("status", "show the messages, the settings and the processes of a channel")
    _add_page(add("dead", "list dead letters, the newest first"))
    _add_ids(add("requeue", "send dead letters again, as new messages"))
    _add_ids(add("drop", "delete dead letters for ever", asks=True))
    add("limit", "set how many messages may be unacknowledged before senders block").add_argument(
        "limit", metavar="N", type=_limit, help="at least 1, or inf"
    )
    add("dead-limit", "set how many dead letters are kept at most", asks=True).add_argument(
        "limit", metavar="N", type=_dead_limit, help="at least 0, or none to keep all"
    )
    add("close", "close a channel for all processes", asks=True)
    add("reopen", "open a closed channel again, or mend a channel that lost its stream")
    add("destroy", "delete a channel, its messages and its dead letters", asks=True).add_argument(
        "--force", action="store_true", help="even if processes use the channel"
    )
    return parser


def _add_ids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help="of a dead letter, as `dead` lists it")
    parser.add_argument("--all", action="store_true", help="all dead letters of the channel")


def _add_page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--count", type=int, default=20, metavar="N", help="how many; by default %(default)s"
    )
    parser.add_argument("--after", metavar="ID", help="begin after this dead letter")
    parser.add_argument("--oldest", action="store_true", help="the oldest first")
    parser.add_argument("--whole", action="store_true", help="do not shorten errors and bodies")


def _limit(text: str) -> float:
    return math.inf if text == "inf" else _number(text, 1, "inf")


def _dead_limit(text: str) -> int | None:
    return None if text == "none" else _number(text, 0, "none")


def _number(text: str, least: int, word: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS and int(text) >= least:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be an int >= {least} or {word}, not {text!r}")
