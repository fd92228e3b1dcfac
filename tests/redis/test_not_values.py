"""Channels on a server, their endpoints, operations and leases cannot be copied or pickled."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from anycast import ReceiverError, SenderError, merge
from helpers import raises
from redis_tools import channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import Server

COPIES: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, pickle.dumps]


def text(name: str) -> str:
    """Return the text of the error for an object with a name."""
    return (
        f"{name} cannot be copied or pickled: a copy would be cut off from the channel."
        " Within a process, pass the object itself. Between processes, make an"
        " `anycast.redis.RedisAnycast` with the same name in each process."
    )


@pytest.mark.parametrize("how", COPIES)
def test_no_copy_is_made(how: Callable[[Any], Any], server: Server) -> None:
    """A TypeError names the object, says why, and says what to use."""
    jobs = channel(server, "jobs")
    receiver = jobs.new_receiver()
    mapped = receiver.map(str)
    for thing, name in {
        jobs: "RedisAnycast:jobs",
        jobs.new_sender(): "RedisAnycast:jobs:_Sender",
        receiver: "RedisAnycast:jobs:_Receiver",
        receiver.receiving(): "ReceiveOperation of RedisAnycast:jobs:_Receiver",
        receiver.lease(): "RedisLease of RedisAnycast:jobs:_Receiver",
        mapped: "map(RedisAnycast:jobs:_Receiver)",
        mapped.receiving(): "MapOperation of map(RedisAnycast:jobs:_Receiver)",
        mapped.lease(): "Lease of map(RedisAnycast:jobs:_Receiver)",
        merge(receiver, mapped): (
            "merge(RedisAnycast:jobs:_Receiver, map(RedisAnycast:jobs:_Receiver))"
        ),
    }.items():
        with raises(TypeError, text(name)):
            how(thing)


def test_errors_are_pickled(server: Server) -> None:
    """The attribute that named an endpoint becomes the text of the endpoint."""
    jobs = channel(server, "jobs")
    sender = pickle.loads(pickle.dumps(SenderError("no", jobs.new_sender())))  # noqa: S301  ours
    assert (str(sender), sender.sender) == ("no", "RedisAnycast:jobs:_Sender")
    receiver = pickle.loads(pickle.dumps(ReceiverError("no", jobs.new_receiver())))  # noqa: S301
    assert (str(receiver), receiver.receiver) == ("no", "RedisAnycast:jobs:_Receiver")
