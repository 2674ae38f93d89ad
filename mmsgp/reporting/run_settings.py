"""Record a run's settings, to notice results that were made with others."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mmengine.config import Config

from mmsgp.checkpoint.pretrained import pretrained_cfgs
from mmsgp.utils.files import replacing
from mmsgp.utils.hashing import hash_files


@cache
def _file_key(path: str, changed: int) -> str:
    """Hash a file. ``changed``, in nanoseconds, is part of the cache's key."""
    # The prefix is part of the hashes that files of earlier runs hold.
    return hash_files([path], prefix=b'[1, {}]')


class RunSettings:
    """Config of a run and weights of its detector, kept in a file.

    A detector is identified by a hash of its weights. Weights at a URL, or not
    trained yet, have no hash.

    Args:
        path: The file, next to the results.
        cfg: The config of a scene graph parser.
    """

    def __init__(self, path: Path, cfg: Config) -> None:
        self.path = path
        # as it is when read from the file
        self._config = json.loads(json.dumps(cfg.to_dict(), default=str))
        self._weights = [
            init_cfg.checkpoint for init_cfg in pretrained_cfgs(cfg.model.detector.get('init_cfg'))
        ]

    def has_detector(self) -> bool:
        """Whether the weights that the run starts from exist."""
        return all('://' in path or os.path.isfile(path) for path in self._weights)

    def keep(self) -> None:
        """Write the file."""
        settings = dict(config=self._config, detector=self._detector())
        with replacing(self.path) as draft:
            draft.write_text(json.dumps(settings, indent=1))

    def differ(self) -> bool:
        """Whether the file has another config or another detector.

        Raises:
            ValueError: If it cannot be read.
        """
        config, kept = self._kept()
        current = self._detector()
        return config not in (None, self._config) or any(
            current.get(path, key) != key for path, key in kept.items()
        )

    def lost_detector(self) -> str | None:
        """Return the path of recorded weights that no longer exist.

        Raises:
            ValueError: If the file cannot be read.
        """
        return next((path for path in self._kept()[1] if not os.path.isfile(path)), None)

    def _detector(self) -> dict[str, str]:
        return {
            path: _file_key(path, os.stat(path).st_mtime_ns)
            for path in filter(os.path.isfile, self._weights)
        }

    def _kept(self) -> tuple[dict | None, dict[str, str]]:
        """Read config and detector; None and an empty dict without a file."""
        if not self.path.is_file():
            return None, {}
        try:
            kept = json.loads(self.path.read_text())
            return kept['config'], dict(kept['detector'])
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(f'{self.path} cannot be read: {error!r}') from error


def check_folders(cells: Sequence, table: Sequence) -> None:
    """Check, before hours of training, that existing results fit the settings.

    Args:
        cells: Runs, with ``settings`` (:class:`RunSettings`) and ``metrics`` (a file).
        table: All runs of the table.

    Raises:
        ValueError: If a cell has other settings, or the detector of existing
            results is gone and another would be trained.
    """
    for cell in cells:
        if cell.settings.differ():
            raise ValueError(
                f'{cell.settings.path}: these results come from another config, '
                'detector or --cfg-options. Delete the folder, or name another '
                '--out-dir'
            )
    if all(cell.metrics.is_file() for cell in cells):
        return
    for cell in table:
        path = cell.settings.lost_detector()
        if path is not None:
            raise ValueError(
                f'{cell.settings.path}: the detector of these results, {path}, is '
                'gone. Put it back, delete the folder, or name another '
                '--out-dir'
            )
