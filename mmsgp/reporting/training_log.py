"""Values that MMEngine logged during a training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

LOGS = '*/vis_data/scalars.json'
_TIMES = ('time', 'data_time')


@dataclass(frozen=True)
class TrainingLog:
    """Logged values of a training, over its iterations.

    Attributes:
        training: Records of training steps, with ``iter``.
        validation: Records of validations; ``iter`` is that of the last
            training step logged before.
    """

    training: list[dict]
    validation: list[dict]

    @classmethod
    def read(cls, path: str | Path) -> TrainingLog:
        """Read a work directory or a ``scalars.json``.

        A work directory has a log for each start of the training; a later log
        replaces earlier ones from where it resumes. A repeated validation counts
        once.

        Raises:
            FileNotFoundError: If no log exists.
            ValueError: If a line of it is not a JSON object.
        """
        path = Path(path)
        paths = [path] if path.is_file() else sorted(path.glob(LOGS))
        if not paths:
            raise FileNotFoundError(f'{path} has no {LOGS}: tools/train.py writes it')
        training, validation = [], []
        for part in paths:
            records = _read_records(part)
            first = next((r['iter'] for r in records if 'iter' in r), None)
            if first is not None:
                training = [r for r in training if r['iter'] < first]
                validation = [r for r in validation if r['iter'] < first]
            for record in records:
                if 'iter' in record:
                    training.append(record)
                elif training:
                    last = training[-1]['iter']
                    validation = [
                        r
                        for r in validation
                        if (r['iter'], r.get('step')) != (last, record.get('step'))
                    ]
                    validation.append({**record, 'iter': last})
        return cls(training, validation)

    def keys(self, patterns: Sequence[str]) -> list[str]:
        """List logged values that match a pattern such as ``*/mR@100``."""
        known = dict.fromkeys(
            key
            for record in (*self.training, *self.validation)
            for key, value in record.items()
            if isinstance(value, (int, float)) and key not in ('iter', 'epoch', 'step')
        )
        found = [[key for key in known if fnmatch(key, pattern)] for pattern in patterns]
        return list(dict.fromkeys(key for keys in found for key in keys))

    def curve(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Return iterations and values of a key, of training if it is logged there."""
        records = [r for r in self.training if key in r] or [r for r in self.validation if key in r]
        return (
            np.array([r['iter'] for r in records], np.int64),
            np.array([r[key] for r in records], np.float64),
        )

    def seconds(self) -> dict[int, dict[str, float]]:
        """Return mean seconds per iteration by epoch: ``time``, ``data_time``."""
        epochs = dict.fromkeys(r.get('epoch', 1) for r in self.training)
        return {
            epoch: {
                key: float(
                    np.mean(
                        [r[key] for r in self.training if r.get('epoch', 1) == epoch and key in r]
                        or np.nan
                    )
                )
                for key in _TIMES
            }
            for epoch in epochs
        }


def _read_records(path: Path) -> list[dict]:
    records = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError('expected an object')
        except ValueError as error:
            raise ValueError(f'{path}, line {number}: {error}') from error
        records.append(record)
    return records
