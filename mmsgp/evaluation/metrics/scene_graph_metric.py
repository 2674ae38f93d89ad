"""Recall of scene graphs over a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.dist import all_gather_object, get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmsgp.evaluation.image_matching import ImageMatcher
from mmsgp.evaluation.image_ranks import ImageRanks, distinct
from mmsgp.evaluation.presets import get_preset
from mmsgp.evaluation.recall_report import RecallReport
from mmsgp.evaluation.relation_ranks import RelationRanks
from mmsgp.evaluation.unseen_triplets import read_unseen
from mmsgp.registry import METRICS

from ..functional import METRIC_NAMES, check_topk, evaluate_task, predicate_groups


@METRICS.register_module()
class SceneGraphMetric(BaseMetric):
    """Recall of every predicted task, in all its usual forms.

    Keys are ``<task>/<metric>@<k>``, values are percent. The metrics:

    - ``R``: the share of an image's relations that its first K predictions
      hit, averaged over images that have relations.
    - ``mR``: the same over the relations of one predicate, averaged over the
      images that contain it, then over predicates. A predicate absent from
      the split is left out of the mean and reported.
    - ``F``: the harmonic mean of ``R`` and ``mR``.
    - ``head-mR``, ``body-mR``, ``tail-mR``: ``mR`` over a group of the
      predicates by training frequency: thirds, or as ``groups`` says.
    - ``ng-R``, ``ng-mR``: without the graph constraint, every pair may have
      all predicates; the best ``ng_limit`` of all are ranked, by probability
      times the pair's weight.
    - ``zR``, ``ng-zR``: ``R`` and ``ng-R`` over the relations whose triplet of
      classes and predicate never occurs in training.
    - ``PR``: the share of an image's annotated ordered pairs that its first K
      predictions hit, whatever the predicate.
    - ``P``: the share of an image's first K predictions that hit an annotated
      relation which no better one hits; divided by the number of predictions if
      that is smaller. Annotations are not complete, so it is a lower bound. With
      it come the threshold of the score with the largest harmonic mean
      of precision and recall, and their curve.
    - ``A@1``, ``mA@1``: the share of all annotated relations whose pair's best
      prediction has their predicate, and its mean over predicates. A pair
      without prediction counts as wrong.

    The task ``sggen`` also gives ``phrdet``, phrase detection: the same
    predictions, matched by the union box of subject and object.

    Images without relations are left out, and their number is reported; an image
    with relations, but without predictions, counts as 0. Except for ``ng-``, only
    the best of several predictions for one ordered pair counts (the graph
    constraint).

    If the Runner hands over the statistics of the training set, the same is measured of
    the frequency baseline: the pairs of the prediction get the predicate that is most
    frequent for their two classes, and are ranked by its share times the objects'
    probabilities.

    An image is reduced to the ranks of its relations' first hits
    (:func:`~mmsgp.evaluation.functional.match_triplets`): a few bytes are kept
    and gathered across processes, never a score matrix. If several processes see
    an image, because samplers pad, it counts once.

    Reads ``gt_scene_graph`` (zero-shot recall needs ``relations.unseen``) and
    ``pred_scene_graphs`` (``ng-`` needs ``relations.distribution`` and
    ``relations.weights``) of each sample, and of the data set's meta
    information ``predicates`` and, for groups and the order of tables,
    ``predicate_train_counts``. Metrics whose inputs are missing
    are skipped and listed in the log.

    Args:
        preset: The protocol of a publication, one of
            :data:`~mmsgp.evaluation.presets.PRESETS`. Defaults to ``'mmsgp'``,
            as above.
        zero_shot_file: List of unseen triplets (``zeroshot_triplet.pytorch`` of
            SGB), instead of those that the data give. Defaults to None.
        iou_thr: The least IoU of a matched box. Defaults to 0.5.
        topk: The K thresholds, ``'all'`` for every prediction. Defaults to (20,
            50, 100, 'all').
        metric: Some of the above metrics, without ``@K``. Defaults to None: all
            that can be computed. As in ``CocoMetric``: MMEngine takes a dict
            with ``metrics`` for an evaluator.
        groups: Head, body and tail: ``'thirds'``, ``'vg150'`` or two numbers of
            training relations, see
            :func:`~mmsgp.evaluation.functional.predicate_groups`. Defaults to
            ``'thirds'``.
        ng_limit: Predictions of an image that are ranked without the graph
            constraint, at least the largest number in ``topk``; also the
            meaning of ``'all'`` there. Defaults to 100.
        classwise: Whether to print a table of all predicates for each task.
            Defaults to True.
        output_dir: Where to write ``metrics.json``, ``metrics_<task>.csv``,
            ``per_class_recall_<task>.csv`` and ``ranks.npz``. Defaults to None:
            no files.
        collect_device: Device by which results of several processes are
            gathered, 'cpu' or 'gpu'. Defaults to 'cpu'.
        prefix: Put before the keys, in case an evaluator has several such
            metrics. Defaults to None.
        collect_dir: A directory that all processes share, for gathering on the
            CPU. Defaults to None.

    Raises:
        ValueError: If a metric, a threshold or a group is unknown, or, while
            evaluating, a prediction is not finite, is not sorted or refers to
            objects that do not exist; it names the image.
    """

    def __init__(
        self,
        iou_thr: float = 0.5,
        topk: Sequence[int | str] = (20, 50, 100, 'all'),
        metric: Sequence[str] | None = None,
        groups: str | Sequence[int] = 'thirds',
        ng_limit: int = 100,
        classwise: bool = True,
        output_dir: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
        preset: str = 'mmsgp',
        zero_shot_file: str | None = None,
    ) -> None:
        # BaseMetric warns of an empty prefix, but task names are prefixes.
        super().__init__(
            collect_device=collect_device, prefix=prefix or 'scene_graph', collect_dir=collect_dir
        )
        self.prefix = prefix
        if not 0 < iou_thr <= 1:
            raise ValueError(f'iou_thr must lie within (0, 1], got {iou_thr}')
        self.iou_thr = iou_thr
        self.topk = check_topk(topk)
        unknown = set(metric or ()) - set(METRIC_NAMES)
        if unknown:
            raise ValueError(f'metric takes some of {METRIC_NAMES}, got {sorted(unknown)}')
        self.metrics = METRIC_NAMES if metric is None else tuple(metric)
        predicate_groups((1,), groups)  # raises an error for unknown groups
        self.groups = groups
        self.ng_limit = effective_ng_limit(ng_limit, self.topk)
        self.with_ng = any(name.startswith('ng-') for name in self.metrics)
        self.classwise = classwise
        self.output_dir = output_dir
        self.preset = preset
        self._match = ImageMatcher(
            iou_thr,
            self.ng_limit,
            self.with_ng,
            get_preset(preset),
            None if zero_shot_file is None else read_unseen(zero_shot_file),
        )

    def load_statistics(self, statistics) -> None:
        """Take the statistics of the training set, for the frequency baseline.

        Args:
            statistics: With ``triplet_counts`` (C+1, C+1, R+1), unknown first.
        """
        counts = np.asarray(statistics.triplet_counts, np.float64)
        self._match.frequency = counts[..., 1:] / counts.sum(axis=-1, keepdims=True)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Reduce each sample to the predicates and ranks of its relations.

        Args:
            data_batch: Not used.
            data_samples: Samples, given as ``SceneGraphDataSample.to_dict``.
        """
        self.results.extend(map(self._match, data_samples))

    def evaluate(self, size: int) -> dict[str, float]:
        """Compute the metrics of the whole data set.

        Args:
            size: Not used: each image counts once, by its index or id, even if
                samplers pad.

        Returns:
            dict[str, float]: ``<task>/<metric>@<k>``, percent.
        """
        # Pad to equal lengths: MMEngine truncates the gathered list to ``size``.
        longest = max(all_gather_object(len(self.results)))
        self.results += [None] * (longest - len(self.results))
        return super().evaluate(longest * get_world_size())

    def compute_metrics(self, results: list[ImageRanks | None]) -> dict[str, float]:
        """Compute the metrics in percent, from the ranks of all images.

        Args:
            results: Results of :meth:`process`, of all processes.

        Returns:
            dict[str, float]: ``<task>/<metric>@<k>``.
        """
        images = [image for image in results if image is not None]
        relations = RelationRanks.concatenate(
            distinct(images), self._names, self._train_counts, self.ng_limit, self.preset
        )
        report = RecallReport(
            relations,
            {
                task: evaluate_task(relations, task, self.topk, self.metrics, self.groups)
                for task in relations.tasks
            },
            self.topk,
            self.metrics,
            self.groups,
        )
        print_log('\n' + report.render(self.classwise), logger='current')
        if self.output_dir is not None:
            report.write(Path(self.output_dir))
        return report.metrics

    @property
    def _names(self) -> Sequence[str]:
        meta = self.dataset_meta or {}
        if 'predicates' not in meta:
            raise KeyError(
                "SceneGraphMetric needs 'predicates' in the meta information "
                f'of the data set, which has {sorted(meta)}. The Runner sets '
                'it from `dataset.metainfo`; elsewhere set '
                '`metric.dataset_meta`.'
            )
        return meta['predicates']

    @property
    def _train_counts(self) -> Sequence[int] | None:
        counts = self.dataset_meta.get('predicate_train_counts')
        if counts is not None and len(counts) != len(self._names):
            raise ValueError(
                f'The meta information of the data set has {len(counts)} '
                f"'predicate_train_counts' for {len(self._names)} "
                "'predicates'; expected one count per predicate."
            )
        return counts


def effective_ng_limit(ng_limit: int, topk: Sequence[int | str]) -> int:
    """Return ``ng_limit``, or the largest K if that is larger.

    Raises:
        ValueError: If ``ng_limit`` is not positive.
    """
    if ng_limit < 1:
        raise ValueError(f'ng_limit must be positive, got {ng_limit}')
    return max([ng_limit, *(k for k in topk if k != 'all')])
