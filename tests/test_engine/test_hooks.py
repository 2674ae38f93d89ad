"""Hooks, each at its moment."""
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmsgp.engine import DatasetPriorsHook, EpochSeedHook, InvalidLossHook
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import random_samples, small_parser


def numbers():
    return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002


def test_numbers_of_an_epoch_follow_from_seed_and_epoch():
    hook, drawn = EpochSeedHook(), {}
    for seed, epoch in [(42, 0), (42, 1), (43, 0), (42, 0)]:
        hook.before_train_epoch(SimpleNamespace(seed=seed, epoch=epoch))
        drawn.setdefault((seed, epoch), []).append(numbers())
    assert drawn[42, 0][0] == drawn[42, 0][1]
    assert len({values[0] for values in drawn.values()}) == 3


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_invalid_loss_stops_and_names_the_images(value):
    runner = SimpleNamespace(epoch=1, iter=7)
    batch = dict(data_samples=random_samples([2, 2]))
    outputs = dict(loss=torch.tensor(value), loss_object=torch.tensor(1.))
    with pytest.raises(FloatingPointError, match=r"'0.jpg', '1.jpg'"):
        InvalidLossHook().after_train_iter(runner, 0, batch, outputs)
    outputs['loss'] = torch.tensor(2.)
    InvalidLossHook().after_train_iter(runner, 0, batch, outputs)


def test_model_takes_the_priors_of_its_training_set_once(tmp_path):
    dataset = make_vg_data(tmp_path, with_images=False).dataset()
    model = small_parser()
    wrapped = SimpleNamespace(dataset=dataset)  # e.g. a RepeatDataset
    runner = SimpleNamespace(
        model=model, train_dataloader=SimpleNamespace(dataset=wrapped))
    assert not model.relation_head.frequency_prior.table.any()
    DatasetPriorsHook().before_train(runner)
    table = model.relation_head.frequency_prior.table
    expected = torch.as_tensor(dataset.statistics.frequency_prior())
    assert torch.equal(table, expected)

    # What was learnt is not overwritten when a checkpoint is resumed.
    with torch.no_grad():
        table += 1
    resumed = small_parser()
    resumed.load_state_dict(model.state_dict())
    runner.model = resumed
    DatasetPriorsHook().before_train(runner)
    assert torch.equal(resumed.relation_head.frequency_prior.table,
                       expected + 1)


def test_model_of_another_data_set_is_refused(tmp_path):
    dataset = make_vg_data(tmp_path, num_classes=7, with_images=False).dataset()
    with pytest.raises(ValueError, match='num_classes and num_predicates'):
        small_parser().load_priors(dataset)
