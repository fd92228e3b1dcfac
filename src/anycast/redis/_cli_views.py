"""What the commands show of a channel: to people, and as JSON to programs."""

from __future__ import annotations

import math
from base64 import b64encode
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anycast.redis._cli_text import bounded, duration, printable, shortened, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anycast.redis._channel_status import ChannelStatus
    from anycast.redis._dead_letter import DeadLetter

# How many bytes of a body are shown to people: more than the width of any terminal.
SHOWN_BYTES = 500


def status_lines(name: str, status: ChannelStatus) -> Iterator[str]:
    """Tell people the status of a channel."""
    yield shortened(f"{printable(name)} is {'closed' if status.closed else 'open'}")
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
            left, deliveries = duration(each.lease_left), str(each.deliveries)
            rows.append((printable(each.id), str(each.in_hand), left, deliveries))
        yield ""
        yield from table(rows)


def status_json(name: str, status: ChannelStatus) -> dict[str, Any]:
    """Tell programs the status of a channel. JSON has no infinity, so null is no bound."""
    limit = None if status.limit == math.inf else status.limit
    shown = {**asdict(status), "limit": limit, "unacknowledged": status.unacknowledged}
    return {"name": name, **shown}


def letter_lines(letter: DeadLetter, *, whole: bool) -> Iterator[str]:
    """Tell people a dead letter. Each text is shortened to a line unless the whole is wanted."""
    age = duration((datetime.now(UTC) - letter.buried).total_seconds())
    yield shortened(f"{letter.id}  {age} ago, deliveries: {letter.deliveries}")
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
