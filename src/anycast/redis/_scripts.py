"""The Lua scripts. Each transition of a channel is one script, and so is atomic.

Each script has a file in ``lua``, whose opening comment tells the arguments and the answer.
`common.lua` goes before every script, and its opening comment is the theory of the state that the
server stores. `check.lua` goes before every script but INIT, and checks that the channel is
still the same channel. `holder.lua` goes before the scripts that are about the messages of a
process, and checks that the lease of the process has not run out.
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
TAKE = _load("common", "check", "holder", "revive", "take")
ACK = _load("common", "check", "holder", "ack")
RELEASE = _load("common", "check", "holder", "release")
RENEW = _load("common", "check", "holder", "renew")
CLOSE = _load("common", "check", "close")
LEAVE = _load("common", "check", "leave")
SIZE = _load("common", "check", "size")
