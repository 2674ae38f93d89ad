"""Remember the settings that a folder of results was made with."""

from __future__ import annotations

import json
from pathlib import Path

from mmsgp.utils.files import replacing
from mmsgp.utils.unwritten import may_be_unwritten

FILE = 'settings.json'


def describe_file(path: Path | str | None) -> str | None:
    """Path, size and time of a file, which change when it is written again."""
    if path is None or not Path(path).is_file():
        return None if path is None else str(path)
    stat = Path(path).stat()
    return f'{Path(path).resolve()} ({stat.st_size} bytes, {stat.st_mtime_ns})'


def changed_settings(folder: Path, settings: dict) -> list[str] | None:
    """Compare settings with those that a folder was made with.

    Args:
        folder: Folder of results.
        settings: Numbers and texts by name.

    Returns:
        list[str], optional: Names of the settings that differ; None if the folder
        does not tell its settings.
    """
    try:
        before = json.loads((folder / FILE).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    return [key for key in settings if before.get(key) != settings[key]]


def keep_settings(folder: Path, settings: dict) -> None:
    """Write the settings into a folder of results."""
    with may_be_unwritten(folder / FILE), replacing(folder / FILE) as draft:
        draft.write_text(json.dumps(settings, indent=1) + '\n', encoding='utf-8')
