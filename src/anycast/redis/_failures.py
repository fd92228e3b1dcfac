"""The errors of this library that tell what a server, or a connection to it, did.

Each function makes the error for one sender, since an error names the sender it happened to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from anycast._interface.errors import (
    ChannelClosedError,
    ChannelError,
    SenderClosedError,
    SenderError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from anycast._interface.channel import Channel
    from anycast._interface.sender import Sender

ErrorT = TypeVar("ErrorT", bound=BaseException)


def caused(error: ErrorT, cause: BaseException | None) -> ErrorT:
    """Return an error with its cause, as ``raise error from cause`` would set it."""
    error.__cause__ = cause
    return error


def sender_closed(sender: Sender[Any]) -> SenderError[Any]:
    """Return the error of a send through a closed sender."""
    return SenderClosedError(sender)


def closing(channel: Channel[Any]) -> Callable[[Sender[Any]], SenderError[Any]]:
    """Return what makes the error of a send into a closed channel."""

    def closed(sender: Sender[Any]) -> SenderError[Any]:
        text = f"{sender} cannot send: its channel is closed"
        return caused(SenderError(text, sender), ChannelClosedError(channel))

    return closed


def because(reason: ChannelError[Any]) -> Callable[[Sender[Any]], SenderError[Any]]:
    """Return what makes the error of a send that was not even tried."""

    def failed(sender: Sender[Any]) -> SenderError[Any]:
        return caused(SenderError(f"{sender} cannot send: {reason}", sender), reason)

    return failed


def refused(error: Exception) -> Callable[[Sender[Any]], SenderError[Any]]:
    """Return what makes the error of a send that the server answered with an error."""

    def failed(sender: Sender[Any]) -> SenderError[Any]:
        return caused(SenderError(f"{sender} could not send: {error}", sender), error)

    return failed


def unknown(error: Exception) -> Callable[[Sender[Any]], SenderError[Any]]:
    """Return what makes the error of a send whose outcome nobody knows."""

    def failed(sender: Sender[Any]) -> SenderError[Any]:
        text = f"{sender} does not know whether its message was stored: {error}"
        return caused(SenderError(text, sender), error)

    return failed
