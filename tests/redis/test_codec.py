"""Codecs: what is a codec, and what becomes of a message that a codec encodes badly."""

from __future__ import annotations

import base64
import json
from collections import deque
from typing import TYPE_CHECKING, Any, cast

import msgspec.json
import pytest
from anyio import fail_after

from anycast.redis import Codec, RedisAnycast, json_codec
from helpers import raises, task_group
from redis_tools import DEADLINE, channel, stored

if TYPE_CHECKING:
    from servers import Server

URL = "redis://localhost"


class Utf8:
    """A codec that can be made to return something else than bytes."""

    def __init__(self, **results: object) -> None:
        self._results = results

    def encode(self, message: str) -> Any:
        return self._results.get(message, message.encode())

    def decode(self, body: bytes) -> str:
        return body.decode()


class Bytes(bytes): ...


class OnlyEncode:
    def encode(self, message: str) -> bytes:
        return message.encode()


class NotCallable(OnlyEncode):
    decode = "utf-8"


class TwoArguments(OnlyEncode):
    def decode(self, body: bytes, encoding: str) -> str:
        return body.decode(encoding)


class AsyncCodec(OnlyEncode):
    async def decode(self, body: bytes) -> str:
        return body.decode()


class Static:
    """A class that is itself a codec."""

    @staticmethod
    def encode(message: str) -> bytes:
        return message.encode()

    @staticmethod
    def decode(body: bytes) -> str:
        return body.decode()


class Native:
    """Has functions in C, which do not tell their parameters."""

    encode = bytes
    decode = str


@pytest.mark.parametrize(
    ("codec", "method"),
    [
        (cast("Any", json_codec), "encode"),
        (json, "encode"),
        (None, "encode"),
        ("json", "decode"),
        (b"json", "encode"),
        (str, "decode"),
        (json.JSONEncoder(), "decode"),
        (OnlyEncode(), "decode"),
        (NotCallable(), "decode"),
        (base64.b64encode, "encode"),
    ],
)
def test_what_is_no_codec(codec: Any, method: str) -> None:
    """A codec without one of the two methods is refused when the channel is made."""
    text = (
        f"`codec` must have methods `encode` and `decode`, but {codec!r} has no `{method}`:"
        " pass `json_codec(type_of_the_messages)`, or a `Codec`"
    )
    with raises(TypeError, text):
        RedisAnycast[Any](name="jobs", url=URL, codec=codec)


@pytest.mark.parametrize(
    ("codec", "call", "reason"),
    [
        (Utf8, "encode(self, message: 'str') -> 'Any'", "missing a required argument: 'message'"),
        (
            TwoArguments(),
            "decode(body: 'bytes', encoding: 'str') -> 'str'",
            "missing a required argument: 'encoding'",
        ),
        (base64, "encode(input, output)", "missing a required argument: 'output'"),
    ],
)
def test_methods_that_take_more(codec: Any, call: str, reason: str) -> None:
    """A method that needs further arguments is refused when the channel is made."""
    method = call.partition("(")[0]
    text = f"`codec.{method}` must take one argument, but `{call}` of {codec!r} does not: {reason}"
    with raises(TypeError, text):
        RedisAnycast[Any](name="jobs", url=URL, codec=codec)


def test_an_async_codec() -> None:
    """An async codec is refused when the channel is made: a channel awaits no codec."""
    with pytest.raises(TypeError, match=r"^`codec.decode` must be a plain function, but .* async"):
        RedisAnycast[Any](name="jobs", url=URL, codec=AsyncCodec())


@pytest.mark.parametrize("codec", [json_codec(int), Utf8(), Static, Native(), msgspec.json])
def test_what_is_a_codec(codec: Any) -> None:
    """Any object with the two methods is a codec: an instance, a class or a module."""
    assert RedisAnycast[Any](name="jobs", url=URL, codec=codec).name == "jobs"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "result",
    ["text", bytearray(b"x"), memoryview(b"x"), 5, 1.5, None, True, [b"x"], {"a": 1}, (b"x",)],
    ids=lambda result: type(result).__name__,
)
async def test_a_result_that_is_no_bytes(server: Server, name: str, result: object) -> None:
    """Only that send raises, and a send at the same time and a later send go on."""
    codec = Utf8(bad=result)
    sent: list[str] = []
    with fail_after(DEADLINE):
        async with channel(server, name, codec=codec) as jobs:
            sender, receiver = jobs.new_sender(), jobs.new_receiver()

            async def send(message: str) -> None:
                await sender.send(message)
                sent.append(message)

            async with task_group() as tasks:
                tasks.start_soon(send, "before")
                text = f"`Utf8.encode` must return bytes, not {type(result).__name__}"
                with raises(TypeError, text):
                    await sender.send("bad")
                tasks.start_soon(send, "after")
            assert sorted([await receiver.receive(), await receiver.receive()]) == sorted(sent)


@pytest.mark.anyio
async def test_a_result_in_a_batch_that_is_no_bytes(server: Server, name: str) -> None:
    """The messages before it are sent, and the message stays at the head of the deque."""
    messages = deque(["one", "two", "bad", "four"])
    with fail_after(DEADLINE):
        async with channel(server, name, codec=Utf8(bad="text")) as jobs:
            for _ in range(2):
                with raises(TypeError, "`Utf8.encode` must return bytes, not str"):
                    await jobs.new_sender().send_many(messages)
                assert list(messages) == ["bad", "four"]
    assert stored(server, name) == 2


@pytest.mark.anyio
async def test_a_subclass_of_bytes(server: Server, name: str) -> None:
    """A subclass of bytes is accepted as bytes."""
    with fail_after(DEADLINE):
        async with channel(server, name, codec=Utf8(good=Bytes(b"really"))) as jobs:
            await jobs.new_sender().send("good")
            assert await jobs.new_receiver().receive() == "really"


@pytest.mark.anyio
async def test_a_message_that_would_change(server: Server, name: str) -> None:
    """The send raises, and the message is not sent."""
    codec: Codec[Any] = json_codec(int)
    with fail_after(DEADLINE):
        async with channel(server, name, codec=codec) as jobs:
            with raises(TypeError, "the message is no int: Expected `int`, got `bool`"):
                await jobs.new_sender().send(True)  # noqa: FBT003
    assert stored(server, name) == 0
