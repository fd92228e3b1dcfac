"""Texts from elsewhere, made harmless for a terminal and for the lines of a log."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text in which everything is escaped that a terminal would obey."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
