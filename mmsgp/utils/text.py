"""Text of messages."""
from __future__ import annotations


def in_a_line(error: Exception, limit: int = 300) -> str:
    """The text of an error on one line, cut to so many letters."""
    return ' '.join(str(error).split())[:limit]
