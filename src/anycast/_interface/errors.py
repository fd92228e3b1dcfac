"""What can go wrong, under the names of `frequenz.channels` and of `anyio` at once.

Code written for either catches these: a `SenderError` is an `anyio.BrokenResourceError`,
a `ReceiverStoppedError` an `anyio.EndOfStream`, and each is an `Error`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio

if TYPE_CHECKING:
    import typing_extensions

    from anycast._interface.channel import Channel
    from anycast._interface.receiver import Receiver
    from anycast._interface.sender import Sender

    # Whoever writes ``except SenderError`` cannot say of what; a default needs Python 3.13.
    T = typing_extensions.TypeVar("T", default=Any)
else:
    T = TypeVar("T")


class Error(RuntimeError):
    """The base of every error that this library defines.

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

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is copied by calling its class with its ``args``; but these are the
        # text, where the classes below are called with what the text is about.
        return type(self).__new__, (type(self), *self.args), self.__dict__


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
        message: what went wrong, for people.
        channel: where.
    """

    def __init__(self, message: str, channel: Channel[T]) -> None:
        super().__init__(message)
        self.channel: Channel[T] = channel
        """The channel in which that happened."""


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
    """A message could not be sent, and was not.

    The ``__cause__`` is a `ChannelClosedError` where a closed channel is the reason.

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
        message: what went wrong, for people.
        sender: the sender that was to send it.
    """

    def __init__(self, message: str, sender: Sender[T]) -> None:
        super().__init__(message)
        self.sender: Sender[T] = sender
        """The sender that was used."""


class SenderClosedError(SenderError[T], anyio.ClosedResourceError):
    """The sender itself was closed before or while it was used.

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
    """No message could be received, and none was taken.

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
        message: what went wrong, for people.
        receiver: the receiver that was used.
    """

    def __init__(self, message: str, receiver: Receiver[T]) -> None:
        super().__init__(message)
        self.receiver: Receiver[T] = receiver
        """The receiver that was used."""


class ReceiverStoppedError(ReceiverError[T], anyio.EndOfStream):
    """No message will come from this receiver any more.

    The ``__cause__`` is a `ChannelClosedError` at the end of the channel, and None where
    the receiver itself was closed. A loop with ``async for`` ends by this error, unseen.

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
        super().__init__(f"{receiver} has stopped", receiver)
