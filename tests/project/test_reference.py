"""The reference is complete: each docstring is a contract."""

from __future__ import annotations

import pytest

import anycast
from anycast import Anycast
from reference import Documented, documented

HARMLESS = {
    f"{kind}.{method}"
    for kind in ("Anycast", "Broadcast", "Channel", "Receiver", "Sender")
    for method in ("aclose", "close", "new_receiver", "new_sender", "statistics")
} - {"Broadcast.new_receiver"} | {name for name in anycast.__all__ if name.endswith("Error")}


@pytest.mark.parametrize("member", documented(anycast), ids=lambda member: member.name)
def test_nothing_is_left_untold(member: Documented) -> None:
    """Arguments, units, results, errors, cancellation and an example are described."""
    assert member.untold(HARMLESS) == []


def test_public_members_are_found() -> None:
    """The members of a class and of its bases, and functions, are found, without foreign bases."""
    names = {member.name for member in documented(anycast)}
    assert {"Anycast", "Anycast.limit", "Anycast.aclose", "Operation.result", "merge"} <= names
    assert not {name for name in names if name.endswith((".extra", ".__init__"))}


def test_what_is_missing_is_found() -> None:
    """A docstring in which a required part is missing is found."""

    async def wait(limit: float, name: str) -> int:
        """Wait for a while."""
        raise NotImplementedError(limit, name)

    missing = ["limit", "name", "unit of limit", "Returns", "Raises", "cancellation", "example"]
    assert Documented("wait", wait).untold(set()) == missing


def test_who_tells_of_errors_that_cannot_be_is_found() -> None:
    """A docstring with errors that the function cannot raise is found."""
    assert Documented("Anycast", Anycast).untold({"Anycast"}) == ["Raises"]
