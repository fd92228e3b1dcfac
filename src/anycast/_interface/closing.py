"""The base classes of channels, senders and receivers: how to close, and how logs show them."""

from __future__ import annotations

from abc import abstractmethod
from types import TracebackType
from typing import Any, Self

from anyio.abc import AsyncResource

from anycast._interface.not_a_value import NotAValue
from anycast._interface.statistics import ChannelStatistics


class Closing(NotAValue, AsyncResource):
    """Base class of what `close`, `aclose` and leaving ``async with`` close at once."""

    @abstractmethod
    def close(self) -> object:
        """Close at once. Closing is idempotent."""

    async def aclose(self) -> None:
        """Close, as `close` does. `aclose` never yields, and so never raises a cancellation.

        So a task that is being cancelled can call `aclose`, too.

        ```python
        import anyio
        from anycast import Anycast


        async def main() -> None:
            jobs = Anycast[str](auto_close=True)
            await jobs.new_sender().aclose()
            assert jobs.is_closed  # the last open sender was closed


        anyio.run(main)
        ```
        """
        self.close()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Close without a yield: a cancellation in the yield would replace the block's error."""
        self.close()


class ClosingEndpoint(Closing):
    """An endpoint of a channel. A plain ``with`` closes the endpoint, too."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()


class NamedEndpoint:
    """Gives an endpoint `str` and `repr`, and the statistics of its channel."""

    # The channel of the endpoint.
    _channel: Any
    # Whether the endpoint itself was closed. A closed channel leaves this False.
    closed: bool

    def statistics(self) -> ChannelStatistics:
        statistics: ChannelStatistics = self._channel.statistics()
        return statistics

    @property
    def _label(self) -> str:
        """What tells this endpoint from other endpoints of the channel."""
        return type(self).__name__

    def _details(self) -> str:
        """Return what `repr` shows of this endpoint, after the channel."""
        return ", closed" if self.closed else ""

    def __str__(self) -> str:
        return f"{self._channel}:{self._label}"

    def __repr__(self) -> str:
        return f"{self._label}({self._channel!r}{self._details()})"
