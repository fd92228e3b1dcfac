"""The options of a receiver of a broadcast channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from anycast._arguments import check_bool, check_choice, check_int

OVERFLOWS: Final = ("block", "drop_oldest")


@dataclass(frozen=True, slots=True)
class ReceiverOptions:
    """What a receiver does when messages come faster than the receiver takes them.

    Raises:
        TypeError: if an option has a wrong type.
        ValueError: if an option has a wrong value.
    """

    # How many unread messages the receiver has at most.
    limit: float
    # What happens at the limit: senders wait, or the oldest unread message is lost.
    overflow: str
    # Whether a receive raises where messages were lost.
    raise_on_lag: bool
    # With how many of the last messages the receiver starts, at most.
    replay: float

    def __post_init__(self) -> None:
        check_int("limit", self.limit, least=1, or_inf=True)
        check_choice("overflow", self.overflow, OVERFLOWS)
        check_bool("raise_on_lag", self.raise_on_lag)
        check_int("replay", self.replay, least=0, or_inf=True)

    @property
    def drops(self) -> bool:
        """Whether the receiver loses messages, and never blocks a sender."""
        return self.overflow == "drop_oldest"

    def changed(
        self,
        limit: float | None,
        overflow: str | None,
        raise_on_lag: bool | None,  # noqa: FBT001  an option like the others
        replay: float | None,
    ) -> ReceiverOptions:
        """Return these options with some changes. None leaves an option as it is.

        Raises:
            ValueError: also if ``replay`` is more than the channel keeps.
        """
        options = ReceiverOptions(
            self.limit if limit is None else limit,
            self.overflow if overflow is None else overflow,
            self.raise_on_lag if raise_on_lag is None else raise_on_lag,
            self.replay if replay is None else replay,
        )
        if options.replay > self.replay:
            raise ValueError(
                f"`replay` must be <= {self.replay}, which the channel keeps,"
                f" not {options.replay!r}"
            )
        return options
