"""What everything that can be closed has in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from anyio.abc import AsyncResource
from anyio.lowlevel import checkpoint

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Closing(AsyncResource):
    """Closed at once by `close`, by `aclose`, or on leaving ``async with``."""

    @abstractmethod
    def close(self) -> object:
        """Close; effective at once, and as good as once when called twice."""

    async def aclose(self) -> None:
        """Close, then yield to the event loop.

        If the task is cancelled, this raises the event loop's cancellation, and it is
        closed even so.

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
        await checkpoint()

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
