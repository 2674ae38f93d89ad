"""Weights that a model with other classes and predicates takes over by name."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmsgp.checkpoint.by_name import carry_over, named_axes
from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS, HEADS, small_model_cfg

FOUND = dict(classes=['cat', 'dog', 'hat', 'man', 'tree'], predicates=['on', 'near', 'wears'])
OWN = dict(classes=['dog', 'boat', 'man'], predicates=['sails', 'wears', 'on', 'eats'])


def carried(own=OWN, **head):
    """The checkpoint's weights, the model's before, and after; all as float64."""
    init_default_scope('mmsgp')
    models = []
    for seed, names in enumerate((FOUND, own)):
        torch.manual_seed(seed)
        sizes = dict(num_classes=len(names['classes']), num_predicates=len(names['predicates']))
        cfg = small_model_cfg(**sizes, **head)
        model = MODELS.build(cfg)
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_()
        models.append(model)
    source, target = models
    weights = source.state_dict()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    missing = carry_over(target, named_axes(cfg, own), weights, FOUND, own, 'old.pth')
    return weights, before, target.state_dict(), missing


def test_rows_of_shared_names_move_and_the_others_stay():
    weights, before, after, missing = carried(scorer=dict(type='Scorer'))
    assert missing == []

    # dog: 1 -> 0, man: 3 -> 2, background: 5 -> 3; boat (1) is new
    name = 'detector.roi_head.bbox_head.fc_cls.weight'
    assert torch.equal(after[name][[0, 2, 3]], weights[name][[1, 3, 5]])
    assert torch.equal(after[name][1], before[name][1])
    # four offsets per class
    name = 'detector.roi_head.bbox_head.fc_reg.bias'
    assert torch.equal(after[name][0:4], weights[name][4:8])
    assert torch.equal(after[name][4:8], before[name][4:8])
    assert torch.equal(after[name][8:12], weights[name][12:16])
    # background, and the start of a sequence after it
    name = 'relation_head.decoder.label_embedding.weight'
    assert torch.equal(after[name][[0, 2, 3, 4]], weights[name][[1, 3, 5, 6]])

    # unknown: 0 -> 0, on: 1 -> 3, wears: 3 -> 2; sails (1) and eats (4) are new
    name = 'relation_head.fc_predicate.weight'
    assert torch.equal(after[name][[0, 3, 2]], weights[name][[0, 1, 3]])
    assert torch.equal(after[name][[1, 4]], before[name][[1, 4]])
    name = 'relation_head.scorer.fc_distribution.weight'
    assert torch.equal(after[name][:, [0, 3, 2]], weights[name][:, [0, 1, 3]])
    assert torch.equal(after[name][:, [1, 4]], before[name][:, [1, 4]])

    # both classes and the predicate must be shared
    name = 'relation_head.frequency_prior.table'
    assert after[name].shape == (4, 4, 5)
    assert after[name][0, 2, 2] == weights[name][1, 3, 3]
    assert after[name][2, 3, 0] == weights[name][3, 5, 0]
    assert torch.equal(after[name][1], before[name][1])
    assert torch.equal(after[name][:, 1], before[name][:, 1])
    assert torch.equal(after[name][..., [1, 4]], before[name][..., [1, 4]])

    # without names
    name = 'relation_head.pair_features.fc_head.classifier.3.weight'
    assert torch.equal(after[name], weights[name])


@pytest.mark.parametrize('head', HEADS)
def test_every_head_starts_from_itself_with_the_names_in_another_order(head):
    own = {kind: names[::-1] for kind, names in FOUND.items()}
    weights, _, after, missing = carried(own, type=head, **HEADS[head])
    assert missing == []
    order = [4, 3, 2, 1, 0, 5]
    name = 'detector.roi_head.bbox_head.fc_cls.bias'
    assert torch.equal(after[name], weights[name][order])
    for name in (key for key in after if key.endswith('prior.table')):
        expected = weights[name][order][:, order][..., [0, 3, 2, 1]]
        assert torch.equal(after[name], expected)


def test_blocks_of_a_class_and_of_a_predicate_move_as_a_whole():
    weights, _, after, _ = carried(type='KERNHead', hidden_size=4)
    name = 'relation_head.object_graph.classifier.weight'
    old, new = weights[name].view(6, 6, 4), after[name].view(4, 4, 4)
    assert torch.equal(new[0, 3], old[1, 5]) and torch.equal(new[2, 0], old[3, 1])
    # the blocks of a pair: subject, object, unknown, predicates
    name = 'relation_head.fc_predicate.weight'
    old, new = weights[name].view(4, 6, 4), after[name].view(5, 7, 4)
    assert torch.equal(new[[0, 3, 2]][:, [0, 1, 2, 5, 4]], old[[0, 1, 3]][:, [0, 1, 2, 3, 5]])


def test_statistics_of_the_training_set_are_the_new_ones():
    _, before, after, _ = carried(type='KERNHead', hidden_size=4)
    name = 'relation_head.object_cooccurrence'
    assert torch.equal(after[name], before[name])


def test_debiasing_starts_anew():
    """Its classifiers and averages belong to the frequencies of a training set."""
    own = dict(OWN, predicates=['near', 'wears', 'on'])
    gcl = dict(type='GroupCollaborativeLearning', groups=(1, 2))
    _, before, after, missing = carried(own, debiasing=gcl)
    classifier = 'relation_head.debiasing.classifiers.0'
    assert missing == [f'{classifier}.weight', f'{classifier}.bias']
    assert torch.equal(after[missing[0]], before[missing[0]])
    _, before, after, missing = carried(debiasing=dict(type='TotalDirectEffect'))
    assert missing == []
    for name in ('mean_context', 'mean_classes', 'num_batches'):
        name = f'relation_head.debiasing.{name}'
        assert torch.equal(after[name], before[name])


def test_a_model_that_differs_in_more_than_names_is_refused():
    sizes = dict(num_classes=3, num_predicates=4)
    wide, narrow = (
        small_model_cfg(**sizes, type='MotifNetHead', hidden_size=size) for size in (32, 16)
    )
    weights = MODELS.build(wide).state_dict()
    with pytest.raises(ValueError, match="old.pth: 'relation_head.* only the names"):
        carry_over(MODELS.build(narrow), named_axes(narrow, OWN), weights, OWN, OWN, 'old.pth')


@pytest.mark.parametrize(
    'detector', ['faster_rcnn_r50_fpn', 'cascade_rcnn_r50_fpn', 'rtmdet_tiny', 'detr_r50']
)
def test_detectors_have_axes_of_classes_in_their_box_heads_only(detector):
    init_default_scope('mmsgp')
    cfg = Config.fromfile(CONFIGS / f'{detector}_minivg.py').model
    axes = named_axes(cfg, dict(classes=[str(c) for c in range(24)]))
    assert axes and all('bbox_head' in name for name in axes)
    assert {axis.kind for own in axes.values() for axis in own.values()} == {'classes'}
