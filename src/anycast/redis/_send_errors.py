"""The errors of sends: what they say, and what caused them.

An error names the sender that raises the error, and a single failure can fail the sends of many
senders. So most functions here return a factory, which makes the error for a given sender.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from anycast._interface.errors import (
    ChannelClosedError,
    ChannelError,
    SenderClosedError,
    SenderError,
    cannot_send,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from anycast._interface.channel import Channel
    from anycast._interface.sender import Sender

    ErrorFactory: TypeAlias = Callable[[Sender[Any]], Exception]

ErrorT = TypeVar("ErrorT", bound=BaseException)

REOPEN = "run `python -m anycast.redis reopen`, and start this process again"


def caused(error: ErrorT, cause: BaseException | None) -> ErrorT:
    """Set the cause of an error, as ``raise error from cause`` does, and return the error."""
    error.__cause__ = cause
    return error


def sender_closed(sender: Sender[Any]) -> SenderError[Any]:
    """Make the error of a send through a closed sender."""
    return SenderClosedError(sender)


def channel_closed(channel: Channel[Any], *, elsewhere: bool = False) -> ErrorFactory:
    """Return a factory for the errors of sends into a closed channel.

    Args:
        channel: the closed channel.
        elsewhere: whether something else than this process closed the channel, perhaps by mistake.
    """

    def make(sender: Sender[Any]) -> SenderError[Any]:
        text = cannot_send(sender)
        if elsewhere:
            text += f", by another process or by an operator: to take the close back, {REOPEN}"
        return caused(SenderError(text, sender), ChannelClosedError(channel))

    return make


def session_ended(reason: ChannelError[Any]) -> ErrorFactory:
    """Return a factory for the errors of sends that were not tried: the session has ended."""

    def make(sender: Sender[Any]) -> SenderError[Any]:
        return caused(SenderError(f"{sender} cannot send: {reason}", sender), reason)

    return make


def refused(error: Exception) -> ErrorFactory:
    """Return a factory for the errors of sends that the server answered with an error."""

    def make(sender: Sender[Any]) -> SenderError[Any]:
        return caused(SenderError(f"{sender} could not send: {error}", sender), error)

    return make


def outcome_unknown(error: Exception) -> ErrorFactory:
    """Return a factory for the errors of sends whose outcome is unknown."""

    def make(sender: Sender[Any]) -> SenderError[Any]:
        text = f"{sender} does not know whether its message was stored: {error}"
        return caused(SenderError(text, sender), error)

    return make
