"""The headers of a message: a few short texts that travel beside the body, such as a trace id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def write_headers(headers: Mapping[str, str] | None) -> bytes:
    """Return the bytes of headers, as the server keeps the headers; empty for no headers.

    Raises:
        TypeError: if the headers are not a mapping of str to str.
        ValueError: if UTF-8 cannot encode a text.
    """
    if not headers:
        return b""
    try:
        pairs = dict(headers)
    except (TypeError, ValueError):
        raise TypeError(f"`headers` must be a mapping of str to str, not {headers!r}") from None
    for text in (*pairs.keys(), *pairs.values()):
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"`headers` must map str to str, and {text!r} is no str")
    try:
        return json.dumps(pairs, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"`headers` must be texts that UTF-8 can encode: {error}") from None


def read_headers(stored: bytes) -> dict[str, str]:
    """Return the headers that `write_headers` wrote.

    Raises:
        TypeError, ValueError: if the bytes are not such headers.
    """
    if not stored:
        return {}
    headers: dict[str, str] = dict(json.loads(stored))
    if any(type(text) is not str for text in headers.values()):
        raise ValueError("these are no headers")
    return headers
