"""What other libraries call the same things: an error for such a name tells the name here.

Whoever comes from another queue or channel writes ``maxsize=10`` or `channel.put`, and iterates
over the channel itself. Three tools explain such a call:

- `explained` is for functions: a wrong keyword raises a `TypeError` that names the right one.
- `ChannelNames`, `SenderNames`, `ReceiverNames`, `LeaseNames` and `StatisticsNames` are for
  classes: a wrong attribute raises an `AttributeError` that tells what to use. They come last among
  the base classes, so a class that has the attribute, from whatever base class, keeps the
  attribute.
- `AsyncBlock` is for classes with ``async with``: a plain ``with`` raises a `TypeError`.

A right attribute pays nothing for this. A ``__getattr__`` would do the same, but Python reads
every attribute of a class with ``__getattr__`` more slowly. `explained` adds a call to a call, so
only the functions that make a channel, or a receiver with options, have it.

The ``__await__`` of a channel stays undefined: a program that awaits whatever can be awaited would
take a channel for a coroutine.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
K = TypeVar("K", bound=type[Any])

# Our keywords, by the keywords of `asyncio.Queue`, anyio, trio, `deque`, frequenz, Kotlin and the
# clients of Redis.
KEYWORDS = {
    "buffer_size": "limit",
    "capacity": "limit",
    "db": "url",
    "host": "url",
    "max_buffer_size": "limit",
    "max_size": "limit",
    "maxlen": "limit",
    "maxsize": "limit",
    "on_buffer_overflow": "overflow",
    "password": "url",
    "port": "url",
    "resend_latest": "replay",
    "size": "limit",
    "ssl": "url",
    "username": "url",
}

# What programs give as the type of the messages: ``str``, ``dict[str, int]``, ``str | None``.
TYPES = type, GenericAlias, UnionType

# How other libraries ask how many messages are stored: a channel and each endpoint can tell.
STORED = dict.fromkeys(("empty", "full", "qsize"), "statistics().current_buffer_used")


def explained(function: Callable[P, R]) -> Callable[P, R]:
    """Let a call with wrong arguments raise a `TypeError` that names the right arguments."""

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        try:
            return function(*args, **options)
        except TypeError:
            _check_call(function, args, options)
            raise

    return call


def _check_call(
    function: Callable[..., Any], args: tuple[object, ...], options: dict[str, object]
) -> None:
    """Raise if a call has an argument that the function does not have.

    No value but an int is shown: the value may be a URL with a password.
    """
    spec = inspect.getfullargspec(function)
    names = [*spec.args[1:], *spec.kwonlyargs]  # without `self` or `cls`
    name = function.__qualname__.replace(".__init__", "").replace(".__new__", "")
    for stranger in (option for option in options if option not in names):
        known = KEYWORDS.get(stranger)
        use = f"use `{known}`" if known in names else f"the arguments are {_listed(names)}"
        if stranger == "maxsize" and options[stranger] == 0:  # for no limit, in `asyncio.Queue`
            use += ", and `math.inf` for no limit"
        if stranger == "ssl" and known in names and options[stranger] is True:
            use += " with `rediss://`"
        raise TypeError(f"`{name}` has no argument `{stranger}`: {use}") from None
    first = args[1] if len(args) > 1 else None
    if isinstance(first, TYPES) and function.__name__ in {"__init__", "__new__"}:
        text = f"`{name}` takes the type of the messages in brackets: use `{name}[...]`"
        raise TypeError(text) from None
    if len(args) > len(spec.args):
        stray = args[len(spec.args)]
        text = f"`{name}` takes no {type(stray).__name__} without a keyword:"
        if type(stray) is int and "limit" in spec.kwonlyargs:
            raise TypeError(f"{text} write `limit={stray}`") from None
        raise TypeError(f"{text} the keywords are {_listed(spec.kwonlyargs)}") from None


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


class OtherName:
    """An attribute of other libraries. To read the attribute from an instance raises.

    Args:
        name: of the attribute.
        hint: what to do here.
    """

    def __init__(self, name: str, hint: str) -> None:
        self.name = name
        self.hint = hint
        self.__doc__ = f"A name of other libraries: {hint}."

    def __get__(self, instance: object | None, owner: type[Any]) -> OtherName:
        if instance is None:
            return self  # as a property does
        raise AttributeError(f"`{owner.__name__}` has no `{self.name}`: {self.hint}")

    def __repr__(self) -> str:
        return f"<a name of other libraries: {self.hint}>"


def hints(**by_name: str) -> Callable[[K], K]:
    """Return a decorator that explains, for a class, the names that other libraries have.

    The attributes are set here, and not written into the class: a type checker reports them.

    Args:
        by_name: what to do here, by the names in other libraries.
    """

    def decorate(kind: K) -> K:
        for name, hint in by_name.items():
            setattr(kind, name, OtherName(name, hint))
        return kind

    return decorate


def other_names(**ours: str) -> Callable[[K], K]:
    """Return the decorator `hints` for names that have a counterpart here.

    Args:
        ours: what to use, by the names in other libraries.
    """
    return hints(**{name: f"use `{use}`" for name, use in ours.items()})


class OtherNames:
    """Base class of the classes with names of other libraries: `dir` leaves these names out."""

    __slots__ = ()

    def __dir__(self) -> Iterable[str]:
        kind = type(self)
        named = super().__dir__()
        return [name for name in named if not isinstance(getattr(kind, name, None), OtherName)]


class AsyncBlock:
    """Base class of what has ``async with`` alone: a plain ``with`` raises, and says so."""

    __slots__ = ()

    if not TYPE_CHECKING:  # a type checker reports the plain `with` itself

        def __enter__(self) -> NoReturn:
            raise TypeError(f"use `async with` for {self}, not a plain `with`")

        # Python asks for both methods before it calls the first. With None, `isinstance` does not
        # take this for a context manager.
        __exit__ = None


def _refuse_async_for(end: object) -> NoReturn:
    """Raise for a loop over what is no receiver: used as a method."""
    raise TypeError(
        f"{end} cannot be iterated over: use `async for message in channel.new_receiver()`"
    )


@other_names(
    **STORED,
    clone="new_sender()` or `new_receiver()",
    get="new_receiver().receive()",
    get_nowait="new_receiver().receive_nowait()",
    lease="new_receiver().lease()",
    maxsize="limit",
    publish="new_sender().send(message)",
    put="new_sender().send(message)",
    put_nowait="new_sender().send_nowait(message)",
    receive="new_receiver().receive()",
    receive_many="new_receiver().receive_many(max_messages)",
    receive_nowait="new_receiver().receive_nowait()",
    receiving="new_receiver().receiving()",
    send="new_sender().send(message)",
    send_many="new_sender().send_many(messages)",
    send_nowait="new_sender().send_nowait(message)",
    sending="new_sender().sending(message)",
    shutdown="close()",
    subscribe="new_receiver()",
    task_done="new_receiver().lease()",
)
class ChannelNames(OtherNames, AsyncBlock):
    """The last base class of a channel."""

    if not TYPE_CHECKING:  # a type checker reports these uses itself
        __aiter__ = _refuse_async_for

        # Python calls this to unpack, and for a loop without `async`. With `__iter__` in its place,
        # `isinstance` would take a channel for an iterable.
        def __getitem__(self, _: object) -> NoReturn:
            raise TypeError(
                f"{self} cannot be iterated over or unpacked: use `async for message in"
                " channel.new_receiver()` to receive, and `open_channel` for a pair of two ends"
            )

        def __len__(self) -> NoReturn:
            raise TypeError(f"{self} has no length: use `statistics().current_buffer_used`")

        def __bool__(self) -> bool:
            """Return True: without this method Python would ask for the length."""
            return True


@other_names(
    **STORED,
    get="channel.new_receiver().receive()",
    join="channel.join()",
    publish="send(message)",
    put="send(message)",
    put_nowait="send_nowait(message)",
    receive="channel.new_receiver().receive()",
    shutdown="channel.close()",
    task_done="channel.new_receiver().lease()",
)
class SenderNames(OtherNames):
    """The last base class of a sender."""

    if not TYPE_CHECKING:  # a type checker reports this use itself
        __aiter__ = _refuse_async_for


@other_names(
    **STORED,
    **dict.fromkeys(("ack", "nack", "reject", "task_done"), "lease()"),
    get="receive()",
    get_nowait="receive_nowait()",
    join="channel.join()",
    publish="channel.new_sender().send(message)",
    put="channel.new_sender().send(message)",
    send="channel.new_sender().send(message)",
    shutdown="channel.close()",
)
class ReceiverNames(OtherNames):
    """The last base class of a receiver."""

    if not TYPE_CHECKING:  # a type checker reports this use itself
        # As `ChannelNames.__getitem__`.
        def __getitem__(self, _: object) -> NoReturn:
            raise TypeError(f"{self} needs `async for`, not a plain `for`")


@hints(
    **dict.fromkeys(("ack", "task_done"), "the message is done when the block ends normally"),
    **dict.fromkeys(("nack", "reject"), "let an exception leave the block"),
)
class LeaseNames(OtherNames, AsyncBlock):
    """The last base class of a lease."""

    __slots__ = ()

    if not TYPE_CHECKING:  # a type checker reports these uses itself

        def __await__(self) -> NoReturn:
            raise TypeError(f"use `async with` for {self}, not `await`")

        def __aiter__(self) -> NoReturn:
            raise TypeError(f"use `async with` for {self}, not `async for`")


@other_names(
    open_receive_channels="open_receivers",
    open_receive_streams="open_receivers",
    open_send_channels="open_senders",
    open_send_streams="open_senders",
)
class StatisticsNames(OtherNames):
    """The last base class of statistics."""

    __slots__ = ()
