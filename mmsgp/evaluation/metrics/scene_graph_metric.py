"""Recall of scene graphs over a data set."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.structures import InstanceData

from mmsgp.registry import METRICS
from mmsgp.structures import SceneGraph

from ..functional import (
    apply_graph_constraint,
    flatten,
    match_triplets,
    mean_over_predicates,
    predicate_recall_at_k,
    recall_at_k,
)
from .report import PredicateTable, RecallReport


@METRICS.register_module()
class SceneGraphMetric(BaseMetric):
    """R@K and mR@K of every predicted task, with the graph constraint.

    Keys are ``<task>/R@<k>`` and ``<task>/mR@<k>``, values are percent:

    - R@K: the share of an image's relations that its first K predictions
      hit, averaged over images that have relations.
    - mR@K: the same over the relations of one predicate, averaged over the
      images that contain it, then over predicates. A predicate absent from
      the split is left out of the mean and reported.

    An image without relations is left out; an image with relations and
    without predictions counts as 0. Of several predictions for one ordered
    pair of objects only the best counts (the graph constraint).

    An image is reduced to the ranks of its relations' first hits
    (:func:`~mmsgp.evaluation.functional.match_triplets`): a few bytes are kept
    and gathered across processes, never a score matrix.

    Reads ``gt_scene_graph`` and ``pred_scene_graphs`` of each sample, and of
    the data set's meta information ``predicates`` and, to sort the tables,
    ``predicate_train_counts``.

    Args:
        iou_thr (float): The least IoU of a matched box. Defaults to 0.5.
        topk (Sequence[int | str]): The K thresholds, ``'all'`` for every
            prediction. Defaults to (20, 50, 100, 'all').
        classwise (bool): Whether to print a table of all predicates for each
            task. Defaults to True.
        output_dir (str, optional): Where to write ``metrics.json`` and
            ``per_class_recall_<task>.csv``. Defaults to None: no files.
        collect_device (str): Device by which results of several processes are
            gathered, 'cpu' or 'gpu'. Defaults to 'cpu'.
        prefix (str, optional): Put before the keys, in case an evaluator has
            several such metrics. Defaults to None.
        collect_dir (str, optional): A directory that all processes share,
            for gathering on the CPU. Defaults to None.
    """

    def __init__(self,
                 iou_thr: float = 0.5,
                 topk: Sequence[int | str] = (20, 50, 100, 'all'),
                 classwise: bool = True,
                 output_dir: str | None = None,
                 collect_device: str = 'cpu',
                 prefix: str | None = None,
                 collect_dir: str | None = None) -> None:
        # BaseMetric warns of an empty prefix, but task names are prefixes.
        super().__init__(
            collect_device=collect_device,
            prefix=prefix or 'scene_graph',
            collect_dir=collect_dir)
        self.prefix = prefix
        self.iou_thr = iou_thr
        self.topk = _checked_topk(topk)
        self.classwise = classwise
        self.output_dir = output_dir

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Reduce each sample to the predicates and ranks of its relations.

        Args:
            data_batch (dict): Not used.
            data_samples (Sequence[dict]): Samples as
                ``SceneGraphDataSample.to_dict`` gives them.
        """
        for sample in data_samples:
            # One entry a sample, even an empty one: when the sampler pads,
            # entries beyond the data set's length are cut off.
            self.results.append(self._reduce(sample))

    def _reduce(self, sample: dict) -> dict:
        name = f"image {sample.get('img_id')} ({sample.get('img_path')})"
        for key in ('gt_scene_graph', 'pred_scene_graphs'):
            if not sample.get(key):
                raise KeyError(
                    f'SceneGraphMetric needs {key!r}, but the sample of '
                    f'{name} has none; it has {sorted(sample)}.')
        gt = _graph_on_cpu(sample['gt_scene_graph'])
        ranks = {}
        for task, graph in sample['pred_scene_graphs'].items():
            pred = _graph_on_cpu(graph)
            _check_prediction(pred, f'{task} prediction of {name}')
            pred = apply_graph_constraint(pred)
            ranks[task] = match_triplets(gt, pred, self.iou_thr)
        return dict(
            img_id=sample.get('img_id'),
            predicates=gt.relations.labels.int().numpy(),
            ranks={task: rank.int().numpy()
                   for task, rank in ranks.items()})

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Recall in percent, from the ranks of all images.

        Args:
            results (list[dict]): What :meth:`process` kept, of all processes.

        Returns:
            dict[str, float]: ``'<task>/R@<k>'`` and ``'<task>/mR@<k>'``.
        """
        tasks = _common_tasks(results)
        predicates = [result['predicates'] for result in results]
        num_images = sum(len(labels) > 0 for labels in predicates)
        if num_images == 0:
            raise ValueError(
                f'None of the {len(results)} evaluated images has an '
                'annotated relation, so recall is undefined. Check the split '
                'and the annotation file of the evaluated data set.')

        metrics, tables = {}, {}
        for task in tasks:
            ranks = [result['ranks'][task] for result in results]
            by_predicate = predicate_recall_at_k(
                ranks, predicates, self.topk, len(self._names))
            for name, recall in (('R', recall_at_k(ranks, self.topk)),
                                 ('mR', mean_over_predicates(by_predicate))):
                for k, value in zip(self.topk, recall, strict=True):
                    metrics[f'{task}/{name}@{k}'] = 100 * float(value)
            tables[task] = PredicateTable(
                names=self._names,
                train_counts=self._train_counts,
                num_gt=_count(predicates, len(self._names)),
                topk=self.topk,
                recall=100 * by_predicate)

        report = RecallReport(
            metrics=metrics,
            tables=tables,
            topk=self.topk,
            num_images=num_images,
            num_images_without_relations=len(results) - num_images)
        print_log('\n' + report.render(self.classwise), logger='current')
        if self.output_dir is not None:
            report.write(Path(self.output_dir))
        return metrics

    @property
    def _names(self) -> Sequence[str]:
        meta = self.dataset_meta or {}
        if 'predicates' not in meta:
            raise KeyError(
                "SceneGraphMetric needs 'predicates' in the meta information "
                f'of the data set, which has {sorted(meta)}. The Runner sets '
                'it from `dataset.metainfo`; elsewhere set '
                '`metric.dataset_meta`.')
        return meta['predicates']

    @property
    def _train_counts(self) -> Sequence[int] | None:
        counts = self.dataset_meta.get('predicate_train_counts')
        if counts is not None and len(counts) != len(self._names):
            raise ValueError(
                f'The meta information of the data set has {len(counts)} '
                f"'predicate_train_counts' for {len(self._names)} "
                "'predicates'; expected one count a predicate.")
        return counts


def _checked_topk(topk: Sequence[int | str]) -> tuple[int | str, ...]:
    for k in topk:
        if k != 'all' and not (isinstance(k, int) and k > 0):
            raise ValueError(
                f"topk holds positive integers and 'all', but got {k!r}.")
    return tuple(topk)


def _graph_on_cpu(graph: dict) -> SceneGraph:
    """What matching needs of a graph's dictionary.

    The matching of an image is many small operations, which no accelerator
    does faster, and a CPU gives the same digits everywhere.
    """
    return SceneGraph(
        objects=_pick(graph['objects'], 'bboxes', 'labels'),
        relations=_pick(graph['relations'], 'pairs', 'labels', 'scores'))


def _pick(data: dict, *keys: str) -> InstanceData:
    return InstanceData(**{key: data[key].cpu() for key in keys if key in data})


def _check_prediction(pred: SceneGraph, name: str) -> None:
    """Refuse what would silently spoil the ranking.

    Args:
        pred (SceneGraph): A predicted graph.
        name (str): What it predicts, for the message.
    """
    if not pred.objects.bboxes.isfinite().all():
        raise ValueError(f'The {name} has NaN or infinite boxes.')
    if pred.num_relations == 0:
        return
    first, last = pred.relations.pairs.aminmax()
    if first < 0 or last >= pred.num_objects:
        raise ValueError(
            f'The {name} relates objects {first}..{last}, but has '
            f'{pred.num_objects} objects.')
    scores = pred.relations.get('scores')
    if scores is None:
        return
    # Either extreme of scores with a NaN is NaN.
    if not torch.stack(scores.aminmax()).isfinite().all():
        raise ValueError(
            f'The {name} has {(~scores.isfinite()).sum()} NaN or infinite '
            f'relation scores of {len(scores)}.')
    # Last digits may be out of order where logits were sorted, not scores.
    if (scores.diff() > 1e-3 * scores[1:].abs()).any():
        raise ValueError(
            f'The relations of the {name} are not sorted by score, best '
            'first.')


def _common_tasks(results: Sequence[dict]) -> list[str]:
    """Tasks that were predicted, the same for all images."""
    tasks = list(results[0]['ranks']) if results else []
    for result in results:
        if set(result['ranks']) != set(tasks):
            raise ValueError(
                f"Image {result['img_id']} has predictions for "
                f"{sorted(result['ranks'])}, image {results[0]['img_id']} "
                f'for {sorted(tasks)}; expected the same tasks for all.')
    return tasks


def _count(predicates: Sequence[np.ndarray], num_predicates: int) -> list[int]:
    """How many relations carry each of the predicates 1..R."""
    return np.bincount(
        flatten(predicates) - 1, minlength=num_predicates).tolist()
