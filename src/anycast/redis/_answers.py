"""The meaning of an error between this process and a server: whether a retry may succeed.

The class of the error tells a caller all that matters:

- `UnreachableError`: there was no usable answer. Whether the command ran is unknown, and another
  try may succeed.
- `UnavailableError`, a kind of `UnreachableError`: the command certainly did not run, and another
  try may succeed. The connection could not be opened, or the server answered "not now".
- `WritesRefusedError`, a kind of `UnavailableError`: the server works, but refuses to write for
  now. Too few replicas keep up, the disk is full, or the memory is (`OutOfMemoryError`).
- `RefusedError`: the server answered with an error that no waiting mends. The command did not run.

A server answers an error as a code and a text, such as ``READONLY You can't write against a read
only replica.`` An error inside a script has the code of the command that failed. A script that has
written does not get any of the "not now" answers: the server checks them before the first write.
"""

from __future__ import annotations

import re
import ssl

from anyio import BrokenResourceError, EndOfStream
from coredis.exceptions import (
    AskError,
    ConnectionError,  # noqa: A004  the name in coredis
    InvalidResponse,
    MovedError,
    RedisError,
)
from coredis.parser import Parser

# "Not now", and another server may be the right server now: a failover, or a server that starts.
ELSEWHERE = frozenset(
    ["ASK", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MOVED", "NOREPLICAS", "READONLY", "UNBLOCKED"]
)
# "Not now", from the right server: a slow script, a disk that is full, a slot that moves.
HERE = frozenset(["BUSY", "MISCONF", "OOM", "TRYAGAIN"])
# "Not now" without a code: the text begins so.
NOT_NOW = ("max number of clients", "Script killed by user")
# A slot of a cluster began to move while a script ran, so the script may have run in part.
CUT_SHORT = (
    "Script attempted to access a non local key",
    "Script attempted to execute a",
)
# Of a connection that the server ended. A server that expects TLS may do so at the first command,
# which is no TLS.
CUT = (ConnectionResetError, BrokenResourceError, EndOfStream)
MAY_NEED_TLS = " (the server may speak TLS: use rediss://)"
# No more of an answer than this becomes part of an error.
LONGEST = 500


class UnreachableError(Exception):
    """No usable answer: whether the command ran is unknown, and another try may succeed."""


class UnavailableError(UnreachableError):
    """The command was not run, and another try may succeed.

    Args:
        text: of the error.
        elsewhere: whether another server may be the right server now.
    """

    def __init__(self, text: str, *, elsewhere: bool = True) -> None:
        super().__init__(text)
        self.elsewhere = elsewhere


class WritesRefusedError(UnavailableError):
    """The server works, but refuses to write for now."""


class OutOfMemoryError(WritesRefusedError):
    """The server is out of memory, and did not run a command that needs memory."""


class RedirectedError(UnavailableError):
    """Another node of the cluster has the keys of the command.

    Args:
        text: of the error.
        host: of the other node; empty for the host of the node that answered.
        port: of the other node.
        once: whether the other node has the keys for this command alone: the slot is moving.
    """

    def __init__(self, text: str, host: str, port: int, *, once: bool) -> None:
        super().__init__(text)
        self.host = host
        self.port = port
        self.once = once


class RefusedError(Exception):
    """The server answered with an error: the command was not run, and no retry succeeds."""


def judge(error: Exception, place: object, request: str) -> UnreachableError | RefusedError:
    """Return the error that tells a caller what an error of a request means.

    Args:
        error: of coredis, or what ended the connection.
        place: the address of the server.
        request: names the command and the key.
    """
    code, text = parts(error)
    told = f"{place}: {request}: {code} {text}" if code else f"{place}: {request}: {text}"
    if isinstance(error, AskError):
        once = not isinstance(error, MovedError)
        return RedirectedError(told, error.host, error.port, once=once)
    if code in ELSEWHERE or code in HERE or text.startswith(NOT_NOW):
        kind = WRITES_REFUSED.get(code, UnavailableError)
        return kind(told, elsewhere=code in ELSEWHERE)
    if text.startswith(CUT_SHORT) or not is_answer(error):
        return UnreachableError(told)
    return RefusedError(told)


def judge_connecting(
    error: Exception, place: object, *, plain: bool = False
) -> UnavailableError | RefusedError:
    """Return the error that tells a caller why a connection could not be opened.

    Args:
        error: of coredis.
        place: the address of the server.
        plain: whether the connection could use TLS, and does not.
    """
    code, text = parts(error)
    told = f"{code} {text}" if code else text
    not_now = code in ELSEWHERE or code in HERE or text.startswith(NOT_NOW)
    if code == "NOAUTH":
        return RefusedError(
            f"{place} refuses the connection: `url` has no password for it ({code})"
        )
    if is_answer(error) and not not_now:
        return RefusedError(f"{place} refuses the connection: {told}")
    if plain and isinstance(first_cause(error), CUT):
        told += MAY_NEED_TLS
    return UnavailableError(f"{place} cannot be reached: {told}")


def is_answer(error: Exception) -> bool:
    """Return whether an error was answered by a server, and is not a failure of the connection."""
    if code_of(error) == "NOPROTO":
        return True
    return isinstance(error, RedisError) and not isinstance(
        error, (ConnectionError, InvalidResponse)
    )


def parts(error: Exception) -> tuple[str, str]:
    """Return the code and the text of an error; the code is empty if there is none."""
    text = reason(error)
    if code := code_of(error):
        return code, text
    first, _, rest = text.partition(" ")
    if is_answer(error) and re.fullmatch("[A-Z]{3,}", first):
        return first, rest
    return "", text


def code_of(error: Exception) -> str:
    """Return the code from which coredis has made an error of this class, or nothing."""
    return _CODES.get(type(error), "")


def reason(error: BaseException) -> str:
    """Return the text of the error that was the first cause of an error."""
    told = str(error)
    while deeper := _deeper(error):
        error = deeper
        told = str(error) or told
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'reason', None) or told}"
    # A server repeats an unknown command with its arguments: one of them may be a password.
    text = (told or repr(error)).partition(", with args beginning with")[0][:LONGEST]
    if isinstance(error, InvalidResponse) and r"\x15" in text:
        text += MAY_NEED_TLS
    return text


def first_cause(error: BaseException) -> BaseException:
    """Return the error that was the first cause of an error."""
    while deeper := _deeper(error):
        error = deeper
    return error


def _deeper(error: BaseException) -> BaseException | None:
    # `exceptions` is of groups.
    deeper: BaseException | None = error.__cause__ or getattr(error, "exceptions", (None,))[0]
    return deeper


WRITES_REFUSED: dict[str, type[UnavailableError]] = {
    "NOREPLICAS": WritesRefusedError,
    "MISCONF": WritesRefusedError,
    "OOM": OutOfMemoryError,
}
_CODES: dict[type[Exception], str] = {
    kind: code for code, kind in Parser.EXCEPTION_CLASSES.items() if isinstance(kind, type)
}
