"""The sweep of tau over one file of predictions."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmsgp.evaluation import PredictionWriter, SceneGraphMetric
from mmsgp.models.debiasing import PostHocLogitAdjustment
from mmsgp.models.relation_heads.ranking import rank_relations
from mmsgp.structures import ObjectBatch
from mmsgp.testing.graphs import all_pairs, predicted_sample, random_scene_graph

COUNTS = [500, 40, 8, 0]
META = dict(classes=list('abcde'), predicates=list('wxyz'), predicate_train_counts=COUNTS)


def samples_with(tau, scorer=False):
    """What a model predicts with this strength."""
    generator = torch.Generator().manual_seed(0)
    method = PostHocLogitAdjustment(4, tau=tau).double()
    method.load_statistics(SimpleNamespace(predicate_counts=COUNTS))
    samples = []
    for i in range(12):
        gt = random_scene_graph(generator, num_relations=6)
        logits = 2 * torch.randn(20, 5, generator=generator).double()
        significance = torch.randn(20, generator=generator) if scorer else None
        objects = ObjectBatch.from_list([gt.objects.bboxes], torch.randn(5, 6, generator=generator))
        (pred,) = rank_relations(
            objects.logits,
            gt.objects.labels,
            method.adjust(logits, None, None, None, None),
            significance,
            objects,
            all_pairs(5),
            'expected_significance' if scorer else 'probability',
        )
        samples.append(predicted_sample(i, gt, sgcls=pred))
    return samples


def write(path, limit=1000, meta=META, scorer=False):
    with PredictionWriter(path, meta, limit) as writer:
        for sample in samples_with(0, scorer):
            writer.write(sample.to_dict())
    return path


@pytest.mark.parametrize('scorer', [False, True])
def test_the_curve_is_that_of_the_model_at_each_strength(tmp_path, run_tool, capsys, scorer):
    path = write(tmp_path / 'p.h5', scorer=scorer)
    run_tool(
        'analysis_tools/sweep_tau', path, '--tau', 0, 0.5, 1, '--topk', 5, '--out', tmp_path / 'c'
    )
    result = json.loads((tmp_path / 'c.json').read_text())
    different = set()
    for tau in ('0.0', '0.5', '1.0'):
        metric = SceneGraphMetric(topk=(5,), metric=('R', 'mR', 'F'), classwise=False)
        metric.dataset_meta = META
        for sample in samples_with(float(tau), scorer):
            metric.process({}, [sample.to_dict()])
        assert result[tau] == pytest.approx(metric.evaluate(12), rel=1e-9)
        different.add(tuple(result[tau].values()))
    assert len(different) > 1
    assert (tmp_path / 'c.png').stat().st_size > 1000
    rows = np.genfromtxt(tmp_path / 'c.csv', delimiter=',', skip_header=1, usecols=(1, 2, 3))
    assert rows[:, 0].tolist() == [0, 0.5, 1]
    assert rows[1, 1:].tolist() == pytest.approx(
        [result['0.5'][f'sgcls/{name}@5'] for name in ('mR', 'R')]
    )
    best = max(result, key=lambda tau: result[tau]['sgcls/F@5'])
    assert f'sgcls: tau {float(best):g} has the largest F' in capsys.readouterr().out


def test_what_a_file_lacks_is_named(tmp_path, run_tool):
    few = write(tmp_path / 'few.h5', limit=79)
    with pytest.raises(SystemExit, match='few.h5: sgcls of image 0 has 79 of 80 .*ng_limit'):
        run_tool('analysis_tools/sweep_tau', few, '--out', tmp_path / 'c')
    bare = write(tmp_path / 'bare.h5', meta=dict(predicates=list('wxyz')))
    with pytest.raises(SystemExit, match="bare.h5 has no 'predicate_train_counts'"):
        run_tool('analysis_tools/sweep_tau', bare, '--out', tmp_path / 'c')
    assert not list(tmp_path.glob('c.*'))
