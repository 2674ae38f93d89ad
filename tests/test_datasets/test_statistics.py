import itertools
import math

import numpy as np
import pytest

from mmsgp.datasets import statistics
from mmsgp.testing import make_vg_data

C, R = 5, 4


def training_images(data):
    """Boxes, labels and relations of training images that have relations."""
    rows = [
        row
        for row, image in enumerate(data.images)
        if image['split'] == 'train' and len(data.relations[row])
    ][1:]
    return [(data.boxes[i], data.labels[i], data.relations[i]) for i in rows]


def overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width > 0 and height > 0


def naive_triplet_counts(images):
    counts = [[[0] * (R + 1) for _ in range(C + 1)] for _ in range(C + 1)]
    for row in counts:
        for cell in row:
            cell[0] = 1
    for boxes, labels, relations in images:
        for subject, obj, predicate in relations:
            counts[labels[subject]][labels[obj]][predicate] += 1
        pairs = list(itertools.permutations(range(len(boxes)), 2))
        overlapping = [(i, j) for i, j in pairs if overlap(boxes[i], boxes[j])]
        for i, j in overlapping or pairs:
            counts[labels[i]][labels[j]][0] += 1
    return counts


@pytest.fixture(params=[0, 1])
def many(tmp_path, request):
    """Enough images for some to have no overlap, or too few boxes for it."""
    return make_vg_data(
        tmp_path, num_train=60, num_objects=(0, 5), with_images=False, seed=request.param
    )


@pytest.fixture(params=[7, 1_000_000])
def _chunk_size(request, monkeypatch):
    monkeypatch.setattr(statistics, '_PAIRS_PER_CHUNK', request.param)
    monkeypatch.setattr(statistics, '_CELLS_PER_CHUNK', request.param)


@pytest.mark.usefixtures('_chunk_size')
def test_triplet_counts_equal_naive_counting(many):
    images = training_images(many)
    assert any(
        not any(overlap(*p) for p in itertools.combinations(boxes, 2)) for boxes, *_ in images
    )
    np.testing.assert_array_equal(
        many.dataset().statistics.triplet_counts, naive_triplet_counts(images)
    )


def test_prior_equals_its_formula(many):
    prior = many.dataset().statistics.frequency_prior()
    counts = naive_triplet_counts(training_images(many))
    assert prior.dtype == np.float32
    assert prior.shape == (C + 1, C + 1, R + 1)
    for s, o, p in itertools.product(range(C + 1), range(C + 1), range(R + 1)):
        expected = math.log(counts[s][o][p] / sum(counts[s][o]) + 1e-3)
        assert prior[s, o, p] == pytest.approx(expected, rel=1e-6)


def test_background_has_unknown_relations_only(data):
    cooccurrence = data.dataset().statistics.predicate_cooccurrence
    only_unknown = np.eye(R + 1)[0]
    assert (cooccurrence[C] == only_unknown).all()
    assert (cooccurrence[:, C] == only_unknown).all()
    np.testing.assert_allclose(cooccurrence.sum(axis=-1), 1)


@pytest.mark.usefixtures('_chunk_size')
def test_object_cooccurrence_is_a_conditional_probability(many):
    bags = [list(labels) for _, labels, _ in training_images(many)]
    table = many.dataset().statistics.object_cooccurrence
    for i, j in itertools.product(range(C), range(C)):
        with_i = [bag for bag in bags if i in bag]
        with_both = [bag for bag in with_i if (bag.count(i) > 1 if i == j else j in bag)]
        assert table[i, j] == pytest.approx(len(with_both) / len(with_i))


def test_class_that_no_image_has_cooccurs_with_nothing(data):
    data.labels = [np.zeros_like(labels) for labels in data.labels]
    table = data.write().dataset().statistics.object_cooccurrence
    assert (table[1:] == 0).all() and (table[:, 1:] == 0).all()


def test_counts_of_classes_and_predicates(many):
    _, labels, relations = zip(*training_images(many), strict=True)
    statistics = many.dataset().statistics
    np.testing.assert_array_equal(
        statistics.object_counts, [np.concatenate(labels).tolist().count(c) for c in range(C)]
    )
    np.testing.assert_array_equal(
        statistics.predicate_counts, many.dataset().metainfo['predicate_train_counts']
    )
    assert statistics.predicate_counts.sum() == sum(map(len, relations))


def test_statistics_are_of_training_whatever_the_split_and_filter(many):
    expected = many.dataset().statistics.triplet_counts
    for changes in (
        dict(split='val'),
        dict(split='test'),
        dict(split='test', indices=1),
        dict(filter_cfg=dict(filter_empty_relations=False)),
    ):
        np.testing.assert_array_equal(many.dataset(**changes).statistics.triplet_counts, expected)


def test_nothing_to_count_gives_a_uniform_start(tmp_path):
    data = make_vg_data(tmp_path, num_train=0, with_images=False)
    statistics = data.dataset(split='test').statistics
    assert (statistics.triplet_counts[..., 0] == 1).all()
    assert (statistics.triplet_counts[..., 1:] == 0).all()
    assert (statistics.object_cooccurrence == 0).all()
