"""Confusion against loops over relations and predictions."""

from collections import Counter

import numpy as np
import pytest
import torch

from mmsgp.evaluation import SceneGraphMetric
from mmsgp.evaluation.functional import aligned_iou, predicate_confusion
from mmsgp.evaluation.relation_ranks import RelationRanks
from mmsgp.testing.graphs import (
    predicted_sample,
    random_prediction,
    random_scene_graph,
)

NAMES = ('on', 'near', 'of', 'in')


def first_prediction(gt, pred, relation):
    """The predicate of the first prediction whose both objects agree."""
    for pair, predicate in zip(pred.relations.pairs, pred.relations.labels):
        agree = [
            gt.objects.labels[a] == pred.objects.labels[b]
            and aligned_iou(
                gt.objects.bboxes[a : a + 1].double().numpy(),
                pred.objects.bboxes[b : b + 1].double().numpy(),
            )[0]
            >= 0.5
            for a, b in zip(gt.relations.pairs[relation].tolist(), pair.tolist())
        ]
        if all(agree):
            return int(predicate)
    return 0


@pytest.fixture
def evaluated(tmp_path):
    """Ranks of random images, and the expected cells."""
    generator = torch.Generator().manual_seed(0)
    metric = SceneGraphMetric(output_dir=str(tmp_path), classwise=False)
    metric.dataset_meta = dict(predicates=NAMES, predicate_train_counts=[3, 9, 1, 9])
    cells = Counter()
    for i in range(40):
        gt = random_scene_graph(generator, num_objects=3)
        pred = random_prediction(
            generator, gt if i % 2 else None, num_objects=6, num_classes=2, num_relations=8
        )
        metric.process({}, [predicted_sample(i, gt, sgcls=pred).to_dict()])
        for j, predicate in enumerate(gt.relations.labels.tolist()):
            cells[predicate, first_prediction(gt, pred, j)] += 1
    metric.evaluate(40)
    return RelationRanks.load(tmp_path / 'ranks.npz'), cells


def test_every_relation_counts_with_its_first_prediction(evaluated):
    ranks, cells = evaluated
    counts = predicate_confusion(ranks, 'sgcls')
    expected = [[cells[p, q] for q in range(5)] for p in range(1, 5)]
    assert counts.tolist() == expected
    assert counts[:, 0].any() and counts[:, 1:].any(), 'nothing was tested'


def test_sorting_predicates_moves_rows_and_columns(evaluated):
    ranks, _ = evaluated
    counts = predicate_confusion(ranks, 'sgcls')
    ordered = ranks.sorted_by_frequency()
    assert ordered.names == ['near', 'in', 'on', 'of']
    assert ordered.train_counts == [9, 9, 3, 1]
    order = [1, 3, 0, 2]
    np.testing.assert_array_equal(
        predicate_confusion(ordered, 'sgcls'), counts[order][:, [0, *(i + 1 for i in order)]]
    )


def test_ranks_without_predictions_are_refused(evaluated):
    ranks, _ = evaluated
    with pytest.raises(ValueError, match="'sgcls'.*'sggen'"):
        predicate_confusion(ranks, 'sggen')
    object.__setattr__(ranks.tasks['sgcls'], 'predicted', None)
    with pytest.raises(ValueError, match='test the model again'):
        predicate_confusion(ranks, 'sgcls')
