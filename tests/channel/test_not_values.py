"""Channels, endpoints, operations and leases are no values: they cannot be copied or pickled."""

from __future__ import annotations

import copy
import dataclasses
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from anycast import Anycast, Channel, Sender, merge
from combinations import Foreign, everything, same
from helpers import begin, task_group
from pool_jobs import identity, make_channel

if TYPE_CHECKING:
    from collections.abc import Callable


def text(name: str) -> str:
    """Return the text of the error for an object with a name."""
    return (
        f"{name} cannot be copied or pickled: a copy would be cut off from the channel."
        " Within a process, pass the object itself. Between processes, make an"
        " `anycast.redis.RedisAnycast` with the same name in each process."
    )


def refused(name: str) -> pytest.RaisesExc[TypeError]:
    """Expect an error for an object with a name. From Python 3.14 on, `pickle` adds notes to it."""
    return pytest.raises(
        TypeError, check=lambda raised: type(raised) is TypeError and str(raised) == text(name)
    )


@dataclasses.dataclass
class Job:
    """A dataclass with a reference to something."""

    reference: Any


CHANNEL = Anycast[int](name="jobs")
SENDER, RECEIVER = CHANNEL.new_sender(), CHANNEL.new_receiver()
MAPPED, FILTERED = RECEIVER.map(same), RECEIVER.filter(everything)
MERGED = merge(RECEIVER, MAPPED)
NAMES: dict[Any, str] = {
    CHANNEL: "Anycast:jobs",
    SENDER: "Anycast:jobs:_Sender",
    RECEIVER: "Anycast:jobs:_Receiver",
    MAPPED: "map(Anycast:jobs:_Receiver)",
    FILTERED: "filter(Anycast:jobs:_Receiver)",
    MERGED: "merge(Anycast:jobs:_Receiver, map(Anycast:jobs:_Receiver))",
    SENDER.sending(1): "SendOperation of Anycast:jobs:_Sender",
    RECEIVER.receiving(): "ReceiveOperation of Anycast:jobs:_Receiver",
    MAPPED.receiving(): "MapOperation of map(Anycast:jobs:_Receiver)",
    FILTERED.receiving(): "FilterOperation of filter(Anycast:jobs:_Receiver)",
    MERGED.receiving(): f"MergeOperation of {MERGED}",
    RECEIVER.lease(): "Lease of Anycast:jobs:_Receiver",
    MAPPED.lease(): "Lease of map(Anycast:jobs:_Receiver)",
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of a list": lambda thing: copy.deepcopy([thing]),
    "asdict": lambda thing: dataclasses.asdict(Job(thing)),
    "astuple": lambda thing: dataclasses.astuple(Job(thing)),
    "pickle of a partial": lambda thing: pickle.dumps(partial(identity, thing)),
    **{
        f"pickle {protocol}": partial(pickle.dumps, protocol=protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}
every_thing = pytest.mark.parametrize(("thing", "name"), NAMES.items(), ids=NAMES.values())
every_copy = pytest.mark.parametrize("how", COPIES.values(), ids=COPIES)


@every_thing
@every_copy
def test_no_copy_is_made(thing: Any, name: str, how: Callable[[Any], Any]) -> None:
    """A TypeError names the object, the reason, and an alternative."""
    with refused(name):
        how(thing)


@pytest.mark.parametrize("method", ["send", "send_nowait", "clone", "close"])
def test_a_method_cannot_be_pickled(method: str) -> None:
    """A bound method cannot be pickled, since its sender cannot be pickled."""
    with refused("Anycast:jobs:_Sender"):
        pickle.dumps(getattr(SENDER, method))


@pytest.mark.anyio
async def test_after_a_wait() -> None:
    """A channel that has waiting tasks, and knows its event loop, gives the same error."""
    channel = Anycast[int](name="used")
    receiver = channel.new_receiver()
    async with task_group() as tasks:
        waiting = await begin(tasks, receiver.receive)
        for thing, name in ((channel, "Anycast:used"), (receiver, "Anycast:used:_Receiver")):
            with refused(name):
                pickle.dumps(thing)
        waiting.cancel()


@pytest.mark.anyio
async def test_a_lease_in_use() -> None:
    """A lease that holds a message cannot be copied, and the message stays safe."""
    channel = Anycast[int](name="used")
    channel.new_sender().send_nowait(1)
    lease = channel.new_receiver().lease()
    async with lease:
        with refused("Lease of Anycast:used:_Receiver"):
            copy.copy(lease)
    assert channel.statistics().messages_received == 1


def test_subclasses() -> None:
    """A channel of a user's own class and a derived receiver cannot be copied."""

    class Numbers(Anycast[int]):
        """A channel of a user's own class."""

    with refused("Numbers:one"):
        copy.deepcopy(Numbers(name="one"))
    foreign = Foreign(RECEIVER)
    with refused(str(foreign)):
        copy.copy(foreign)


class Named(Anycast[int]):
    """A channel whose copy is found by the name."""

    def __reduce__(self) -> Any:
        return find, (self.name,)


def find(name: str) -> Channel[int]:
    """Find a channel."""
    assert name == "named"
    return NAMED


NAMED = Named(name="named")


def test_a_subclass_that_knows_better() -> None:
    """A user's own class can define how it is copied."""
    assert copy.copy(NAMED) is NAMED
    assert copy.deepcopy([NAMED]) == [NAMED]
    assert [Named.__reduce__(NAMED)] == [(find, ("named",))]


def test_kinds_are_values() -> None:
    """The classes themselves, also with a type argument, can be copied and pickled."""
    for kind in (Anycast, Anycast[int], Sender[str]):
        assert pickle.loads(pickle.dumps(kind)) == kind  # noqa: S301  written here
        assert copy.deepcopy(kind) == kind


def test_a_process_pool() -> None:
    """A pool is given no sender, and gives back no channel; then the pool goes on."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        with refused("Anycast:jobs:_Sender"):
            pool.submit(identity, SENDER).result()
        with refused("Anycast:jobs"):
            pool.submit(make_channel).result()
        assert pool.submit(identity, 1).result() == 1
