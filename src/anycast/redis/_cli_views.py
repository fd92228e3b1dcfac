"""The output of the commands about a channel: for people, and as JSON for programs."""

from __future__ import annotations

import math
from base64 import b64encode
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anycast.redis._cli_text import bounded, duration, shortened, table
from anycast.redis._printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anycast.redis._channel_status import ChannelStatus
    from anycast.redis._dead_letter import DeadLetter

# How many bytes of a body are shown to people: more than the width of any terminal.
SHOWN_BYTES = 500


def status_lines(name: str, status: ChannelStatus) -> Iterator[str]:
    """Tell people the status of a channel."""
    yield f"{printable(name)} is {'closed' if status.closed else 'open'}"
    yield from table(
        [
            ("  unacknowledged", bounded(status.unacknowledged, status.limit)),
            ("    waiting", str(status.waiting)),
            ("    in hand", str(status.in_hand)),
            ("    delayed", str(status.delayed)),
            ("  oldest message", duration(status.oldest_age)),
            ("  blocked senders", str(status.blocked_senders)),
            ("  dead letters", bounded(status.dead, status.dead_limit)),
            ("  max deliveries", str(status.max_deliveries or "no limit")),
            ("  lease", duration(status.lease)),
            ("  processes", str(len(status.processes))),
        ]
    )
    if status.processes:
        rows = [("process", "in hand", "lease left", "deliveries")]
        for each in status.processes:
            left = duration(each.lease_left) if each.lease_left else "run out"
            rows.append((printable(each.id), str(each.in_hand), left, str(each.deliveries)))
        yield ""
        yield from table(rows)


def status_json(name: str, status: ChannelStatus) -> dict[str, Any]:
    """Tell programs the status of a channel. JSON has no infinity, so null is no bound."""
    limit = None if status.limit == math.inf else status.limit
    shown = {**asdict(status), "limit": limit, "unacknowledged": status.unacknowledged}
    return {"name": name, **shown}


def letter_lines(letter: DeadLetter, *, whole: bool) -> Iterator[str]:
    """Tell people a dead letter. Each text is shortened to a line unless the whole is wanted."""
    now = datetime.now(UTC)
    buried, sent = (duration((now - at).total_seconds()) for at in (letter.buried, letter.sent))
    yield f"{letter.id}  {buried} ago, deliveries: {letter.deliveries}"
    yield f"  message {letter.message_id}, sent {sent} ago"
    texts = {
        "error": letter.error,
        **{f"header {key}": text for key, text in letter.headers.items()},
        f"body, {letter.body_size} bytes": letter.body.decode(errors="backslashreplace"),
    }
    for title, text in texts.items():
        line = f"  {printable(title)}: {printable(text)}"
        yield line if whole else shortened(line)


def letter_json(letter: DeadLetter) -> dict[str, Any]:
    """Tell programs a dead letter. A body that is not UTF-8 is in base 64."""
    shown = asdict(letter)
    for key in ("sent", "buried"):
        shown[key] = shown[key].isoformat()
    try:
        shown["body"], shown["encoding"] = letter.body.decode(), "utf-8"
    except UnicodeDecodeError:
        shown["body"], shown["encoding"] = b64encode(letter.body).decode(), "base64"
    return shown
