"""The arguments of a channel, checked."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Generic, TypeVar

from anycast._arguments import check_choice, check_int, check_seconds
from anycast._log import logger
from anycast.redis._backoff import exponential_backoff
from anycast.redis._codec import Codec, check_codec

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

DELIVERIES = ("at-least-once", "at-most-once")
# The least number of seconds that an argument may be. A lease is counted in milliseconds.
SHORTEST = 0.01
# With an infinite timeout, how many seconds leaving the channel may take.
LONGEST_FAREWELL = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Generic[T]):
    """The arguments of `RedisAnycast`, which says what each argument means.

    Raises:
        TypeError: if an argument has a wrong type.
        ValueError: if an argument has a wrong value.
    """

    limit: float
    codec: Codec[T]
    lease: float
    prefetch: int
    delivery: str
    max_deliveries: int | None
    retry_delay: float | Callable[[int], float]
    timeout: float

    def __post_init__(self) -> None:
        check_int("limit", self.limit, least=1, or_inf=True)
        check_codec(self.codec)
        check_seconds("lease", self.lease, least=SHORTEST)
        check_int("prefetch", self.prefetch, least=0)
        check_choice("delivery", self.delivery, DELIVERIES)
        if self.max_deliveries is not None:
            check_int("max_deliveries", self.max_deliveries, least=1)
        if not callable(self.retry_delay):
            check_seconds("retry_delay", self.retry_delay, least=0)
        check_seconds("timeout", self.timeout, least=SHORTEST, or_inf=True)

    @property
    def at_most_once(self) -> bool:
        """Whether a message is acknowledged before it is handed over."""
        return self.delivery == DELIVERIES[1]

    @property
    def lease_ms(self) -> int:
        """The lease in milliseconds, as scripts expect the lease."""
        return int(self.lease * 1000)

    def pause_after(self, deliveries: int) -> float:
        """Return for how many seconds a message that failed waits, after so many deliveries.

        A function of the program that fails, or that returns no usable number, must not stop
        the settlements. Then the default applies, and the fault is logged.
        """
        if not callable(self.retry_delay):
            return self.retry_delay
        try:
            pause = self.retry_delay(deliveries)
            check_seconds("retry_delay(deliveries)", pause, least=0)
        except Exception:  # noqa: BLE001  the function may raise any exception
            logger.exception("`retry_delay` failed, so the default applies")
            return exponential_backoff(deliveries)
        return pause

    @property
    def most_deliveries(self) -> int:
        """How often a message is delivered at most, as scripts expect the bound: 0 for none."""
        return self.max_deliveries or 0

    @property
    def patience(self) -> float:
        """How many seconds to wait for one answer: half the timeout leaves time for a retry."""
        return self.farewell / 2

    @property
    def farewell(self) -> float:
        """How many seconds leaving the channel may take: the timeout, unless that is infinite."""
        return LONGEST_FAREWELL if self.timeout == inf else self.timeout


def setting_text(name: str, stored: bytes) -> str:
    """Return a setting as users write the argument, from the form that scripts expect."""
    text = stored.decode()
    if name == "lease":
        return f"{int(text) / 1000:g} s"
    return "None" if (name, text) == ("max_deliveries", "0") else text


def check_redis_name(value: object) -> None:
    """Check that a name can be part of keys: a closing brace would end the hash tag early."""
    if not isinstance(value, str):
        raise TypeError(f"`name` must be a str, not {value!r}")
    if not value or "}" in value:
        raise ValueError(f"`name` must not be empty, nor contain '}}', not {value!r}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"`name` must be text that UTF-8 can encode, not {value!r}")
