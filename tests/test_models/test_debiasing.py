"""Debiasing of predicate logits."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmsgp.apis import load_parser
from mmsgp.checkpoint.pretrained import check_load_from
from mmsgp.evaluation.prediction_file import PredictionFile
from mmsgp.models.debiasing import PostHocLogitAdjustment
from mmsgp.testing.models import (
    CONFIGS,
    HEADS,
    random_objects,
    random_samples,
    small_parser,
    write_random_checkpoint,
)
from mmsgp.testing.vg_data import make_vg_data

COUNTS = [50, 30, 20, 0]
ADJUSTED = dict(type='PostHocLogitAdjustment', tau=0.3)


def head_and_input(**head):
    parser = small_parser(**head).eval()
    objects = random_objects([4, 0, 3])
    maps = (torch.randn(3, 64, 12, 12),)
    head = parser.relation_head
    return head, head.extract_regions(maps, objects), objects


@pytest.fixture
def method():
    method = PostHocLogitAdjustment(num_predicates=4, tau=0.3).double()
    method.load_statistics(SimpleNamespace(predicate_counts=COUNTS))
    return method


def test_logits_equal_the_formula_of_menon_et_al(method):
    torch.manual_seed(0)
    logits = torch.randn(7, 5, dtype=torch.float64)
    adjusted = method.adjust(logits, None, None, None, None)
    share = torch.tensor([0.5, 0.3, 0.2, 0.01], dtype=torch.float64)
    for row, expected in zip(adjusted, logits):
        assert row[0] == expected[0]  # unknown is no predicate
        for p in range(4):
            torch.testing.assert_close(
                row[1 + p], expected[1 + p] - 0.3 * share[p].log(), rtol=1e-12, atol=1e-12
            )


def test_other_numbers_of_predicates_are_refused(method):
    with pytest.raises(ValueError, match='5 predicates.* 4.*num_predicates'):
        method.load_statistics(SimpleNamespace(predicate_counts=[1] * 5))


@pytest.mark.parametrize('kind', HEADS)
def test_any_head_is_adjusted_in_tests_and_not_in_training(kind):
    scorer = dict(type='Scorer')
    torch.manual_seed(0)
    head, regions, objects = head_and_input(
        type=kind, debiasing=ADJUSTED, scorer=scorer, **HEADS[kind]
    )
    with torch.no_grad():
        if head.pairs_per_chunk:
            head.pairs_per_chunk = 5
        before = head(regions, objects)
        head.debiasing.load_statistics(SimpleNamespace(predicate_counts=COUNTS))
        after = head(regions, objects)
    change = after.relation_logits - before.relation_logits
    expected = -0.3 * torch.tensor([1, 0.5, 0.3, 0.2, 0.01]).log()
    torch.testing.assert_close(change, expected.expand_as(change), rtol=1e-4, atol=1e-5)
    # The Scorer sees what it was trained with.
    assert torch.equal(after.significance, before.significance)
    features = head.relation_features(after.context, regions, objects)
    logits = head.predicate_logits(features, after.context.labels[regions.pairs])
    torch.testing.assert_close(logits, before.relation_logits, rtol=1e-4, atol=1e-4)


def test_training_is_that_without_it():
    images, losses = torch.randn(2, 3, 96, 96), []
    for debiasing in (None, ADJUSTED):
        model = small_parser(debiasing=debiasing).train()
        if debiasing:
            model.relation_head.debiasing.load_statistics(SimpleNamespace(predicate_counts=COUNTS))
        torch.manual_seed(1)
        losses.append(model.loss(images, random_samples([4, 3])))
    assert losses[0].keys() == losses[1].keys()
    for name, value in losses[0].items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(losses[1][name])), name


def test_a_trained_model_may_take_it_up(tmp_path):
    """Weights of the same model without it are a start for training."""
    dataset = make_vg_data(tmp_path, num_classes=5, num_predicates=4, with_images=False).dataset()
    trained, path = small_parser(), tmp_path / 'epoch_1.pth'
    trained.load_statistics(dataset)
    torch.save(dict(state_dict=trained.state_dict(), meta={}), path)
    model = small_parser(debiasing=ADJUSTED)
    check_load_from(str(path), model, dataset.metainfo)
    model.load_state_dict(trained.state_dict(), strict=False)
    assert model.has_statistics
    model.load_statistics(dataset)
    counts = torch.as_tensor(dataset.statistics.predicate_counts).double()
    torch.testing.assert_close(
        model.relation_head.debiasing.log_frequency.double().exp(),
        counts.clamp(min=1) / counts.sum(),
        rtol=1e-6,
        atol=1e-9,
    )


def test_a_checkpoint_without_it_takes_the_numbers_of_the_data_set(method):
    plain = small_parser()
    model = small_parser(debiasing=ADJUSTED)
    model.load_state_dict(plain.state_dict())  # which is strict
    assert not model.relation_head.debiasing.log_frequency.any()
    model.complete_statistics(dict(predicate_train_counts=COUNTS))
    taken = model.relation_head.debiasing.log_frequency
    torch.testing.assert_close(taken, method.log_frequency.float())
    # Those of its own training go before.
    other = small_parser(debiasing=ADJUSTED)
    other.load_state_dict(model.state_dict())
    other.complete_statistics(dict(predicate_train_counts=[1, 1, 1, 1]))
    assert torch.equal(other.relation_head.debiasing.log_frequency, taken)


@pytest.mark.parametrize(
    'counts', [None, [], [0] * 4, 'many', [1, -1, 2, 3], [1, float('inf'), 2, 3], ['a'] * 4]
)
def test_without_numbers_it_is_refused(counts):
    model = small_parser(debiasing=ADJUSTED)
    with pytest.raises(ValueError, match='debiasing: .*predicate_train_counts'):
        model.complete_statistics(dict(predicate_train_counts=counts))


def test_numbers_of_other_predicates_are_refused_in_tests():
    model = small_parser(debiasing=ADJUSTED)
    with pytest.raises(ValueError, match='5 predicates.*head has 4'):
        model.complete_statistics(dict(predicate_train_counts=[1] * 5))


@pytest.fixture
def plain(tmp_path):
    """A checkpoint of cross-entropy, and its config with the method."""
    path = write_random_checkpoint(tmp_path / 'plain.pth', 'motifnet_ce_minivg')
    return CONFIGS / 'motifnet_ce_logit_adjusted_minivg.py', path


def test_an_inferencer_takes_it_up(plain):
    model = load_parser(*plain)
    counts = torch.arange(1, 19).double()
    torch.testing.assert_close(
        model.relation_head.debiasing.log_frequency.double(),
        (counts / counts.sum()).log(),
        rtol=1e-6,
        atol=1e-6,
    )


def test_the_test_tool_takes_it_up(plain, tmp_path, run_tool):
    """An overwhelming one ranks the predicates without a relation first."""
    data = make_vg_data(
        tmp_path / 'data', num_train=10, num_test=3, num_classes=24, num_predicates=18
    )
    path, dumped = CONFIGS / 'motifnet_ce_minivg.py', tmp_path / 'graphs.h5'
    run_tool(
        'test',
        path,
        plain[1],
        '--work-dir',
        tmp_path / 'test',
        '--tasks',
        'predcls',
        '--out',
        dumped,
        '--cfg-options',
        f'data_root={data.root}',
        'test_dataloader.num_workers=0',
        'test_dataloader.dataset.num_val_images=1',
        'model.detector.init_cfg=None',
        'model.relation_head.debiasing.type=PostHocLogitAdjustment',
        'model.relation_head.debiasing.tau=1000',
    )
    counts = np.array(data.dataset().metainfo['predicate_train_counts'])
    rare = 1 + np.flatnonzero(counts.clip(1) == counts.clip(1).min())
    labels = np.concatenate(
        [
            sample['pred_scene_graphs']['predcls']['relations']['labels']
            for sample in PredictionFile(dumped)
        ]
    )
    assert len(labels) and set(labels) <= set(rare)
