"""Shorten texts for messages."""

from __future__ import annotations


def in_a_line(error: Exception, limit: int = 300) -> str:
    """Return the text of an error in one line, with at most ``limit`` letters."""
    return ' '.join(str(error).split())[:limit]
