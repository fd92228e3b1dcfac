"""The URL of a channel: the addresses of servers, and how to connect to them.

A password may hold characters that end the part of a URL in which the password stands: `/`, `?`,
`#`, `@`. Then parts of the password look like other parts of the URL. So no error shows a part of
the URL but the scheme, known names, names of options, and values of the options for TLS. An `@`
behind the host can come only from such a password, or must be written as %40. So this is checked
before the options.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from coredis.connection import (
    TCPConnection,
    TCPLocation,
    UnixDomainSocketConnection,
    UnixDomainSocketLocation,
)

from anycast.redis import _tls

if TYPE_CHECKING:
    from ssl import SSLContext

    from coredis.connection import BaseConnection

    Place = TCPLocation | UnixDomainSocketLocation

REDIS_PORT, SENTINEL_PORT = 6379, 26379
# The kinds of URLs. A scheme that begins with `rediss` is of the same kind, with TLS.
KINDS = ("redis", "redis+sentinel", "redis+cluster", "unix")
SCHEMES_TEXT = (
    "redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://,"
    " redis+cluster:// or rediss+cluster://"
)
PORTS = range(1, 65_536)
OPTIONS = ("db", "client_name")
SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
PARTS = re.compile(
    r"(?P<scheme>[a-z][a-z+]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?",
    re.DOTALL,
)
HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%a-z]+\]|[^\s:\[\]]+)(:(?P<port>[0-9]*))?")


@dataclass(frozen=True, slots=True)
class Access:
    """How to connect to servers: user, password, database, TLS."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    client_name: str | None = None
    tls: SSLContext | None = None

    def new_connection(self, place: Place) -> BaseConnection:
        """Return a connection to an address; the connection is not running yet."""
        # Without a timeout for connecting: `open_connection` has its own.
        options: dict[str, Any] = {
            "username": self.username,
            "password": self.password,
            "db": self.database,
            "client_name": self.client_name,
            "connect_timeout": None,
        }
        if isinstance(place, UnixDomainSocketLocation):
            return UnixDomainSocketConnection(place, **options)
        return TCPConnection(place, ssl_context=self.tls, **options)


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """The parts of a URL.

    Args:
        scheme: one of `KINDS`.
        places: the addresses in the URL: of a server, of Sentinels, or of nodes of a cluster.
        service: the name by which Sentinels know the server; else empty.
        access: to servers.
        sentinel_access: to Sentinels.
    """

    scheme: str
    places: tuple[Place, ...]
    service: str
    access: Access
    sentinel_access: Access


def parse_url(url: object) -> ServerUrl:
    """Return the parts of a URL.

    Raises:
        TypeError: if the URL is not a str.
        ValueError: if a part of the URL is wrong. The text never shows the password.
    """
    if not isinstance(url, str):
        raise TypeError(f"`url` must be a str, not of type {type(url).__name__}")
    if not url.isprintable():
        raise ValueError("`url` must have no control characters, and be valid Unicode")
    found = PARTS.match(url)
    if found is None:
        raise ValueError(f"`url` must begin with {SCHEMES_TEXT}, as in redis://localhost:6379/0")
    scheme = found["scheme"]
    kind = re.sub(r"^rediss\b", "redis", scheme)
    if kind not in KINDS:
        raise ValueError(f"`url` must begin with {SCHEMES_TEXT}, not {scheme!r}")
    _check_escapes(url, found, kind)
    userinfo, _, hosts = found["authority"].rpartition("@")
    username, _, password = userinfo.partition(":")
    places = _socket(found["path"], hosts) if kind == "unix" else _hosts(hosts, kind)
    service, database = _service_and_database(found["path"], kind)
    options = _options(found["query"] or "", kind, tls=scheme.startswith("rediss"))
    tls = _tls.new_context(options) if scheme.startswith("rediss") else None
    return ServerUrl(
        kind,
        places,
        service,
        Access(
            unquote(username) or None,
            unquote(password) or None,
            _database(database, options.get("db")),
            options.get("client_name"),
            tls,
        ),
        Access(options.get("sentinel_username"), options.get("sentinel_password"), tls=tls),
    )


def _check_escapes(url: str, found: re.Match[str], kind: str) -> None:
    """Check for characters of a password that look like parts of the URL."""
    if found.end() != len(url):
        raise ValueError("`url` must have no '#': in a password, write %23")
    behind = (found["query"] or "") if kind == "unix" else url[found.end("authority") :]
    if "@" in behind:
        raise ValueError(
            "`url` must have no '@' behind the host: write %40, and in a password also"
            " %2F for '/', %3F for '?' and %23 for '#'"
        )


def _socket(path: str, hosts: str) -> tuple[Place, ...]:
    if hosts or not path.strip("/"):
        raise ValueError("`url` must name the path of a socket, as in unix:///run/redis.sock")
    return (UnixDomainSocketLocation(unquote(path)),)


def _hosts(hosts: str, kind: str) -> tuple[Place, ...]:
    texts = hosts.split(",")
    if len(texts) > 1 and kind == "redis":
        raise ValueError(
            "`url` must name one host; several hosts need redis+sentinel:// or redis+cluster://"
        )
    return tuple(
        _host(text, SENTINEL_PORT if kind == "redis+sentinel" else REDIS_PORT) for text in texts
    )


def _host(text: str, default: int) -> TCPLocation:
    found = HOST.match(text)
    if not found:
        raise ValueError("`url` must name a host, or the path of a socket")
    port = int(found["port"] or default)
    if found.end() != len(text) or port not in PORTS:
        raise ValueError("`url` must have a port from 1 to 65535 behind the host and ':', or none")
    return TCPLocation(unquote(found["host"]).strip("[]"), port)


def _service_and_database(path: str, kind: str) -> tuple[str, str]:
    """Return the name of a service, and the text of a database, from the path of a URL."""
    if kind == "unix":
        return "", ""
    service, database = "", path.removeprefix("/")
    if kind == "redis+sentinel":
        service, _, database = database.partition("/")
        if not service:
            raise ValueError(
                "`url` must name the service that the Sentinels watch, as in"
                " redis+sentinel://host:26379/service/0"
            )
    return unquote(service), database.removesuffix("/")


def _options(query: str, kind: str, *, tls: bool) -> dict[str, str]:
    """Return the options of a URL, by name."""
    known = [*OPTIONS, *(_tls.OPTIONS if tls else ())]
    known += SENTINEL_OPTIONS if kind == "redis+sentinel" else ()
    options: dict[str, str] = {}
    for name, value in parse_qsl(query[1:], keep_blank_values=True):
        if name not in known:
            # Only what looks like a name is shown.
            shown = (
                repr(name) if re.fullmatch("[a-z_]+", name) and f"{name}=" in query else "another"
            )
            if name in _tls.OPTIONS and kind != "unix":
                shown += f", which needs {kind.replace('redis', 'rediss', 1)}://"
            raise ValueError(f"`url` must have no options but {', '.join(known)}, not {shown}")
        if name in options or not value:
            raise ValueError(f"`url` must have the option {name} once, and with a value")
        options[name] = value
    return options


def _database(path: str, option: str | None) -> int:
    texts = [text for text in (path, option) if text]
    if any(not re.fullmatch("[0-9]{1,9}", text) for text in texts):
        raise ValueError("`url` must name the database by a number, as in redis://host/0")
    numbers = {int(text) for text in texts}
    if len(numbers) > 1:
        raise ValueError("`url` must name the database once: behind the host, or as the option db")
    return numbers.pop() if numbers else 0
