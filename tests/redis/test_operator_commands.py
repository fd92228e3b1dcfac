"""``python -m anycast.redis``: what each command prints, asks and returns."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from admin_tools import bury, keys_of, make
from anycast.redis._cli import main
from anycast.redis._cli_text import duration
from redis_tools import channel, dead, key, stored
from servers import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Callable

HINT = "`dead` lists the ids; an id in the log is the id of a message"


class Terminal(io.StringIO):
    """A terminal on which a user has typed an answer."""

    def isatty(self) -> bool:
        """Return True: the stream is a terminal."""
        return True


@pytest.fixture
def run(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line on the server, in a terminal of 60 columns."""
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(*arguments: str, typed: str | None = None) -> tuple[int, str, str]:
        if typed is not None:
            monkeypatch.setattr(sys, "stdin", Terminal(typed))
        try:
            code = main(arguments)
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def jobs(server: Server, name: str) -> str:
    """Name an open channel that has a message."""

    async def send() -> None:
        async with channel(server, name, limit=9) as jobs:
            await jobs.new_sender().send("hello")

    anyio.run(send)
    return name


def masked(text: str) -> str:
    """Return a text without the parts that differ from run to run."""
    return re.sub(r"\d[\d.]* (s|min) *", "TIME ", re.sub(r"[0-9a-f]{16}", "PROCESS", text))


def test_status(server: Server, run: Any, jobs: str) -> None:
    """The output has the messages, settings and processes of a channel in use."""

    async def status() -> tuple[int, str, str]:
        async with channel(server, jobs) as open_channel, open_channel.new_receiver().lease():
            # A command runs an event loop of its own, so the command needs a thread of its own.
            shown: tuple[int, str, str] = await anyio.to_thread.run_sync(run, "status", jobs)
            return shown

    code, out, err = anyio.run(status)
    assert (code, err) == (0, "")
    assert masked(out).splitlines() == [
        f"{jobs} is open",
        "  unacknowledged   1 of 9",
        "    waiting        0",
        "    in hand        1",
        "    delayed        0",
        "  oldest message   TIME ",
        "  blocked senders  0",
        "  dead letters     0, no limit",
        "  max deliveries   7",
        "  lease            TIME ",
        "  processes        1",
        "",
        "process           in hand  lease left  deliveries",
        "PROCESS  1        TIME 1",
    ]


def test_status_of_a_channel_that_nobody_uses(server: Server, run: Any, name: str) -> None:
    """Without processes there is no second table; what has no bound says so."""
    anyio.run(partial(make, server, name, limit=float("inf"), max_deliveries=None))
    server.ask("HSET", key(name, "meta"), "dead_limit", 5)
    code, out, _ = run("status", name)
    assert code == 0
    assert out.splitlines()[1:] == [
        "  unacknowledged   0, no limit",
        "    waiting        0",
        "    in hand        0",
        "    delayed        0",
        "  oldest message   none",
        "  blocked senders  0",
        "  dead letters     0 of 5",
        "  max deliveries   no limit",
        "  lease            30 s",
        "  processes        0",
    ]
    _, out, _ = run("status", name, "--json")
    shown = json.loads(out)
    assert (shown["name"], shown["limit"], shown["max_deliveries"]) == (name, None, None)


def test_status_for_programs(run: Any, jobs: str) -> None:
    """The values are the values of `ChannelStatus`."""
    code, out, _ = run("status", jobs, "--json")
    shown = json.loads(out)
    assert 0 <= shown.pop("oldest_age") < 60
    assert code == 0
    assert shown == {
        "name": jobs,
        "waiting": 1,
        "in_hand": 0,
        "delayed": 0,
        "unacknowledged": 1,
        "dead": 0,
        "limit": 9,
        "lease": 30.0,
        "max_deliveries": 7,
        "dead_limit": None,
        "blocked_senders": 0,
        "closed": False,
        "processes": [],
    }


def test_status_of_a_process_that_died(server: Server, run: Any, jobs: str) -> None:
    """Its lease has run out."""
    server.ask("ZADD", key(jobs, "processes"), 1, "ghost")
    assert run("status", jobs)[1].splitlines()[-1].split() == ["ghost", "0", "run", "out", "0"]
    assert json.loads(run("status", jobs, "--json")[1])["processes"][0]["lease_left"] == 0


def test_no_channels(own_server: Server, run: Any) -> None:
    """People are told so beside the output, which is empty."""
    url = own_server.url
    assert run("channels", "--url", url) == (0, "", "no channels in this database\n")
    assert run("channels", "--url", url, "--json") == (0, "[]\n", "")


def test_channels(own_server: Server, run: Any) -> None:
    """The names come line by line, and as a list for programs."""
    for name in ("b", "a\x1b[2J"):
        anyio.run(make, own_server, name)
    assert run("channels", "--url", own_server.url) == (0, "a\\x1b[2J\nb\n", "")
    _, out, _ = run("channels", "--url", own_server.url, "--json")
    assert json.loads(out) == ["a\x1b[2J", "b"]


def test_dead(server: Server, run: Any, jobs: str) -> None:
    """Each letter has its ids, its age, its error and its body, which fit into the terminal."""
    (first,) = bury(server, jobs, b'{"a":1}', error="OSError: no\n\x1b[2J")
    (second,) = bury(server, jobs, "é漢字".encode() * 30, headers='{"trace":"4b"}')
    code, out, err = run("dead", jobs)
    assert (code, err) == (0, "")
    age = re.sub(r"[\d.]+ [sd] ago", "TIME ago", out).splitlines()
    assert age == [
        f"{second}  TIME ago, deliveries: 7",
        "  message 1700000000000-0, sent TIME ago",
        "  error: OSError: no",
        "  header trace: 4b",
        "  body, 240 bytes: " + "é漢字" * 7 + "é漢...",
        f"{first}  TIME ago, deliveries: 7",
        "  message 1700000000000-0, sent TIME ago",
        "  error: OSError: no\\n\\x1b[2J",
        '  body, 7 bytes: {"a":1}',
    ]
    _, out, _ = run("dead", jobs, "--oldest", "--count", "1", "--after", first, "--whole")
    assert f"  body, 240 bytes: {'é漢字' * 30}\n" in out
    assert first not in out


def test_dead_letters_that_are_large(server: Server, run: Any, jobs: str) -> None:
    """Only the beginning of a body is fetched, unless an option asks for the whole body."""
    bury(server, jobs, b"x" * 3000)
    assert len(run("dead", jobs)[1]) < 400
    assert len(run("dead", jobs, "--whole")[1]) > 3000
    assert len(json.loads(run("dead", jobs, "--json")[1])[0]["body"]) == 3000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "none"),
        (0, "0 s"),
        (0.0123, "0.0123 s"),
        (1.6, "2 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (86400 * 2, "2 d"),
        (86400 * 3.9, "3 d"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    """A duration has the largest unit of which there are at least two."""
    assert duration(seconds) == text


def test_dead_in_a_narrow_terminal(
    server: Server, run: Any, jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long error or body is cut to the width, but for a minimum; numbers and ids are whole."""
    bury(server, jobs, b"x" * 500, error="y" * 500, deliveries=123456789)
    for columns, most in (("30", 30), ("5", 20)):
        monkeypatch.setenv("COLUMNS", columns)
        letter, message, *cut = run("dead", jobs)[1].splitlines()
        assert letter.endswith(" deliveries: 123456789")
        assert message.endswith(" ago")
        assert list(map(len, cut)) == [most, most]
        assert "max deliveries   7\n" in run("status", jobs)[1]


def test_dead_for_programs(server: Server, run: Any, jobs: str) -> None:
    """A body is a text, or base 64; times have a time zone."""
    text, bytes_ = bury(server, jobs, b'"a"', b"\xff\x00")
    shown = {each["id"]: each for each in json.loads(run("dead", jobs, "--json")[1])}
    assert (shown[text]["body"], shown[text]["encoding"]) == ('"a"', "utf-8")
    assert (shown[bytes_]["body"], shown[bytes_]["encoding"]) == ("/wA=", "base64")
    assert shown[text]["sent"] == "2023-11-14T22:13:20+00:00"
    assert set(shown[text]) == {
        "id",
        "message_id",
        "deliveries",
        "error",
        "body",
        "body_size",
        "headers",
        "sent",
        "buried",
        "encoding",
    }


def test_more_dead_letters(server: Server, run: Any, jobs: str) -> None:
    """The last line tells people how to see the rest, if there is a rest."""
    first, second, third = bury(server, jobs, b"1", b"2", b"3")
    assert run("dead", jobs, "--count", "1")[1].endswith(f"\nmore dead letters: --after {third}\n")
    _, out, _ = run("dead", jobs, "--count", "2", "--oldest")
    assert out.endswith(f"\nmore dead letters: --after {second}\n")
    for rest in (("--count", "3"), ("--after", third), ("--after", first, "--oldest")):
        assert "more dead letters" not in run("dead", jobs, *rest)[1]
    assert len(json.loads(run("dead", jobs, "--count", "2", "--json")[1])) == 2


def test_no_dead_letters(run: Any, jobs: str) -> None:
    """People are told so, and programs get an empty list."""
    assert run("dead", jobs) == (0, "no dead letters\n", "")
    assert run("dead", jobs, "--json") == (0, "[]\n", "")


def test_requeue(server: Server, run: Any, jobs: str) -> None:
    """Letters are moved by id, or all; a wrong id is an error after the right ids."""
    ids = bury(server, jobs, b"1", b"2", b"3", b"4")
    assert run("requeue", jobs, ids[0]) == (0, "dead letters requeued: 1\n", "")
    missing = f"1 of 2 ids are of no dead letter of {jobs} ({HINT})\n"
    assert run("requeue", jobs, ids[0], ids[1]) == (1, "dead letters requeued: 1\n", missing)
    code, out, _ = run("requeue", jobs, "--all", "--json")
    assert (code, json.loads(out)) == (0, {"requeued": 2})
    assert (stored(server, jobs), dead(server, jobs)) == (5, [])


def test_drop(server: Server, run: Any, jobs: str) -> None:
    """The command asks first, unless an option says otherwise."""
    ids = bury(server, jobs, b"1", b"2", b"3", b"4")
    refused = "drop needs --yes, or a terminal to ask in\n"
    assert run("drop", jobs, "--all") == (2, "", refused)
    question = f"Delete 1 of 4 dead letters of {jobs} for ever? [y/N] "
    for answer in ("n\n", "\n", "", "yesterday\n"):
        refused = question + "nothing was changed\n"
        assert run("drop", jobs, ids[0], typed=answer) == (1, "", refused)
    assert len(dead(server, jobs)) == 4
    done = "dead letters dropped: 1\n"
    assert run("drop", jobs, ids[0], typed=" Yes\n") == (0, done, question)
    assert run("drop", jobs, "--yes", ids[1]) == (0, done, "")
    question = f"Delete 2 of 2 dead letters of {jobs} for ever? [y/N] "
    code, out, err = run("drop", jobs, "--all", "--json", typed="y\n")
    assert (code, json.loads(out), err) == (0, {"dropped": 2}, question)
    missing = f"2 of 2 ids are of no dead letter of {jobs} ({HINT})\n"
    assert run("drop", jobs, *ids[:2], "--yes") == (1, "dead letters dropped: 0\n", missing)


def test_limit(run: Any, jobs: str) -> None:
    """The new limit is shown at once."""
    code, out, err = run("limit", jobs, "20")
    assert (code, err, "1 of 20" in out) == (0, "", True)
    code, out, err = run("limit", jobs, "inf")
    assert (code, err, "1, no limit" in out) == (0, "", True)


def test_dead_limit(server: Server, run: Any, jobs: str) -> None:
    """It tells how many letters it would delete, before and after; to keep all does no harm."""
    bury(server, jobs, b"1", b"2", b"3")
    question = f"Delete 1 of 3 dead letters of {jobs} for ever? [y/N] "
    out = "dead letters dropped: 1\n"
    assert run("dead-limit", jobs, "2", typed="y\n") == (0, out, question)
    out = "dead letters dropped: 0\n"
    assert run("dead-limit", jobs, "none") == (0, out, "")
    assert run("dead-limit", jobs, "5", "--yes") == (0, out, "")


def test_close_and_reopen(server: Server, run: Any, jobs: str) -> None:
    """Closing asks first; both show how the channel is then."""
    bury(server, jobs, b"1")
    question = f"Close {jobs} (messages: 1, dead letters: 1, processes: 0)? [y/N] "
    code, out, err = run("close", jobs, typed="y\n")
    assert (code, out.splitlines()[0], err) == (0, f"{jobs} is closed", question)
    code, out, err = run("reopen", jobs)
    assert (code, out.splitlines()[0], err) == (0, f"{jobs} is open", "")


def test_destroy(server: Server, run: Any, jobs: str) -> None:
    """The command is refused while a process uses the channel, unless by force."""
    server.ask("ZADD", key(jobs, "processes"), 9e12, "me")
    code, out, err = run("destroy", jobs, "--yes")
    assert (code, out) == (1, "")
    assert "is in use (processes: 1;" in err
    question = f"Delete {jobs} for ever (messages: 1, dead letters: 0, processes: 1)? [y/N] "
    code, out, err = run("destroy", jobs, "--force", typed="y\n")
    assert (code, out, err) == (0, f"{jobs} is deleted\n", question)
    assert keys_of(server, jobs) == []
    code, out, err = run("destroy", jobs, "--yes")
    assert (code, out) == (1, "")
    assert f"RedisAnycast:{jobs}: 127.0.0.1:{server.port} has no such channel" in err


def test_destroy_for_programs(run: Any, jobs: str) -> None:
    """Programs get the name of the channel."""
    code, out, _ = run("destroy", jobs, "--yes", "--json")
    assert (code, json.loads(out)) == (0, {"destroyed": jobs})


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("limit jobs 0", " limit: argument N: must be an int >= 1 or inf, not '0'"),
        ("limit jobs 1.5", " limit: argument N: must be an int >= 1 or inf, not '1.5'"),
        ("dead-limit jobs -1", " dead-limit: argument N: must be an int >= 0 or none, not '-1'"),
        ("requeue jobs", ": either ids or --all are needed"),
        ("drop jobs --all 1-1", ": either ids or --all are needed"),
        ("status", " status: the following arguments are required: NAME"),
        ("drop jobs 1-1 --force", ": unrecognized arguments: --force"),
        ("status a b", ": unrecognized arguments: b"),
        ("status jobs --timeout x", " status: argument --timeout: invalid float value: 'x'"),
    ],
)
def test_wrong_command_lines(run: Any, line: str, text: str) -> None:
    """A single line says what is wrong."""
    expected = f"python -m anycast.redis{text} (--help tells more)\n"
    assert run(*line.split()) == (2, "", expected)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("status a}b", "`name` must not be empty, nor contain '}', not 'a}b'"),
        ("status jobs --timeout nan", "`timeout` must be >= 0.01, not nan"),
        ("dead jobs --count 0", "`count` must be >= 1, not 0"),
        ("requeue jobs 7", "`ids` must be an id such as '1795574896881-0', not '7'"),
    ],
)
def test_wrong_values(run: Any, line: str, text: str) -> None:
    """A single line says what is wrong, without a password."""
    assert run(*line.split()) == (2, "", text + "\n")


def test_a_wrong_url(run: Any) -> None:
    """A single line says what is wrong, without the password."""
    for url in ("http://:secret@host", "redis://:secret@host:port", "redis://:secret@host/x"):
        code, out, err = run("channels", "--url", url)
        assert (code, out, err.count("\n"), "secret" in err) == (2, "", 1, False)
        assert "`url`" in err


def test_the_url_stands_before_the_command_or_behind(
    run: Any, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one wins, and each wins over the variable."""
    monkeypatch.setenv("REDIS_URL", "redis://nowhere.invalid")
    url = own_server.url
    nothing = (0, "", "no channels in this database\n")
    assert run("--url", url, "channels") == nothing
    assert run("channels", "--url", url) == nothing
    assert run("--url", "redis://nowhere.invalid", "channels", "--url", url) == nothing


def test_without_a_url(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the option and the variable."""
    monkeypatch.delenv("REDIS_URL")
    text = "python -m anycast.redis: --url is needed, since REDIS_URL is not set"
    assert run("channels") == (2, "", f"{text} (--help tells more)\n")


def test_an_empty_url(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that the URL is empty, whether an option or the variable is."""
    text = "python -m anycast.redis: the URL of the server is empty: set --url or REDIS_URL"
    assert run("channels", "--url", "") == (2, "", f"{text} (--help tells more)\n")
    monkeypatch.setenv("REDIS_URL", "")
    assert run("channels") == (2, "", f"{text} (--help tells more)\n")


def test_another_database(server: Server, run: Any, jobs: str) -> None:
    """The error names the database in which no such channel is."""
    code, out, err = run("status", jobs, "--url", f"{server.url}/3")
    text = f"127.0.0.1:{server.port} has no such channel in database 3 (`channels` lists the names)"
    assert (code, out, err) == (1, "", f"RedisAnycast:{jobs}: {text}\n")


def test_a_script_that_the_server_refuses(server: Server, run: Any, name: str) -> None:
    """A single line has the error, the keys, and the command of the script."""
    server.ask("SET", key(name, "meta"), "1")
    code, out, err = run("status", name)
    assert (code, out, err.count("\n"), "script:" in err) == (1, "", 1, False)
    assert key(name, "*") in err
    assert ", in: local settings = redis.call('HMGET', meta," in err


@pytest.mark.parametrize("command", ["status jobs", "channels", "destroy jobs --yes"])
def test_a_server_that_is_away(run: Any, command: str) -> None:
    """The error is a single line that names the server, without the password."""
    port = free_port()
    url = f"redis://me:secret@127.0.0.1:{port}"
    code, out, err = run(*command.split(), "--url", url, "--timeout", "0.1")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"127.0.0.1:{port} cannot be reached" in err
    assert "secret" not in err


def test_a_wrong_password(run: Any) -> None:
    """A single line says so, without the password."""
    with Server(requirepass="right") as server:
        url = server.url.replace("//", "//:secret@")
        code, out, err = run("status", "jobs", "--url", url)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "secret" not in err
    assert "password" in err


@pytest.mark.parametrize(
    "command",
    [
        "",
        "channels",
        "status",
        "dead",
        "requeue",
        "drop",
        "limit",
        "dead-limit",
        "close",
        "destroy",
    ],
)
def test_help(run: Any, command: str) -> None:
    """Each command has help, and the help of the program has examples that work."""
    code, out, err = run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert "usage: python -m anycast.redis" in out
    if not command:
        examples = re.findall(r"^  python -m anycast.redis (.+)$", out, re.MULTILINE)
        assert len(examples) == 7
        for example in examples:
            assert run(*example.split(), typed="n\n")[0] != 2


def test_ctrl_c_at_a_question(run: Any, jobs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel is not changed, and there is no traceback."""

    class Pressed(Terminal):
        def readline(self, *_: Any) -> Any:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Pressed())
    code, out, err = run("destroy", jobs)
    assert (code, out) == (130, "")
    assert err.endswith("[y/N] interrupted\n")
    assert run("status", jobs)[0] == 0


def python(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start a Python with the commands."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "anycast.redis", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_the_program(server: Server, jobs: str) -> None:
    """The module runs with the code as its exit status, in any encoding."""
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with python("status", jobs, "--url", server.url, env=env) as process:
        out, err = process.communicate()
        assert (process.returncode, out.splitlines()[0], err) == (0, f"{jobs} is open", "")
    with python("status", "é", "--url", server.url, env=env) as process:
        out, err = process.communicate()
        assert (process.returncode, out) == (1, "")
        assert f"RedisAnycast:\\xe9: 127.0.0.1:{server.port} has no such channel" in err


def test_a_reader_that_goes(server: Server, jobs: str) -> None:
    """The command ends quietly when its output is closed, as by ``head``."""
    bury(server, jobs, *[b"x"] * 2000)
    with python("dead", jobs, "--count", "2000", "--url", server.url) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141
