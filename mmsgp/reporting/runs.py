"""A run of a report, read from its work directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmengine.config import Config

from mmsgp.engine.config_file import read_config_file
from mmsgp.evaluation import PredictionFile
from mmsgp.evaluation.relation_ranks import RANKS_FILE, RelationRanks
from mmsgp.reporting.training_log import LOGS, TrainingLog

PREDICTIONS_FILE = 'predictions.h5'
CHECK_FILE = 'dataset_check.json'


@dataclass(frozen=True)
class ReportedRun:
    """A work directory with a test, and maybe the training before it.

    Args:
        name: Its name in the report.
        folder: The work directory.

    Raises:
        FileNotFoundError: If it holds no ``metrics.json``.
        ValueError: If the file is damaged.
    """

    name: str
    folder: Path

    def __post_init__(self) -> None:
        if not self.metrics:
            raise ValueError(
                f'{self.folder / "metrics.json"} has no metrics: '
                'test the model again, with tools/test.py'
            )

    @cached_property
    def summary(self) -> dict:
        """dict: The content of ``metrics.json``."""
        path = self.folder / 'metrics.json'
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} not found: python tools/test.py CONFIG CHECKPOINT '
                f'--work-dir {self.folder} --out '
                f'{self.folder / PREDICTIONS_FILE}'
            )
        try:
            return dict(json.loads(path.read_text(encoding='utf-8')))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'{path} is damaged ({error}): test the model again, with tools/test.py'
            ) from error

    @property
    def metrics(self) -> dict[str, float | None]:
        """dict[str, float]: ``<task>/<metric>@<k>``, percent."""
        return {key: value for key, value in self.summary.items() if '@' in key}

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(key.split('/')[0] for key in self.metrics))

    @cached_property
    def config(self) -> Config | None:
        """Config: The config of the last command that ran here."""
        paths = sorted(self.folder.glob('*.py'), key=lambda p: p.stat().st_mtime)
        return read_config_file(paths[-1]) if paths else None

    @cached_property
    def ranks(self) -> RelationRanks | None:
        path = self.folder / RANKS_FILE
        return RelationRanks.load(path).sorted_by_frequency() if path.is_file() else None

    @cached_property
    def log(self) -> TrainingLog | None:
        return TrainingLog.read(self.folder) if any(self.folder.glob(LOGS)) else None

    @cached_property
    def data_check(self) -> dict | None:
        """dict: ``facts`` and ``findings`` of the data when training began."""
        path = self.folder / CHECK_FILE
        return json.loads(path.read_text(encoding='utf-8')) if path.is_file() else None

    @property
    def predictions(self) -> PredictionFile | None:
        path = self.folder / PREDICTIONS_FILE
        return PredictionFile(path) if path.is_file() else None

    @cached_property
    def test_times(self) -> dict[str, float] | None:
        """dict: Seconds per batch of the last test: ``time``, ``data_time``."""
        # MMEngine writes the result of a test into TIMESTAMP/TIMESTAMP.json.
        paths = [path for path in self.folder.glob('*/*.json') if path.stem == path.parent.name]
        if not paths:
            return None
        result = json.loads(max(paths).read_text(encoding='utf-8'))
        return {key: result[key] for key in ('time', 'data_time') if key in result}
