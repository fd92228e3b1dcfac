"""When a script is tried again, and when the channel gives up."""

from __future__ import annotations

import pytest
from anyio import fail_after

from anycast.redis._answers import UnreachableError, WritesRefusedError
from anycast.redis._outages import Outages
from anycast.redis._retries import Retries
from redis_tools import DEADLINE

pytestmark = pytest.mark.anyio


async def test_a_server_that_refuses_to_write() -> None:
    """A script that stores no message waits for longer than the timeout, and a send does not."""
    refused = WritesRefusedError("NOREPLICAS")
    with fail_after(DEADLINE):
        await Retries(0.0, Outages("jobs")).pause(refused)
        with pytest.raises(WritesRefusedError):
            await Retries(0.0, Outages("jobs"), sends=True).pause(refused)


async def test_a_server_that_is_away_for_too_long() -> None:
    """The error is raised when the time is over."""
    with fail_after(DEADLINE):
        await Retries(60.0, Outages("jobs")).pause(UnreachableError("gone"))
        with pytest.raises(UnreachableError, match="gone"):
            await Retries(0.0, Outages("jobs")).pause(UnreachableError("gone"))
