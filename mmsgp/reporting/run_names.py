"""Short names of files and folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def distinct_tails(paths: Sequence[str | Path], least: int = 1) -> list[str]:
    """Return the last parts of paths, as few as keep all of them different.

    Args:
        paths: Files or folders.
        least: Parts to keep at least. Defaults to 1.

    Returns:
        list[str]: One per path; only equal paths have equal names.

    Example:
        >>> distinct_tails(['runs/a/epoch_4', 'more/a/epoch_4', 'runs/b/epoch_4'])
        ['runs/a/epoch_4', 'more/a/epoch_4', 'runs/b/epoch_4']
    """
    parts = [Path(path).parts for path in paths]
    number = least
    while len({part[-number:] for part in parts}) < len(set(parts)):
        number += 1
    return [str(Path(*part[-number:])) for part in parts]
