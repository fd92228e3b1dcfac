"""The Lua scripts. Each transition of a channel is one script, and so is atomic.

Each script has a file in ``lua``, whose opening comment tells the arguments and the answer.
`common.lua` goes before every script, and its opening comment is the theory of the state that the
server stores. `check.lua` goes before every script but INIT, and checks that the channel is
still the same channel. `holder.lua` goes before the scripts that are about the messages of a
process, and checks that the lease of the process has not run out. `request.lua` and `revive.lua`
are the first parts of TAKE. `admin.lua` goes before the scripts of an operator, and
`admin_once.lua` before those of them that must not run twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

# How many messages one script takes, acknowledges or gives back at most. The server
# serves no other client while a script runs, and a script puts all ids on the stack of Lua.
MAX_BATCH = 512

_FOLDER = Path(__file__).parent / "lua"


@dataclass(frozen=True, slots=True)
class Script:
    """The text of a script, and the hash by which a server runs a known script."""

    text: bytes
    sha: bytes


def _load(*names: str, flags: str = " flags=allow-oom") -> Script:
    text = b"".join((_FOLDER / f"{name}.lua").read_bytes() for name in names)
    text = f"#!lua{flags}\n".encode() + text
    return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())


INIT = _load("common", "init")
# A server that is out of memory refuses sends alone.
SEND = _load("common", "check", "send", flags="")
TAKE = _load("common", "check", "holder", "request", "revive", "take")
ACK = _load("common", "check", "holder", "ack")
RELEASE = _load("common", "check", "holder", "release")
RENEW = _load("common", "check", "holder", "renew")
CLOSE = _load("common", "check", "close")
LEAVE = _load("common", "check", "leave")
SIZE = _load("common", "check", "size")

# A script that only reads runs where writing is refused, such as on a replica.
ADMIN_STATUS = _load("common", "admin", "admin_status", flags=" flags=no-writes,allow-oom")
ADMIN_DEAD = _load("common", "admin", "admin_dead", flags=" flags=no-writes,allow-oom")
ADMIN_KEYS = _load("common", "admin_keys", flags=" flags=no-writes,allow-oom")
ADMIN_LIMIT = _load("common", "admin", "admin_limit")
ADMIN_CLOSE = _load("common", "admin", "close")
ADMIN_REOPEN = _load("common", "admin", "admin_reopen")
ADMIN_REQUEUE = _load("common", "admin_once", "admin", "admin_requeue")
ADMIN_DROP = _load("common", "admin_once", "admin", "admin_drop")
ADMIN_DEAD_LIMIT = _load("common", "admin_once", "admin", "admin_dead_limit")
ADMIN_DESTROY = _load("common", "admin_once", "admin", "admin_destroy")
