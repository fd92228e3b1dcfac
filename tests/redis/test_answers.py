"""The meaning of the errors of a server: a retry may succeed, or is useless."""

from __future__ import annotations

import logging
import shutil
import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING

import pytest
from anyio import EndOfStream, create_tcp_listener, fail_after, to_thread
from coredis.connection import TCPLocation
from coredis.exceptions import ConnectionError as LostError
from coredis.exceptions import InvalidResponse
from coredis.parser import Parser

from anycast import ChannelError, SenderError
from anycast.redis._answers import (
    OutOfMemoryError,
    RedirectedError,
    RefusedError,
    UnavailableError,
    UnreachableError,
    WritesRefusedError,
    judge,
    judge_connecting,
)
from anycast.redis._retries import Retries
from groups import wait_for
from helpers import task_group
from proxies import port_of
from redis_tools import DEADLINE, channel, key, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import SocketStream

    from servers import Server

WORD = "open-sesame"
PLACE = TCPLocation("host", 1)
SCRIPT = " script: 9af1d3754e695d, on @user_script:1."
NOT_NOW = [
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN Hash slot not served",
    "CLUSTERDOWN The cluster is down",
    "LOADING Redis is loading the dataset in memory",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "ERR max number of clients reached",
    "ERR max number of clients + cluster connections reached",
    "ERR Script killed by user with SCRIPT KILL.",
]
REFUSED_WRITES = [
    "NOREPLICAS Not enough good replicas to write.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist",
    "MISCONF Errors writing to the AOF file: No space left on device",
    "OOM command not allowed when used memory > 'maxmemory'.",
]
FINAL = [
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOAUTH Authentication required.",
    "NOPERM this user has no permissions to run the 'eval' command",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "ERR unknown command 'EVALSHA', with args beginning with: 'a' 'b'",
    "ERR Unknown Redis command called from script",
    "ERR DB index is out of range",
    "CROSSSLOT Keys in request don't hash to the same slot",
    "NOPROTO unsupported protocol version",
    "ERR Script attempted to access keys that do not hash to the same slot",
]


def answered(text: str) -> Exception:
    """Return the error that coredis makes of an answer."""
    return Parser().parse_error(text)


@pytest.mark.parametrize("text", [*NOT_NOW, *(text + SCRIPT for text in NOT_NOW)])
def test_not_now(text: str) -> None:
    """The command did not run, and another try may succeed; the error repeats the answer."""
    for error in (
        judge(answered(text), PLACE, "GET of key"),
        judge_connecting(answered(text), PLACE),
    ):
        assert isinstance(error, UnavailableError)
        assert not isinstance(error, WritesRefusedError)
        assert text.removeprefix("ERR ") in str(error)


@pytest.mark.parametrize("text", [*REFUSED_WRITES, *(text + SCRIPT for text in REFUSED_WRITES)])
def test_writes_are_refused(text: str) -> None:
    """The error tells whether the server refuses writes, or whether its memory is full."""
    error = judge(answered(text), PLACE, "GET of key")
    assert isinstance(error, WritesRefusedError)
    assert isinstance(error, OutOfMemoryError) == text.startswith("OOM")


@pytest.mark.parametrize("text", [*FINAL, *(text + SCRIPT for text in FINAL)])
def test_final(text: str) -> None:
    """No retry succeeds, and the error names the place, the fault and the reason."""
    error = judge(answered(text), PLACE, "GET of key")
    assert isinstance(error, RefusedError)
    shown = text.removeprefix("ERR ").partition(", with args")[0]
    assert str(error).startswith(f"host:1: GET of key: {shown}")
    assert isinstance(judge_connecting(answered(text), PLACE), RefusedError)


def test_a_server_that_asks_for_a_password() -> None:
    """The error says where the password is missing, and not what a client library should send."""
    answer = "NOAUTH HELLO must be called with the client already authenticated, otherwise the"
    told = "host:1 refuses the connection: `url` has no password for it (NOAUTH)"
    assert str(judge_connecting(answered(answer), PLACE)) == told


def test_another_server_may_be_right() -> None:
    """These errors mean that another server may accept the command."""
    elsewhere = [
        text.partition(" ")[0]
        for text in [*NOT_NOW, *REFUSED_WRITES]
        if isinstance(error := judge(answered(text), PLACE, "GET"), UnavailableError)
        and error.elsewhere
    ]
    assert sorted(set(elsewhere)) == [
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "NOREPLICAS",
        "READONLY",
        "UNBLOCKED",
    ]


@pytest.mark.parametrize(
    ("text", "host", "once"),
    [("MOVED 7 other:2", "other", False), ("MOVED 7 :2", "", False), ("ASK 7 ::1:2", "::1", True)],
)
def test_redirects(text: str, host: str, once: bool) -> None:
    """The answer names the node that has the keys, for ever or for this command."""
    error = judge(answered(text), PLACE, "GET of key")
    assert isinstance(error, RedirectedError)
    assert (error.host, error.port, error.once) == (host, 2, once)


@pytest.mark.parametrize(
    "error",
    [
        LostError("Connection lost"),
        TimeoutError("GET timed out"),
        InvalidResponse("Protocol Error"),
        OSError("the cable is cut"),
        answered("ERR Script attempted to access a non local key in a cluster node"),
    ],
)
def test_nobody_knows(error: Exception) -> None:
    """The connection broke, the answer makes no sense, or the script was cut short."""
    judged = judge(error, PLACE, "GET of key")
    assert type(judged) is UnreachableError
    assert str(error) in str(judged)


def test_the_first_cause_is_told() -> None:
    """The first cause is told, however deep, and also in a group."""
    error = LostError("Unable to connect")
    error.__cause__ = ExceptionGroup("all attempts failed", [OSError("the cable is cut")])
    told = str(judge_connecting(error, PLACE))
    assert told == "host:1 cannot be reached: the cable is cut"


@pytest.mark.parametrize("cause", [ConnectionResetError("reset"), EndOfStream()])
def test_a_server_that_may_expect_tls(cause: Exception) -> None:
    """The error names TLS where the connection could use TLS, and does not."""
    error = LostError("lost")
    error.__cause__ = cause
    told = f"host:1 cannot be reached: {str(cause) or 'lost'}"
    assert str(judge_connecting(error, PLACE)) == told
    hint = " (the server may speak TLS: use rediss://)"
    assert str(judge_connecting(error, PLACE, plain=True)) == told + hint
    refused = judge_connecting(ConnectionRefusedError("refused"), PLACE, plain=True)
    assert str(refused) == "host:1 cannot be reached: refused"


def test_a_cause_without_a_text() -> None:
    """The error that has a text is told, or else the class of the error."""
    error = LostError("Connection lost")
    error.__cause__ = EOFError()
    assert str(judge_connecting(error, PLACE)) == "host:1 cannot be reached: Connection lost"
    assert str(judge_connecting(EOFError(), PLACE)) == "host:1 cannot be reached: EOFError()"


def test_what_tls_says() -> None:
    """The text of a TLS error is told, without the place in the source of TLS."""
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1018)")
    error.verify_message = "self-signed certificate"
    told = "host:1 cannot be reached: the certificate is not accepted: self-signed certificate"
    assert str(judge_connecting(error, PLACE)) == told
    told = "host:1 cannot be reached: TLS: broken"
    assert str(judge_connecting(ssl.SSLError(1, "broken"), PLACE)) == told


def test_a_server_with_tls_that_is_asked_without() -> None:
    """The error has a hint."""
    error = InvalidResponse("Protocol Error: Unknown RESP data type: '\\x15'")
    assert str(judge_connecting(error, PLACE)).endswith("(the server may speak TLS: use rediss://)")


# The following tests use servers.


@pytest.mark.anyio
async def test_a_slow_script_of_somebody(
    own_server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the script runs, operations wait, and then go on."""
    own_server.ask("CONFIG", "SET", "busy-reply-threshold", 1)

    def run() -> None:
        with pytest.raises(RuntimeError, match="killed"):
            own_server.ask("EVAL", "while true do end", 0)

    with fail_after(DEADLINE):
        async with channel(own_server, name, timeout=30.0) as jobs, task_group() as tasks:
            sender = jobs.new_sender()
            await sender.send(1)
            told = note_errors(monkeypatch)
            tasks.start_soon(to_thread.run_sync, run)
            await until(partial(is_busy, own_server))
            tasks.start_soon(sender.send, 2)
            await until(lambda: jobs.statistics().tasks_waiting_send == 1)
            await until(lambda: len(told) > 1)
            own_server.ask("SCRIPT", "KILL")
            receiver = jobs.new_receiver()
            assert [await receiver.receive() for _ in range(2)] == [1, 2]


def is_busy(server: Server) -> bool:
    """Return whether somebody's script runs."""
    try:
        server.ask("EXISTS", "nothing")
    except RuntimeError as error:
        return str(error).startswith("BUSY")
    return False


def note_errors(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Return a list that gets the errors after which the channel tries again."""
    told: list[Exception] = []
    failed = Retries.failed

    def note(retries: Retries, error: UnreachableError) -> None:
        told.append(error)
        failed(retries, error)

    monkeypatch.setattr(Retries, "failed", note)
    return told


def refuse_replicas(server: Server, on: bool) -> None:
    """Ask for a replica that does not exist, or for no replica."""
    server.ask("CONFIG", "SET", "min-replicas-to-write", int(on))


def fail_to_save(server: Server, on: bool) -> None:
    """Let a snapshot fail, or take back the rule that a failed snapshot stops writing."""
    if not on:
        server.ask("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        return
    server.ask("CONFIG", "SET", "save", "3600 1")
    # The folder of the snapshot is gone.
    shutil.rmtree(server.ask("CONFIG", "GET", "dir")[1].decode())
    server.ask("BGSAVE")
    wait_for(lambda: server.info("persistence")["rdb_last_bgsave_status"] == "err")


def fill_memory(server: Server, on: bool) -> None:
    """Leave no memory, or as much as there is."""
    server.ask("CONFIG", "SET", "maxmemory", int(on))


@pytest.mark.anyio
@pytest.mark.parametrize("refuse", [refuse_replicas, fail_to_save, fill_memory])
async def test_a_server_that_refuses_to_write(
    own_server: Server, name: str, refuse: Callable[[Server, bool], None]
) -> None:
    """Sends fail, and were not stored; the channel goes on when the server writes again."""
    with fail_after(DEADLINE):
        async with channel(own_server, name, timeout=1.0) as jobs:
            sender, receiver = jobs.new_sender(), jobs.new_receiver()
            got: list[int] = []

            async def receive() -> None:
                got.extend([await receiver.receive() for _ in range(2)])

            async with task_group() as tasks:
                tasks.start_soon(receive)
                await sender.send(1)
                await until(lambda: got == [] and jobs.statistics().messages_received == 1)
                await to_thread.run_sync(refuse, own_server, True)  # noqa: FBT003
                for number in (2, 3):
                    with pytest.raises(SenderError, match="could not send: "):
                        await sender.send(number)
                await to_thread.run_sync(refuse, own_server, False)  # noqa: FBT003
                await sender.send(4)
            assert got == [1, 4]


@pytest.mark.anyio
async def test_opening_on_a_server_that_refuses_to_write(own_server: Server, name: str) -> None:
    """After the timeout the channel cannot be opened."""
    refuse_replicas(own_server, True)  # noqa: FBT003
    with fail_after(DEADLINE), pytest.raises(ChannelError, match="NOREPLICAS"):
        await channel(own_server, name, timeout=0.2).__aenter__()


@pytest.mark.anyio
async def test_too_many_clients(
    own_server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel waits until the server accepts its connection, or raises with the reason."""
    place = ("127.0.0.1", own_server.port)
    with fail_after(DEADLINE), socket.create_connection(place) as taken:
        # The limit counts this connection, and leaves no room for another.
        taken.sendall(b"CONFIG SET maxclients 1\r\n")
        assert taken.recv(100) == b"+OK\r\n"
        with pytest.raises(ChannelError, match=r"cannot be reached: (max number|.* (lost|reset))"):
            await channel(own_server, name, timeout=0.2).__aenter__()
        told = note_errors(monkeypatch)

        async def give_way() -> None:
            await until(lambda: len(told) > 1)
            taken.sendall(b"CONFIG SET maxclients 100\r\n")

        async with task_group() as tasks:
            tasks.start_soon(give_way)
            async with channel(own_server, name, timeout=30.0) as jobs:
                await jobs.new_sender().send(1)


@pytest.mark.anyio
async def test_a_key_of_another_type(own_server: Server, name: str) -> None:
    """The error is final, and says whose keys a script used: the server does not tell which key."""
    with fail_after(DEADLINE):
        async with channel(own_server, name) as jobs:
            own_server.ask("DEL", key(name, "stream"))
            own_server.ask("SET", key(name, "stream"), "no stream")
            with pytest.raises(SenderError) as raised:
                await jobs.new_sender().send(1)
    told = str(raised.value)
    assert f" of {key(name, '*')}: WRONGTYPE" in told
    assert "redis.call('X" in told


@pytest.mark.anyio
async def test_a_server_that_repeats_the_password(server: Server, name: str) -> None:
    """An old server answers HELLO with the arguments of HELLO, which the error leaves out."""

    async def answer(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            text = f"'3' 'AUTH' 'default' '{WORD}' "
            await stream.send(
                f"-ERR unknown command 'HELLO', with args beginning with: {text}\r\n".encode()
            )

    async with await create_tcp_listener(local_host="127.0.0.1") as listener, task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        url = f"redis://:{WORD}@127.0.0.1:{port_of(listener)}"
        with fail_after(DEADLINE), pytest.raises(ChannelError, match="unknown command") as raised:
            await channel(server, name, url=url).__aenter__()
        tasks.cancel_scope.cancel()
    error: BaseException | None = raised.value
    while error is not None:
        assert WORD not in repr(error)
        error = error.__cause__ or error.__context__


@pytest.mark.anyio
async def test_the_log_shows_no_password(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No log record shows the password, at any level."""
    server.ask("ACL", "SETUSER", "Ada", "on", ">other", "~*", "+@all")
    url = server.url.replace("//", f"//Ada:{WORD}@")
    with fail_after(DEADLINE), caplog.at_level(1):
        with pytest.raises(ChannelError, match="refuses the connection: WRONGPASS"):
            await channel(server, name, url=url).__aenter__()
        logging.getLogger("anycast").debug("the log is on")
    assert "the log is on" in caplog.text
    assert WORD not in caplog.text
