"""The URL of a channel: the meaning of its parts, and refused URLs."""

from __future__ import annotations

import re
import ssl
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from anycast.redis import RedisAnycast, json_codec
from anycast.redis._url import parse_url
from helpers import raises

if TYPE_CHECKING:
    from pathlib import Path

WORD = "open-sesame"
SCHEMES = (
    "redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://,"
    " redis+cluster:// or rediss+cluster://"
)
AUTHORITY = "`url` must name a host, or the path of a socket"
PORT = "`url` must have a port from 1 to 65535 behind the host and ':', or none"
SERVICE = (
    "`url` must name the service that the Sentinels watch, as in"
    " redis+sentinel://host:26379/service/0"
)
ESCAPES = (
    "`url` must have no '@' behind the host: write %40, and in a password also"
    " %2F for '/', %3F for '?' and %23 for '#'"
)
NUMBER = "`url` must name the database by a number, as in redis://host/0"


@pytest.mark.parametrize(
    ("url", "kind", "places", "service", "database"),
    [
        ("redis://host", "redis", "host:6379", "", 0),
        ("redis://host:", "redis", "host:6379", "", 0),
        ("redis://user:word@host:1/3", "redis", "host:1", "", 3),
        ("redis://host/4/", "redis", "host:6379", "", 4),
        ("redis://host?db=5", "redis", "host:6379", "", 5),
        ("redis://host/5?db=5", "redis", "host:6379", "", 5),
        ("redis://[::1]:7/", "redis", "::1:7", "", 0),
        ("rediss://host", "redis", "host:6379", "", 0),
        ("unix:///run/a%20b?db=2", "unix", "/run/a b", "", 2),
        ("redis+sentinel://a,b:1/one", "redis+sentinel", "a:26379 b:1", "one", 0),
        ("rediss+sentinel://a/one%2F/2", "redis+sentinel", "a:26379", "one/", 2),
        ("redis+cluster://a,b:1", "redis+cluster", "a:6379 b:1", "", 0),
    ],
)
def test_parts(url: str, kind: str, places: str, service: str, database: int) -> None:
    """Hosts, ports, service and database are read from the URL."""
    parts = parse_url(url)
    assert parts.scheme == kind
    assert " ".join(map(str, parts.places)) == places
    assert parts.service == service
    assert parts.access.database == database


def test_who_connects() -> None:
    """User and password are read from the URL, and escaped characters stand for themselves."""
    access = parse_url("redis://Ada:a%40b%2Fc:d@host?client_name=worker").access
    assert (access.username, access.password, access.client_name) == ("Ada", "a@b/c:d", "worker")
    access = parse_url("redis://:word@host").access
    assert (access.username, access.password, access.client_name) == (None, "word", None)


def test_sentinels_have_their_own_password() -> None:
    """User and password of the server are not shown to Sentinels."""
    url = "redis+sentinel://user:word@host/one?sentinel_username=guard&sentinel_password=other"
    parts = parse_url(url)
    assert (parts.access.username, parts.access.password) == ("user", "word")
    sentinel = parts.sentinel_access
    assert (sentinel.username, sentinel.password) == ("guard", "other")
    assert sentinel.database == 0


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://host", f"`url` must begin with {SCHEMES}, not 'http'"),
        ("redissentinel://host", f"`url` must begin with {SCHEMES}, not 'redissentinel'"),
        ("redis:host", f"`url` must begin with {SCHEMES}, as in redis://localhost:6379/0"),
        ("localhost:6379", f"`url` must begin with {SCHEMES}, as in redis://localhost:6379/0"),
        ("", f"`url` must begin with {SCHEMES}, as in redis://localhost:6379/0"),
        ("redis://", AUTHORITY),
        ("redis://:1", AUTHORITY),
        ("redis+cluster://a,,b", AUTHORITY),
        ("redis://host:0", PORT),
        ("redis://host:65536", PORT),
        ("redis://host:port", PORT),
        ("redis://two hosts", PORT),
        ("redis://host/none", NUMBER),
        ("redis://host/-1", NUMBER),
        ("redis://host/1/2", NUMBER),
        ("redis://host?db=first", NUMBER),
        ("redis+sentinel://host/one/none", NUMBER),
        (
            "redis://host/1?db=2",
            "`url` must name the database once: behind the host, or as the option db",
        ),
        (
            "redis://a,b",
            "`url` must name one host; several hosts need redis+sentinel:// or redis+cluster://",
        ),
        (
            "redis+sentinel://host",
            SERVICE,
        ),
        ("unix://", "`url` must name the path of a socket, as in unix:///run/redis.sock"),
        ("unix://run/redis", "`url` must name the path of a socket, as in unix:///run/redis.sock"),
        ("redis://host?max=1", "`url` must have no options but db, client_name, not 'max'"),
        ("redis://host?max", "`url` must have no options but db, client_name, not another"),
        ("redis://host?db=", "`url` must have the option db once, and with a value"),
        ("redis://host?db=1&db=1", "`url` must have the option db once, and with a value"),
        (
            "redis://host?ssl_keyfile=a",
            "`url` must have no options but db, client_name, not 'ssl_keyfile', which needs rediss://",
        ),
        (
            "unix:///run/redis.sock?ssl_keyfile=a",
            "`url` must have no options but db, client_name, not 'ssl_keyfile'",
        ),
        ("redis://host#1", "`url` must have no '#': in a password, write %23"),
        (
            "redis://a/b@host",
            ESCAPES,
        ),
        ("redis://host\n", "`url` must have no control characters, and be valid Unicode"),
        ("redis://\udcff", "`url` must have no control characters, and be valid Unicode"),
        ("rediss://host?ssl_keyfile=a", "`url` has ssl_keyfile, which needs ssl_certfile"),
        (
            "rediss://host?ssl_cert_reqs=no",
            "`url` must have one of required, optional, none as ssl_cert_reqs, not 'no'",
        ),
        (
            "rediss://host?ssl_cert_reqs=none&ssl_check_hostname=true",
            "`url` has ssl_check_hostname, which needs ssl_cert_reqs=required",
        ),
    ],
)
def test_wrong_parts(url: str, text: str) -> None:
    """A wrong part is an error that says what is right."""
    with raises(ValueError, text):
        parse_url(url)


def test_a_url_that_is_no_text() -> None:
    """The error names the type alone, since the value may hold a password."""
    with raises(TypeError, "`url` must be a str, not of type bytes"):
        parse_url(b"redis://:word@host")


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:{}@host/none",
        "redis://user:{}@host:port",
        "redis://user:{}#x@host",
        "redis://user:{}/x@host",
        "redis://user:{}?x@host",
        "redis://user:x@{}@host:port",
        "redis://:[{}@host:port",
        "redis://user:x/{}",
        "redis://user:{}",
        "redis://{}:x@host:0",
        "redis://host?{}",
        "redis://host?password={}",
        "http://user:{}@host",
        " redis://user:{}@host",
        "user:{}@host",
        "redis:user:{}@host",
        "redis+sentinel://user:{}@host",
        "redis+sentinel://host/one?sentinel_password={}&x=1",
        "redis://a,user:{}@b,c",
        "unix://user:{}@host/path",
        "redis://user:{}\n@host",
        "redis://user:{}\udcff@host",
    ],
)
def test_no_error_shows_a_password(url: str) -> None:
    """Neither the error nor its causes repeat the password, however wrong the URL is."""
    with pytest.raises(ValueError, match="`url`") as raised:
        RedisAnycast[Any](name="jobs", url=url.format(WORD), codec=json_codec(Any))
    seen: BaseException | None = raised.value
    while seen is not None:
        assert WORD not in repr(seen)
        seen = seen.__cause__ or seen.__context__
    lines = traceback.format_exception(raised.value)
    assert WORD not in "".join(lines)


def test_no_repr_shows_a_password() -> None:
    """The `repr` of a parsed URL shows no password."""
    url = f"redis+sentinel://user:{WORD}@host/one?sentinel_password={WORD}"
    assert WORD not in repr(parse_url(url))


def test_tls_checks_the_host_by_default() -> None:
    """Only an option turns off the check of the host name, or every check."""
    context = parse_url("rediss://host").access.tls
    assert context
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    context = parse_url("rediss://host?ssl_check_hostname=false").access.tls
    assert context
    assert (context.check_hostname, context.verify_mode) == (False, ssl.CERT_REQUIRED)
    context = parse_url("rediss://host?ssl_cert_reqs=none").access.tls
    assert context
    assert (context.check_hostname, context.verify_mode) == (False, ssl.CERT_NONE)
    assert parse_url("redis://host").access.tls is None


def test_sentinels_speak_tls_as_the_server_does() -> None:
    """The options of TLS are for both."""
    parts = parse_url("rediss+sentinel://host/one")
    assert parts.sentinel_access.tls is parts.access.tls is not None


def test_files_for_tls(tmp_path: Path) -> None:
    """Authorities come from a file or a folder, and the client may have a certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca")
    authority.issue_cert("host").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both")
    for path in (tmp_path / "ca", tmp_path):
        url = f"rediss://host?ssl_ca_certs={path}&ssl_certfile={tmp_path / 'both'}"
        context = parse_url(url).access.tls
        assert context
        if path != tmp_path:
            assert len(context.get_ca_certs()) >= 1


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile"])
def test_files_for_tls_that_are_of_no_use(tmp_path: Path, option: str) -> None:
    """The error names the option and the file, and says what is wrong with the file."""
    wrong = tmp_path / "wrong"
    wrong.write_text("no certificate")
    for path in (wrong, tmp_path / "missing"):
        text = re.escape(f"`url` has {option}={path} that cannot be used: ")
        with pytest.raises(ValueError, match=f"^{text}"):
            parse_url(f"rediss://host?{option}={path}")


def test_a_key_for_tls_that_is_of_no_use(tmp_path: Path) -> None:
    """The error names the certificate and the key, since the library does not tell which."""
    certificate, key = tmp_path / "certificate", tmp_path / "missing"
    trustme.CA().issue_cert("host").cert_chain_pems[0].write_to_path(certificate)
    options = f"ssl_certfile={certificate}&ssl_keyfile={key}"
    text = f"`url` has ssl_certfile={certificate} and ssl_keyfile={key} that cannot be used: "
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        parse_url(f"rediss://host?{options}")
