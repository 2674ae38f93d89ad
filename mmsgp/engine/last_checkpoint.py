"""Find the checkpoint from which a run resumes.

MMEngine writes the path of the last checkpoint into ``last_checkpoint`` in the
work directory. After a power cut, or after the folder was moved, this file may
be empty, or name a checkpoint that is damaged or does not exist.
"""

from __future__ import annotations

import logging
from pathlib import Path

from mmengine.logging import print_log

from mmsgp.checkpoint.integrity import check_sound
from mmsgp.utils.files import replacing

POINTER = 'last_checkpoint'


def write_pointer(work_dir: str | Path, checkpoint: str | Path) -> None:
    """Write the path of the last checkpoint, safe from a power cut.

    Args:
        work_dir: The run's folder.
        checkpoint: The file, which must be on the disk already.
    """
    with replacing(Path(work_dir, POINTER)) as draft:
        draft.write_text(str(checkpoint))


def find_last_checkpoint(work_dir: str | Path) -> Path | None:
    """Find the last sound checkpoint of a run.

    ``last_checkpoint`` names it; the work directory is searched first, then the
    written path. If that file cannot be used, the newest sound checkpoint in
    the work directory is taken, with a warning.

    Args:
        work_dir: The run's folder.

    Returns:
        Path: The checkpoint; None if the run has saved none.

    Raises:
        ValueError: If there are checkpoints, but all of them are damaged.
    """
    pointer = Path(work_dir, POINTER)
    if not has_checkpoint(work_dir):
        return None
    named, reason = Path(), f'{pointer} does not exist'
    if pointer.is_file():
        named = Path(pointer.read_bytes().decode(errors='replace').strip('\0 \n'))
        try:
            return _check_named(pointer, named)
        except (OSError, ValueError) as error:
            reason = str(error)
    others = sorted(
        (path for path in _saved(work_dir) if path.name != named.name),
        key=lambda path: path.stat().st_mtime_ns,
        reverse=True,
    )
    for path in others:
        try:
            check_sound(path)
        except (OSError, ValueError):
            continue
        print_log(
            f'{reason}. Training resumes from {path}, the newest sound checkpoint',
            logger='current',
            level=logging.WARNING,
        )
        return path
    raise ValueError(
        f'{reason}. {pointer.parent} has no other sound checkpoint: put one '
        f'there, or delete {pointer} to start from the beginning'
    )


def has_checkpoint(work_dir: str | Path) -> bool:
    """Whether a run has saved a checkpoint, sound or not."""
    return Path(work_dir, POINTER).is_file() or bool(_saved(work_dir))


def _saved(work_dir: str | Path) -> list[Path]:
    """List the checkpoints of epochs and iterations, without the best ones."""
    return [
        path for path in Path(work_dir).glob('*_[0-9]*.pth') if not path.name.startswith('best_')
    ]


def _check_named(pointer: Path, named: Path) -> Path:
    if not named.name:
        raise ValueError(f'{pointer} is empty')
    for path in (pointer.parent / named.name, named):
        if path.is_file():
            check_sound(path)
            return path
    raise FileNotFoundError(f'{pointer} names {named}, which does not exist')


def mend_pointer(work_dir: str | Path) -> None:
    """Make ``last_checkpoint`` name a sound checkpoint; MMEngine reads it.

    Args:
        work_dir: The run's folder.

    Raises:
        ValueError: See :func:`find_last_checkpoint`.
    """
    found = find_last_checkpoint(work_dir)
    if found is not None:
        found = found.absolute()
        pointer = Path(work_dir, POINTER)
        if not pointer.is_file() or pointer.read_bytes() != str(found).encode():
            write_pointer(work_dir, found)
