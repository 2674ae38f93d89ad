"""The parameters that the optimiser gets."""

import pytest
import torch

from mmsgp.engine import TrainableParamsConstructor
from mmsgp.testing.models import small_parser


def build(model, **options):
    wrapper = dict(optimizer=dict(type='SGD', lr=0.1, weight_decay=0.01))
    return TrainableParamsConstructor(wrapper, **options)(model).optimizer


def test_frozen_parameters_are_absent():
    model = small_parser()
    groups = build(model).param_groups
    seen = {id(p) for group in groups for p in group['params']}
    assert seen == {id(p) for p in model.relation_head.parameters()}
    assert not seen & {id(p) for p in model.detector.parameters()}


def test_fc_layers_of_vgg_learn_at_a_tenth():
    model = small_parser()
    keys = dict(classifier=dict(lr_mult=0.1), decoder=dict(decay_mult=0.0))
    groups = build(model, paramwise_cfg=dict(custom_keys=keys)).param_groups
    rates = {
        id(p): (group['lr'], group['weight_decay']) for group in groups for p in group['params']
    }
    assert len(groups) == 3
    for name, param in model.relation_head.named_parameters():
        expected = (0.1, 0.01)
        if 'classifier' in name:
            expected = (pytest.approx(0.01), 0.01)
        elif 'decoder' in name:
            expected = (0.1, 0.0)
        assert rates[id(param)] == expected


def test_options_without_effect_are_refused():
    with pytest.raises(ValueError, match='norm_decay_mult'):
        build(torch.nn.Linear(2, 2), paramwise_cfg=dict(norm_decay_mult=0.0))
