"""Opening a channel: its arguments, what it finds on the server, and silent servers."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from anyio import (
    BrokenResourceError,
    CancelScope,
    ClosedResourceError,
    Event,
    create_tcp_listener,
    fail_after,
)

from anycast import ChannelError, SenderError, select
from anycast.redis import RedisAnycast, json_codec
from helpers import raises, task_group
from proxies import port_of
from redis_tools import DEADLINE, channel, key, until
from servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from anyio.abc import SocketStream

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"limit": 0}, ValueError, "`limit` must be >= 1, not 0"),
        ({"limit": "1"}, TypeError, "`limit` must be an int or math.inf, not '1'"),
        ({"prefetch": -1}, ValueError, "`prefetch` must be >= 0, not -1"),
        ({"lease": 0}, ValueError, "`lease` must be >= 0.01 and finite, not 0"),
        ({"lease": math.inf}, ValueError, "`lease` must be >= 0.01 and finite, not inf"),
        (
            {"timeout": None},
            TypeError,
            "`timeout` must be a number of seconds or math.inf, not None",
        ),
        (
            {"timeout": True},
            TypeError,
            "`timeout` must be a number of seconds or math.inf, not True",
        ),
        ({"max_deliveries": 0}, ValueError, "`max_deliveries` must be >= 1, not 0"),
        (
            {"delivery": "twice"},
            ValueError,
            "`delivery` must be 'at-least-once' or 'at-most-once', not 'twice'",
        ),
        (
            {"delivery": None},
            TypeError,
            "`delivery` must be 'at-least-once' or 'at-most-once', not None",
        ),
        ({"name": ""}, ValueError, "`name` must not be empty, nor contain '}', not ''"),
        ({"name": "a}b"}, ValueError, "`name` must not be empty, nor contain '}', not 'a}b'"),
        ({"name": None}, TypeError, "`name` must be a str, not None"),
        (
            {"name": "\udcff"},
            ValueError,
            "`name` must be text that UTF-8 can encode, not '\\udcff'",
        ),
    ],
)
def test_arguments(
    server: Server, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    """The error names the argument, the rule and the value, but never a password."""
    name = options.pop("name", "name")
    with raises(error, text):
        channel(server, name, **options)


def test_a_channel_may_be_made_anywhere(server: Server) -> None:
    """To make a channel needs neither an event loop nor a server."""
    jobs = channel(server, "jobs", limit=7)
    assert (jobs.name, jobs.limit, jobs.is_closed) == ("jobs", 7, False)
    assert str(jobs) == "RedisAnycast:jobs"
    assert repr(jobs) == (
        "RedisAnycast(name='jobs', limit=7):<"
        "current=0, waiting_send=0, waiting_receive=0, closed=False>"
    )


def test_an_argument_with_the_name_of_another_library() -> None:
    """The error names the argument of a channel on a server, and shows no value."""
    make: Any = RedisAnycast
    with raises(TypeError, "`RedisAnycast` has no argument `maxsize`: use `limit`"):
        make(maxsize=1)
    with raises(TypeError, "`RedisAnycast` has no argument `username`: use `url`"):
        make(username="worker")
    with raises(TypeError, "`RedisAnycast` has no argument `ssl`: use `url` with `rediss://`"):
        make(ssl=True)
    with pytest.raises(
        TypeError, match="takes no str without a keyword: the keywords are `name`"
    ) as at:
        make("redis://:password@localhost")
    assert "password" not in str(at.value)


async def test_reprs(server: Server, name: str) -> None:
    """Operations and leases tell whose they are, and their state; the codec tells the type."""
    assert repr(json_codec(int)) == "json_codec(int)"
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs:
            sender, receiver = jobs.new_sender(), jobs.new_receiver()
            await sender.send("a large secret")
            receiving, lease = receiver.receiving(), receiver.lease()
            assert repr(receiving) == f"<ReceiveOperation of {receiver}: has not happened>"
            assert repr(lease) == f"<RedisLease of {receiver}: not entered>"
            async with lease:
                assert repr(lease) == f"<RedisLease of {receiver}: a message is held, deliveries=1>"
            assert repr(lease) == f"<RedisLease of {receiver}: the block has ended, deliveries=1>"
            closed = jobs.close()
            assert repr(closed).startswith("<closed in this process: ")
            await closed


@pytest.mark.parametrize(
    ("setting", "value", "shown"),
    [
        ("limit", 7, "`limit` is 1000 at the server, and not 7"),
        ("lease", 1.5, "`lease` is 30 s at the server, and not 1.5 s"),
        ("max_deliveries", None, "`max_deliveries` is 7 at the server, and not None"),
        ("max_deliveries", 2, "`max_deliveries` is 7 at the server, and not 2"),
    ],
)
async def test_the_settings_that_are_stored_win(  # noqa: PLR0913, PLR0917  three parameters
    server: Server,
    name: str,
    caplog: pytest.LogCaptureFixture,
    setting: str,
    value: object,
    shown: str,
) -> None:
    """A process that was told another value uses the stored value, and logs both."""
    with fail_after(DEADLINE), caplog.at_level(logging.WARNING, "anycast"):
        async with channel(server, name):
            pass
        assert not caplog.messages
        async with channel(server, name, **{setting: value}) as jobs:
            assert jobs.limit == 1000
            assert jobs._session.leases.seconds == 30
        assert [f"RedisAnycast:{name}: {shown} as this process was told"] == caplog.messages


async def test_an_operator_changes_the_limit(server: Server, name: str) -> None:
    """The channel learns of that at the next beat of the heartbeat."""
    with fail_after(DEADLINE):
        async with channel(server, name, limit=7, lease=0.1) as jobs:
            server.ask("HSET", key(name, "meta"), "limit", "8")
            await until(lambda: jobs.limit == 8)
            server.ask("HSET", key(name, "meta"), "limit", "inf")
            await until(lambda: jobs.limit == math.inf)


async def test_a_format_that_is_not_known(server: Server, name: str) -> None:
    """Another version of the library made the channel."""
    with fail_after(DEADLINE):
        async with channel(server, name):
            pass
        server.ask("HSET", key(name, "meta"), "version", "99")
        with pytest.raises(ChannelError, match="its format is 99, and this version knows 1"):
            await channel(server, name).__aenter__()


async def test_an_unbounded_channel(server: Server, name: str) -> None:
    """No sender is ever blocked."""
    with fail_after(DEADLINE):
        async with channel(server, name, limit=math.inf) as jobs:
            await jobs.new_sender().send_many(range(2000))


REOPEN = "run `python -m anycast.redis reopen`, and start this process again"


async def test_a_closed_channel_stays_closed(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that opens the channel later can only receive the messages that are left.

    The close may be a mistake, so the log and the error say how to take the close back.
    """
    with fail_after(DEADLINE), caplog.at_level(logging.WARNING, "anycast"):
        async with channel(server, name) as jobs:
            await jobs.new_sender().send(1)
            await jobs.aclose()
        assert not caplog.messages
        async with channel(server, name) as jobs:
            assert jobs.is_closed
            warning = f"{jobs}: is closed, so sends are refused: if that is a mistake, {REOPEN}"
            assert caplog.messages == [warning]
            sender = jobs.new_sender()
            text = (
                f"{sender} cannot send: its channel is closed, by another process or by an"
                f" operator: to take the close back, {REOPEN}"
            )
            with raises(SenderError, text):
                await sender.send(2)
            assert [message async for message in jobs.new_receiver()] == [1]
        async with channel(server, name) as jobs:
            assert [message async for message in jobs.new_receiver()] == []


async def test_entering_twice(server: Server, name: str) -> None:
    """A channel can be entered by a single ``async with``."""
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs:
            with raises(RuntimeError, f"{jobs} can be entered once only: make another one"):
                await jobs.__aenter__()


def test_closing_needs_the_server(server: Server, name: str) -> None:
    """A channel that was never entered cannot be closed for other processes."""
    jobs = channel(server, name)
    with raises(RuntimeError, f"{jobs} can be closed only within `async with`"):
        jobs.close()


async def test_closing_after_leaving(server: Server, name: str) -> None:
    """A second close after leaving is accepted, and a first close after leaving raises."""
    with fail_after(DEADLINE):
        async with channel(server, name) as jobs:
            pass
        with raises(RuntimeError, f"{jobs} can be closed only within `async with`"):
            jobs.close()
        async with channel(server, name) as jobs:
            jobs.close()
        await jobs.aclose()
        async with channel(server, name) as jobs:
            assert jobs.is_closed


async def test_using_it_before_entering(server: Server, name: str) -> None:
    """Each call raises before the block, and no task waits."""
    jobs = channel(server, name)
    text = f"{jobs} can be used only within `async with`"
    receiver, sender = jobs.new_receiver(), jobs.new_sender()
    for attempt in (
        partial(sender.send, 1),
        partial(sender.send_many, [1]),
        receiver.receive,
        partial(select, receiver.receiving()),
    ):
        with fail_after(DEADLINE), raises(RuntimeError, text):
            await attempt()
    for attempt_nowait in (partial(sender.send_nowait, 1), receiver.receive_nowait):
        with raises(RuntimeError, text):
            attempt_nowait()


async def test_a_wrong_password(name: str) -> None:
    """The error says so, and shows no password."""
    with Server(requirepass="right") as server, fail_after(DEADLINE):
        url = f"redis://:wrong@127.0.0.1:{server.port}"
        with pytest.raises(ChannelError, match=r"(?i)password") as raised:
            await channel(server, name, url=url).__aenter__()
        assert "wrong@" not in str(raised.value)
        url = url.replace("wrong", "right")
        async with channel(server, name, url=url) as jobs:
            await jobs.new_sender().send(1)
        with pytest.raises(ChannelError, match=r"(?i)auth"):
            await channel(server, name).__aenter__()


async def test_nobody_there(server: Server, name: str) -> None:
    """After the timeout the error names the address without a server."""
    url = f"redis://127.0.0.1:{(port := free_port())}"
    with fail_after(DEADLINE), pytest.raises(ChannelError, match=f":{port} cannot be"):
        await channel(server, name, url=url, timeout=0.1).__aenter__()


async def answer_nothing(stream: SocketStream) -> None:
    """Accept connections and never answer, like a server that hangs."""
    with suppress(BrokenResourceError, ClosedResourceError):
        async with stream:
            async for _ in stream:
                pass


async def answer_as(version: bytes, stream: SocketStream) -> None:
    """Answer each greeting as a server of some version would."""
    with suppress(BrokenResourceError, ClosedResourceError):
        async with stream:
            async for _ in stream:
                facts = b"$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$7\r\nversion\r\n"
                await stream.send(b"%%3\r\n%b$%d\r\n%b\r\n" % (facts, len(version), version))


async def open_against(
    handler: Callable[[SocketStream], Awaitable[None]], server: Server, name: str
) -> str:
    """Open a channel at an address without a server, and return the error."""
    with fail_after(DEADLINE):
        async with (
            await create_tcp_listener(local_host="127.0.0.1") as listener,
            task_group() as tasks,
        ):
            tasks.start_soon(listener.serve, handler)
            port = port_of(listener)
            url = f"redis://127.0.0.1:{port}"
            with pytest.raises(ChannelError) as raised:
                await channel(server, name, url=url, timeout=0.2).__aenter__()
            tasks.cancel_scope.cancel()
    return str(raised.value)


async def test_a_server_that_answers_nothing(server: Server, name: str) -> None:
    """A server that never answers counts as no server."""
    text = "cannot be reached: no answer to one try within 0.1 s"
    assert (await open_against(answer_nothing, server, name)).endswith(text)


async def end_at_once(stream: SocketStream) -> None:
    """End the connection at the first command, like a server that expects TLS."""
    async with stream:
        await stream.receive()


async def test_a_server_that_ends_the_connection(server: Server, name: str) -> None:
    """The server may expect TLS, so the error names the URL for TLS."""
    text = "cannot be reached: Connection lost while receiving response"
    told = await open_against(end_at_once, server, name)
    assert told.endswith(f"{text} (the server may speak TLS: use rediss://)")


async def test_a_server_that_is_too_old(server: Server, name: str) -> None:
    """The error says what is needed."""
    text = "the server must be Redis >= 7.0 or Valkey, not version 6.2.14"
    assert text in await open_against(partial(answer_as, b"6.2.14"), server, name)


async def test_cancelling_while_it_opens(server: Server, name: str) -> None:
    """The opening ends at once, and leaves no connection."""
    begun, ended = Event(), Event()

    async def notice(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            begun.set()
            await answer_nothing(stream)
            ended.set()

    async def cancel(scope: CancelScope) -> None:
        await begun.wait()
        scope.cancel()

    async with (
        await create_tcp_listener(local_host="127.0.0.1") as listener,
        task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, notice)
        url = f"redis://127.0.0.1:{port_of(listener)}"
        with CancelScope() as scope:
            tasks.start_soon(cancel, scope)
            await channel(server, name, url=url, timeout=DEADLINE).__aenter__()
        assert scope.cancelled_caught
        with fail_after(DEADLINE):
            await ended.wait()
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("package", ["coredis", "msgspec"])
def test_the_extra_is_optional(package: str) -> None:
    """Without a package of the extra, anycast works, and `anycast.redis` says what to install."""
    program = """
import sys
import anycast
assert not {"anycast.redis", "coredis", "msgspec"} & set(sys.modules)
sys.modules[sys.argv[1]] = None
try:
    import anycast.redis
except ImportError as error:
    print(error)
"""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, package], capture_output=True, text=True, check=True
    )
    assert run.stdout == f"anycast.redis needs {package}: run `pip install 'anycast[redis]'`\n"


async def test_a_socket_of_unix(server: Server, name: str) -> None:
    """The server can be reached through a Unix socket."""
    with fail_after(DEADLINE):
        async with channel(server, name, url=f"unix://{server.socket}") as jobs:
            await jobs.new_sender().send(1)
            assert await jobs.new_receiver().receive() == 1
            await until(lambda: jobs.statistics().messages_received == 1)


needs_tls = pytest.mark.skipif(
    os.environ.get("ANYCAST_SERVER") != "redis", reason="the embedded server knows no TLS"
)


@needs_tls
async def test_tls(name: str, tmp_path: Path) -> None:
    """With rediss:// a certificate of the right issuer is needed."""
    authority, other = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = {part: tmp_path / part for part in ("authority", "other", "certificate", "key")}
    authority.cert_pem.write_to_path(files["authority"])
    other.cert_pem.write_to_path(files["other"])
    certificate.cert_chain_pems[0].write_to_path(files["certificate"])
    certificate.private_key_pem.write_to_path(files["key"])
    port = free_port()
    options = {
        "tls-port": str(port),
        "tls-cert-file": str(files["certificate"]),
        "tls-key-file": str(files["key"]),
        "tls-ca-cert-file": str(files["authority"]),
        "tls-auth-clients": "no",
    }
    url = f"rediss://127.0.0.1:{port}"
    with Server(**options) as server, fail_after(DEADLINE):
        trusted = f"{url}?ssl_ca_certs={files['authority']}"
        async with channel(server, name, url=trusted) as jobs:
            await jobs.new_sender().send_many(range(300))
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(300)] == list(range(300))
        for wrong, text in (
            (url, "certificate is not accepted"),
            (f"{url}?ssl_ca_certs={files['other']}", "certificate is not accepted"),
            (trusted.replace("127.0.0.1", "localhost"), "certificate is not accepted: Hostname"),
            (url.replace("rediss", "redis"), r"\(the server may speak TLS: use rediss://\)"),
            (url.replace(str(port), str(server.port)), "TLS|within"),
        ):
            with pytest.raises(ChannelError, match=f"cannot be reached.*({text})"):
                await channel(server, name, url=wrong, timeout=0.3).__aenter__()
        for option in ("ssl_check_hostname=false", "ssl_cert_reqs=none"):
            url = trusted.replace("127.0.0.1", "localhost")
            async with channel(server, name, url=f"{url}&{option}") as jobs:
                await jobs.new_sender().send(1)


@needs_tls
async def test_a_certificate_of_the_client(name: str, tmp_path: Path) -> None:
    """A server that asks for a certificate is shown the certificate, or the error says so."""
    authority = trustme.CA()
    files = {part: tmp_path / part for part in ("authority", "certificate", "key", "client")}
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(files["authority"])
    certificate.cert_chain_pems[0].write_to_path(files["certificate"])
    certificate.private_key_pem.write_to_path(files["key"])
    authority.issue_cert("worker").private_key_and_cert_chain_pem.write_to_path(files["client"])
    port = free_port()
    options = {
        "tls-port": str(port),
        "tls-cert-file": str(files["certificate"]),
        "tls-key-file": str(files["key"]),
        "tls-ca-cert-file": str(files["authority"]),
    }
    url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={files['authority']}"
    with Server(**options) as server, fail_after(DEADLINE):
        async with channel(server, name, url=f"{url}&ssl_certfile={files['client']}") as jobs:
            await jobs.new_sender().send(1)
        with pytest.raises(ChannelError, match=r"cannot be reached: .*(TLS|lost|reset)"):
            await channel(server, name, url=url, timeout=0.3).__aenter__()
