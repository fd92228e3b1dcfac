"""A link outside of a session: for what is asked or told without taking part in a channel.

The connection of the link runs in a task of its own, as the tasks of a session do. So the link can
be opened in one task and closed in another task.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Self

from anyio import CancelScope, Event, create_task_group, sleep_forever

from anycast._log import logger
from anycast.redis._home import Home, find_home
from anycast.redis._link import Link
from anycast.redis._options import LONGEST_FAREWELL

if TYPE_CHECKING:
    from types import TracebackType

    from anycast.redis._link import Server


class StandaloneLink:
    """Opens a link on entering, closes the link on leaving, and connects at the first call.

    Args:
        server: the server to connect to.
        user: what uses the link, for errors.
        timeout: how many seconds the server may be away. An answer may take half of that, so there
            is time for another try.
    """

    def __init__(self, server: Server, user: object, timeout: float) -> None:
        self._server = server
        self._user = user
        self._patience = (LONGEST_FAREWELL if timeout == inf else timeout) / 2
        # None before the link is opened, and after the link was closed.
        self._link: Link | None = None
        self._home: Home
        # Set once the task of the connection has begun, and once the task has ended.
        self._begun: Event
        self._over: Event
        # Cancelled when the link is closed: ends the task of the connection.
        self._scope: CancelScope

    @property
    def link(self) -> Link:
        """The link.

        Raises:
            RuntimeError: if the link is not open, or was opened in another event loop or process.
        """
        if self._link is None:
            raise RuntimeError(f"{self._user} can be used only within `async with`")
        self._home.check(self._user)
        return self._link

    async def __aenter__(self) -> Self:
        self._home, self._scope = find_home(), CancelScope()
        self._begun, self._over = Event(), Event()
        self._home.start(self._run, self._end)
        try:
            # The task begins in the next turn of the event loop.
            await self._begun.wait()
        except BaseException:
            self._scope.cancel()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._scope.cancel()
        with CancelScope(shield=True):
            await self._over.wait()

    async def _run(self) -> None:
        try:
            with self._scope:
                async with create_task_group() as connections:
                    self._link = Link(self._server, connections, self._patience)
                    self._begun.set()
                    await sleep_forever()
        except Exception:  # noqa: BLE001  nothing else would see the error
            self._link = None
            logger.exception("%s: a fault of anycast itself", self._user)

    def _end(self) -> None:
        self._begun.set()  # again: the task may have been cancelled before it began
        self._over.set()
