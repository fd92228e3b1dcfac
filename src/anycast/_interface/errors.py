"""The errors. Their names are those of `frequenz.channels`, and their base classes are of `anyio`.

So code that was written for either library catches these errors. A `SenderError` is also an
`anyio.BrokenResourceError`, and a `ReceiverStoppedError` is also an `anyio.EndOfStream`. The errors
of a closed endpoint are `anyio.ClosedResourceError`, too. `Error` is the base class of all errors.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import anyio

from anycast._interface.channel import Channel
from anycast._interface.not_a_value import NotAValue
from anycast._interface.receiver import Receiver
from anycast._interface.sender import Sender

if TYPE_CHECKING:
    import typing_extensions

    # ``except SenderError`` cannot name a type of messages, so T needs a default. `typing.TypeVar`
    # has defaults only from Python 3.13.
    T = typing_extensions.TypeVar("T", default=Any)
else:
    T = TypeVar("T")


class Error(RuntimeError):
    """The base of every error that this library defines.

    An error can be copied and pickled, and keeps its class, its text, its notes and its attributes,
    and a ``__cause__`` that is an `Error`. So an error can leave a process pool. A channel, a
    sender and a receiver cannot be pickled: a pickled error has a text in place of each such
    attribute, for example ``"Anycast:jobs:_Sender"``.

    ```python
    from anycast import Anycast, Error

    channel = Anycast[int]()
    channel.close()
    try:
        channel.new_sender().send_nowait(1)
    except Error as error:
        assert isinstance(error, RuntimeError)
    ```
    """

    # By default, `copy` and `pickle` call the class with ``args``. Here ``args`` is the text, but
    # the classes below are called with the objects that the text is about. So a copy is made by
    # ``__new__``, without a call of ``__init__``.

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = tuple([_picklable("", value) for value in self.args])
        state = {name: _picklable(name, value) for name, value in vars(self).items()}
        state["args"] = arguments  # an `OSError` whose class has an `__init__` is made without
        if isinstance(self.__cause__, Error):  # any other cause might fail to load
            state["__cause__"] = self.__cause__
        return _maker_of(type(self)), (type(self), *arguments), state

    def __copy__(self) -> Self:
        copied: Self = _maker_of(type(self))(type(self), *self.args)
        copied.args = self.args
        vars(copied).update(vars(self))
        copied.__cause__ = self.__cause__
        copied.__suppress_context__ = self.__suppress_context__
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        def deep(name: str, value: Any) -> Any:
            return value if _is_named(name, value) else deepcopy(value, memo)

        copied = memo[id(self)] = copy(self)
        copied.args = tuple([deep("", value) for value in self.args])
        vars(copied).update({name: deep(name, value) for name, value in vars(self).items()})
        return copied


def cannot_send(sender: Sender[Any]) -> str:
    """Return the text of the error of a send into a closed channel."""
    return f"{sender} cannot send: its channel is closed"


def _maker_of(kind: Any) -> Callable[..., Any]:
    """Return the function that makes an error without a call of a class written in Python."""
    while kind.__module__ != "builtins":
        kind = kind.__base__
    maker: Callable[..., Any] = kind.__new__
    return maker


def _is_named(name: str, value: object) -> bool:
    """Return whether an attribute names where an error happened. A copy names the same thing."""
    return isinstance(value, NotAValue) or name in {"channel", "sender", "receiver"}


def _picklable(name: str, value: Any) -> Any:
    """Return an attribute for the copy in another process: a text for what exists only here."""
    return str(value) if _is_named(name, value) else value


class ChannelError(Error, Generic[T]):
    """Something went wrong in a channel.

    ```python
    from anycast import Anycast, ChannelError, ReceiverStoppedError

    numbers = Anycast[int]()
    numbers.close()
    try:
        numbers.new_receiver().receive_nowait()
    except ReceiverStoppedError as error:
        assert isinstance(error.__cause__, ChannelError)
        assert error.__cause__.channel is numbers
    ```

    Args:
        message: the text of the error.
        channel: the channel in which the error happened.
    """

    def __init__(self, message: str, channel: Channel[T]) -> None:
        super().__init__(message)
        self.channel: Channel[T] = channel
        """The channel in which the error happened."""


class ChannelClosedError(ChannelError[T]):
    """The channel is closed: the cause of a `SenderError` or `ReceiverStoppedError`.

    ```python
    from anycast import Anycast, ChannelClosedError, SenderError

    numbers = Anycast[int](name="numbers")
    numbers.close()
    try:
        numbers.new_sender().send_nowait(1)
    except SenderError as error:
        assert isinstance(error.__cause__, ChannelClosedError)
        print(error.__cause__)
    ```

    ```output
    Anycast:numbers is closed
    ```

    Args:
        channel: the closed channel.
    """

    def __init__(self, channel: Channel[T]) -> None:
        super().__init__(f"{channel} is closed", channel)


class SenderError(Error, anyio.BrokenResourceError, Generic[T]):
    """A send failed, and its message was not sent.

    If a closed channel is the reason, the ``__cause__`` is a `ChannelClosedError`.

    ```python
    import anyio
    from anycast import Anycast, SenderError

    numbers = Anycast[int](name="numbers")
    sender = numbers.new_sender()
    numbers.close()
    try:
        sender.send_nowait(1)
    except SenderError as error:
        assert error.sender is sender
        assert isinstance(error, anyio.BrokenResourceError)
        print(error)
    ```

    ```output
    Anycast:numbers:_Sender cannot send: its channel is closed
    ```

    Args:
        message: the text of the error.
        sender: the sender that was used.
    """

    def __init__(self, message: str, sender: Sender[T]) -> None:
        super().__init__(message)
        self.sender: Sender[T] = sender
        """The sender that was used."""


class SenderClosedError(SenderError[T], anyio.ClosedResourceError):
    """The sender itself was closed, before the call or while the call was blocked.

    ```python
    import anyio
    from anycast import Anycast, SenderClosedError

    sender = Anycast[int]().new_sender()
    sender.close()
    try:
        sender.send_nowait(1)
    except SenderClosedError as error:
        assert isinstance(error, anyio.ClosedResourceError)
    ```

    Args:
        sender: the closed sender.
    """

    def __init__(self, sender: Sender[T]) -> None:
        super().__init__(f"{sender} is closed", sender)


class ReceiverError(Error, Generic[T]):
    """A receive failed, and has taken no message.

    ```python
    from anycast import Anycast, ReceiverError

    receiver = Anycast[int]().new_receiver()
    receiver.close()
    try:
        receiver.receive_nowait()
    except ReceiverError as error:
        assert error.receiver is receiver
    ```

    Args:
        message: the text of the error.
        receiver: the receiver that was used.
    """

    def __init__(self, message: str, receiver: Receiver[T]) -> None:
        super().__init__(message)
        self.receiver: Receiver[T] = receiver
        """The receiver that was used."""


class ReceiverStoppedError(ReceiverError[T], anyio.EndOfStream):
    """The receiver has stopped: the channel has ended, or the receiver itself was closed.

    At the end of the channel the ``__cause__`` is a `ChannelClosedError`, and a loop with
    ``async for`` ends without an error. If the receiver itself was closed, the error is a
    `ReceiverClosedError`, and ``async for`` raises the error, too.

    ```python
    import anyio
    from anycast import Anycast, ChannelClosedError, ReceiverStoppedError

    numbers = Anycast[int]()
    numbers.close()
    try:
        numbers.new_receiver().receive_nowait()
    except ReceiverStoppedError as error:
        assert isinstance(error, anyio.EndOfStream)
        assert isinstance(error.__cause__, ChannelClosedError)
    ```

    Args:
        receiver: the receiver that has stopped.
    """

    def __init__(self, receiver: Receiver[T]) -> None:
        super().__init__(f"{receiver} has stopped: no more messages will come", receiver)


class ReceiverClosedError(ReceiverStoppedError[T], anyio.ClosedResourceError):
    """The receiver itself was closed, before the call or while the call waited.

    The channel may have messages left, so ``async for`` raises this error, too. If the channel has
    also ended, the error is still this error. The ``__cause__`` is None.

    A receiver that `merge` made raises this error when all sources have stopped, and one of the
    sources stopped because the source was closed.

    ```python
    import anyio
    from anycast import Anycast, ReceiverClosedError

    receiver = Anycast[int](name="numbers").new_receiver()
    receiver.close()
    try:
        receiver.receive_nowait()
    except ReceiverClosedError as error:
        assert isinstance(error, anyio.ClosedResourceError)
        print(error)
    ```

    ```output
    Anycast:numbers:_Receiver is closed
    ```

    Args:
        receiver: the closed receiver.
    """

    def __init__(self, receiver: Receiver[T]) -> None:
        # The text is not that of a `ReceiverStoppedError`.
        ReceiverError.__init__(self, f"{receiver} is closed", receiver)


class ReceiverLaggedError(ReceiverError[T]):
    """The receiver was too slow, and has lost messages: only with ``overflow="drop_oldest"``.

    A receive raises this error once for each gap, at the place of the gap, and takes no message.
    The next receive gets the message after the gap. In ``async for`` the error ends the loop; a
    new loop over the same receiver goes on.

    ```python
    from anycast import Broadcast, ReceiverLaggedError

    news = Broadcast[str](limit=2, overflow="drop_oldest")
    sender, receiver = news.new_sender(), news.new_receiver()
    for item in ("rain", "wind", "snow"):
        sender.send_nowait(item)
    try:
        receiver.receive_nowait()
    except ReceiverLaggedError as error:
        assert error.lost == 1
    assert receiver.receive_nowait() == "wind"  # the oldest message that is left
    ```

    Args:
        receiver: the receiver that has lost messages.
        lost: how many messages were lost in this gap.
    """

    def __init__(self, receiver: Receiver[T], lost: int) -> None:
        messages = "message" if lost == 1 else "messages"
        super().__init__(f"{receiver} was too slow, and lost {lost} {messages}", receiver)
        self.lost: int = lost
        """How many messages were lost in this gap."""
