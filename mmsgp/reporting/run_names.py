"""Short names of files and folders."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def distinct_tails(paths: Sequence[str | Path], least: int = 1) -> list[str]:
    """The last parts of paths, as few as tell all of them apart.

    Args:
        paths: Files or folders.
        least (int): Parts to keep at least. Defaults to 1.

    Returns:
        list[str]: One for each path; alike for equal paths alone.

    Example:
        >>> distinct_tails(['runs/a/epoch_4', 'more/a/epoch_4', 'runs/b/epoch_4'])
        ['runs/a/epoch_4', 'more/a/epoch_4', 'runs/b/epoch_4']
    """
    parts = [Path(path).parts for path in paths]
    number = least
    while len({part[-number:] for part in parts}) < len(set(parts)):
        number += 1
    return [str(Path(*part[-number:])) for part in parts]
