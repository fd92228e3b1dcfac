"""What everything that can be closed has in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from anyio.abc import AsyncResource

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Closing(AsyncResource):
    """Closed at once by `close`, by `aclose`, or on leaving ``async with``."""

    @abstractmethod
    def close(self) -> object:
        """Close; effective at once, and as good as once when called twice."""

    async def aclose(self) -> None:
        """Close; never yield, and so never raise a cancellation.

        So a task that is being cancelled can close as well.

        ```python
        import anyio
        from anycast import Anycast


        async def main() -> None:
            jobs = Anycast[str](auto_close=True)
            await jobs.new_sender().aclose()
            assert jobs.is_closed  # with its last sender


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
        """Close without yielding, so that nothing can come between an error and its handler."""
        self.close()


class ClosingEndpoint(Closing):
    """An endpoint of a channel, which a plain ``with`` closes too."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()


class ChannelEnd:
    """An endpoint of one channel, as logs and errors show it."""

    _channel: Any
    closed: bool

    def __str__(self) -> str:
        return f"{self._channel}:{type(self).__name__}"

    def __repr__(self) -> str:
        closed = ", closed" if self.closed else ""
        return f"{type(self).__name__}({self._channel!r}{closed})"
