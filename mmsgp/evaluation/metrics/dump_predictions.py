"""Keep predictions, to score them again without the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from mmengine.dist import all_gather_object, barrier, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmsgp.registry import METRICS
from mmsgp.utils.files import discard, draft_of, replacing
from mmsgp.utils.unwritten import may_be_unwritten

from ..prediction_file import PredictionFile, PredictionWriter

META_KEYS = ('classes', 'predicates', 'predicate_train_counts', 'palette')


@METRICS.register_module()
class DumpPredictions(BaseMetric):
    """Write annotated and predicted graphs to a file of predictions.

    Images are written one by one, so that memory does not grow. Each process writes
    a part next to the file; the first process joins them in the order of the
    data set, every image once. See
    :mod:`mmsgp.evaluation.prediction_file` for the format.

    Args:
        out_file: The file, ``.h5``. Processes must share its folder.
        ng_limit: Predictions of an image to keep without the graph constraint.
            Defaults to 100.
    """

    def __init__(self, out_file: str, ng_limit: int = 100) -> None:
        super().__init__(prefix='dump')
        self.out_file = Path(out_file)
        if self.out_file.suffix not in ('.h5', '.hdf5'):
            raise ValueError(f'out_file must end with .h5, got {out_file!r}')
        self.ng_limit = ng_limit
        self._restart()

    def _restart(self) -> None:
        self._writer, self._failed = None, False
        self._part = draft_of(self.out_file)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Write samples, given as ``SceneGraphDataSample.to_dict``."""
        for sample in data_samples:
            self._write(PredictionWriter.write, sample)

    def evaluate(self, size: int) -> dict:
        """Finish the file.

        Args:
            size: Not used: every image is kept once.
        """
        self._write(PredictionWriter.close)
        parts = all_gather_object(None if self._failed else self._part)
        if is_main_process():
            with may_be_unwritten(self.out_file):
                if None in parts:
                    raise OSError('a process could not write its part')
                self._merge(parts)
                print_log(f'Predictions: {self.out_file}', logger='current')
        barrier()
        discard(self._part)
        self._restart()
        return {}

    def _write(self, method: Callable, *args) -> None:
        """Call a method of this process' writer, unless one has failed."""
        if self._failed:
            return
        with may_be_unwritten(self.out_file):
            try:
                if self._writer is None:
                    self._writer = self._open(self._part)
                method(self._writer, *args)
            except OSError:
                self._failed = True
                if self._writer is not None:
                    self._writer.discard()
                discard(self._part)
                raise

    def compute_metrics(self, results: list) -> dict:
        """Return nothing, see :meth:`evaluate`."""
        return {}

    def _open(self, path: Path) -> PredictionWriter:
        path.parent.mkdir(parents=True, exist_ok=True)
        meta = self.dataset_meta or {}
        return PredictionWriter(
            path,
            {key: np.asarray(meta[key]).tolist() for key in META_KEYS if key in meta},
            self.ng_limit,
        )

    def _merge(self, paths: Sequence[Path]) -> None:
        parts = [PredictionFile(path) for path in paths]
        places = {}
        for part in parts:
            for i, key in enumerate(part.keys):
                # If an image occurs more than once, keep its first prediction.
                places.setdefault(tuple(key.values()), (part, i))
        if len(places) == sum(map(len, parts)) and len(parts) == 1:
            parts[0].close()
            with replacing(self.out_file) as draft:
                paths[0].replace(draft)
            return
        ordered = sorted(places, key=_place)
        with replacing(self.out_file) as draft, self._open(draft) as writer:
            for part, i in map(places.get, ordered):
                writer.write(part[i])
        for part in parts:
            part.close()


def _place(key: tuple) -> tuple:
    """Sorting key: the order in the data set, if it is known."""
    img_id, _, sample_idx = key
    return sample_idx is None, sample_idx or 0, str(img_id)
