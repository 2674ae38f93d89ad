"""Images repeated, and relations left out, by the rarity of predicates."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmsgp.datasets import ConcatDataset, ResampledDataset, innermost_dataset
from mmsgp.datasets.resampling import repeat_factors
from mmsgp.registry import DATASETS
from mmsgp.structures import ObjectBatch
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import random_objects, random_samples, small_parser

# Predicates of each image. Of 40 relations 36, 3 and 1 have the predicate 1, 2, 3.
IMAGES = [[1] * 12, [1] * 20 + [2] * 2, [1] * 4 + [2, 3]]
# max(1, sqrt(0.1 * 40 / n))
FACTORS = [1, (4 / 3) ** 0.5, 2]
IMAGE_FACTORS = [1, (4 / 3) ** 0.5, 2]


@pytest.fixture
def data(tmp_path):
    """The images above, whose relations join the first two of seven boxes."""
    data = make_vg_data(
        tmp_path, num_train=3, num_test=1, num_predicates=3, num_objects=(7, 7), seed=1
    )
    for i, predicates in enumerate(IMAGES):
        pairs = [(s, o) for s in range(7) for o in range(7) if s != o][: len(predicates)]
        data.relations[i] = np.column_stack([pairs, predicates])
    return data.write()


def resampled(data, **kwargs):
    return ResampledDataset(data.dataset(num_val_images=0), **kwargs)


def test_factors_are_counted_by_hand():
    assert repeat_factors([36, 3, 1, 0], 0.1).tolist() == pytest.approx([*FACTORS, 1])


def test_an_image_is_repeated_as_often_as_its_rarest_predicate_in_the_mean(data):
    times = np.array(
        [
            np.bincount([s['img_id'] for s in map(one.get_data_info, range(len(one)))])[1:]
            for one in (resampled(data, seed=seed) for seed in range(300))
        ]
    )
    assert set(times[:, 0]) == {1} and set(times[:, 1]) == {1, 2} and set(times[:, 2]) == {2}
    # the standard error is below 0.03
    assert times[:, 1].mean() == pytest.approx(IMAGE_FACTORS[1], abs=0.1)


def test_relations_are_left_out_with_the_expected_frequency(data):
    """In image 3 r_i = 2: of predicate 1, 0.9 * (1 - 1 / 2), of 2 as its factor says."""
    one = resampled(data, drop_rate=0.9)
    np.random.seed(1)  # noqa: NPY002 - the transforms' generator
    kept = np.zeros((3, 4))
    for _ in range(2000):
        for idx in range(len(one)):
            info = one.get_data_info(idx)
            labels = info['relations'][:, 2]
            assert len(labels) == len(IMAGES[info['img_id'] - 1])
            kept[info['img_id'] - 1] += np.bincount(labels[labels > 0], minlength=4)
    times = np.bincount(one._rows)
    for image, (predicates, r_i) in enumerate(zip(IMAGES, IMAGE_FACTORS)):
        for predicate, r_p in enumerate(FACTORS, 1):
            share = 1 - min(max((1 - r_p / r_i) * 0.9, 0), 1)
            expected = predicates.count(predicate) * times[image] * share
            assert kept[image, predicate] / 2000 == pytest.approx(expected, rel=0.03)


def test_the_pair_of_a_left_out_relation_may_become_unknown(data):
    ignored, unknown = (resampled(data, drop_rate=1.0, dropped=d) for d in ('ignored', 'unknown'))
    lengths = []
    for one in (ignored, unknown):
        np.random.seed(3)  # noqa: NPY002
        infos = [one.get_data_info(i)['relations'] for i in range(len(one))]
        lengths.append([len(r[r[:, 2] > 0]) for r in infos])
        assert any((r[:, 2] == -1).any() for r in infos) == (one is ignored)
    assert lengths[0] == lengths[1]


def test_an_ignored_pair_is_neither_annotated_nor_unknown():
    head = small_parser(pair_sampler=dict(num=64)).relation_head
    objects = random_objects([3, 2])
    relations = [
        InstanceData(pairs=torch.tensor([[0, 1], [1, 2]]), labels=torch.tensor([-1, 3])),
        InstanceData(pairs=torch.tensor([[1, 0]]), labels=torch.tensor([-1])),
    ]
    pairs, labels = head.sample_pairs(objects, relations)
    found = {tuple(pair): label for pair, label in zip(pairs.tolist(), labels.tolist())}
    assert found == {(1, 2): 3, (0, 2): 0, (1, 0): 0, (2, 0): 0, (2, 1): 0, (3, 4): 0}


@pytest.mark.parametrize('ignored', [False, True])
def test_ignored_pairs_of_detected_boxes_are_not_trained_on(ignored, monkeypatch):
    """The detector finds the annotated boxes; with all relations ignored no pair is annotated."""
    (sample,) = random_samples([3])
    graph = sample.gt_scene_graph
    if ignored:
        graph.relations.labels.fill_(-1)
    model = small_parser().train()
    model.train_task = 'sggen'
    size = torch.full((1, 2), 96.0)
    found = ObjectBatch.from_list([graph.objects.bboxes], torch.randn(3, 6), image_sizes=size)
    monkeypatch.setattr(model, '_detected_objects', lambda batch: found)
    loss, trained_on = model.relation_head.loss, []

    def keep_targets(regions, objects, targets):
        trained_on.extend(targets.tolist())
        return loss(regions, objects, targets)

    monkeypatch.setattr(model.relation_head, 'loss', keep_targets)
    with torch.no_grad():
        losses = model.loss(torch.randn(1, 3, 96, 96), [sample])
    assert losses['loss_relation'].isfinite()
    assert trained_on and any(trained_on) != ignored


def test_statistics_are_those_of_the_annotations(data):
    one = resampled(data, drop_rate=0.9)
    assert innermost_dataset(one) is one.dataset
    assert one.metainfo['predicate_train_counts'] == [36, 3, 1]


def test_each_repetition_has_its_own_random_numbers_and_a_seed_repeats_them(data):
    config = dict(
        type='ResampledDataset', drop_rate=0.9, dataset=dict(type='VGDataset', **data.kwargs())
    )
    config['dataset'].update(num_val_images=0, pipeline=[dict(type='LoadRelations')])
    one = DATASETS.build(config)
    one.entropy = one.dataset.entropy = (0, 0)
    labels = [one[i]['gt_relation_labels'].tolist() for i in range(len(one))]
    assert labels == [one[i]['gt_relation_labels'].tolist() for i in range(len(one))]
    one.entropy = (0, 1)
    assert labels != [one[i]['gt_relation_labels'].tolist() for i in range(len(one))]
    last = [i for i, row in enumerate(one._rows) if row == 2]
    drawn = set()
    for epoch in range(5):
        one.entropy = (1, epoch)
        drawn |= {tuple(one[i]['gt_relation_labels'].tolist()) for i in last}
    assert len(drawn) > 5


def test_another_item_takes_the_place_of_one_that_is_left_out(data):
    one = resampled(data)
    one.dataset.pipeline = lambda info: info if info['img_id'] == 2 else None
    assert one[0]['img_id'] == 2
    one.dataset.pipeline = lambda info: None
    with pytest.raises(RuntimeError, match='left out 1001 images'):
        one[0]


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(threshold=0), 'threshold must be in'),
        (dict(drop_rate=1.1), 'drop_rate must be in'),
        (dict(drop_rate=0.9, dropped='background'), "'ignored' or 'unknown'"),
        (dict(dropped='unknown'), 'no effect without a drop_rate'),
    ],
)
def test_wrong_numbers_are_refused(data, kwargs, message):
    with pytest.raises(ValueError, match=f'ResampledDataset.*{message}'):
        resampled(data, **kwargs)


def test_several_data_sets_are_joined_afterwards(data):
    both = ConcatDataset([data.dataset(), data.dataset()])
    with pytest.raises(TypeError, match='is a ConcatDataset: .*join several'):
        ResampledDataset(both)
    part = dict(
        type='ResampledDataset',
        dataset=dict(type='VGDataset', **data.kwargs(num_val_images=0)),
    )
    joined = ConcatDataset([part, part])
    assert len(joined) == 2 * len(resampled(data))
    assert joined.statistics.predicate_counts.tolist() == [72, 6, 2]
