"""Intervals of differences."""

import numpy as np
import pytest

from mmsgp.evaluation.functional import (
    NO_HIT,
    ResampledMean,
    confidence_interval,
    evaluate_task,
)
from mmsgp.evaluation.image_ranks import TaskRanks
from mmsgp.evaluation.relation_ranks import RelationRanks


def random_relations(seed, num_images=30, num_predicates=4):
    rng = np.random.default_rng(seed)
    images = np.sort(rng.integers(0, num_images, 150))

    def ranks():
        return np.where(rng.random(150) < 0.3, NO_HIT, rng.integers(0, 100, 150)).astype(np.int32)

    triplet, pair = ranks(), ranks()
    return RelationRanks(
        image_ids=np.array([f'{i:03}' for i in range(num_images)]),
        images=images,
        predicates=rng.integers(1, num_predicates + 1, 150),
        first_of_pair=rng.random(150) < 0.8,
        unseen=rng.random(150) < 0.3,
        tasks=dict(sgcls=TaskRanks(triplet, np.minimum(pair, triplet), ranks())),
        names=tuple('abcd'),
        train_counts=[4, 3, 2, 1],
    )


def test_a_resampled_metric_is_that_of_the_images_drawn():
    relations = random_relations(0)
    mean = ResampledMean(relations.images, num_resamples=20, seed=3)
    resampled = evaluate_task(relations, 'sgcls', (5, 50, 'all'), mean=mean)
    for b, weights in enumerate(mean._weights.astype(int)):
        # Every copy of an image is an image of its own.
        rows, images = [], []
        for image, weight in enumerate(weights):
            own = (relations.images == image).nonzero()[0]
            for copy in range(weight):
                rows.extend(own)
                images.extend([image * 100 + copy] * len(own))
        rows = np.array(rows)
        ranks = relations.tasks['sgcls']
        again = RelationRanks(
            image_ids=relations.image_ids,
            images=np.array(images),
            predicates=relations.predicates[rows],
            first_of_pair=relations.first_of_pair[rows],
            unseen=relations.unseen[rows],
            tasks=dict(
                sgcls=TaskRanks(
                    *(values if values is None else values[rows] for values in vars(ranks).values())
                )
            ),
            names=relations.names,
            train_counts=relations.train_counts,
        )
        expected = evaluate_task(again, 'sgcls', (5, 50, 'all'))
        for name, value in expected.values.items():
            assert resampled.values[name][b] == pytest.approx(float(value), nan_ok=True), name
        np.testing.assert_allclose(resampled.recall[b], expected.recall)


def test_as_many_images_are_drawn_as_have_relations():
    relations = random_relations(1)
    weights = ResampledMean(relations.images, 50)._weights
    assert (weights.sum(axis=1) == relations.num_images).all()
    without = np.setdiff1d(np.arange(relations.images.max()), relations.images)
    assert not weights[:, without].any()


def test_same_seed_same_resamples():
    images = np.arange(10)
    first, second, other = (
        ResampledMean(images, 5, seed)(np.eye(10), images) for seed in (0, 0, 1)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_many_columns_are_averaged_in_chunks(monkeypatch):
    relations = random_relations(2)
    mean = ResampledMean(relations.images, 7)
    values = np.random.default_rng(0).random((3, 150))
    whole = mean(values, relations.images)
    monkeypatch.setattr('mmsgp.evaluation.functional.bootstrap._ENTRIES_PER_CHUNK', 200)
    np.testing.assert_allclose(mean(values, relations.images), whole)


def test_interval_encloses_the_share_and_leaves_out_nan():
    samples = np.r_[np.arange(1001.0), np.nan]  # few enough are unknown
    assert confidence_interval(samples) == pytest.approx((25, 975))
    assert np.isnan(confidence_interval(np.array([np.nan]))).all()


def test_what_few_resamples_know_has_no_interval():
    samples = np.r_[np.ones(94), np.full(6, np.nan)]
    assert np.isnan(confidence_interval(samples)).all()
    assert confidence_interval(samples[:-2]) == (1, 1)


def test_of_more_predictions_than_were_ranked_nothing_is_known():
    relations = random_relations(0)
    values = evaluate_task(relations, 'sgcls', (100, 101, 'all')).values
    assert {'ng-R@100', 'ng-R@all', 'R@101'} <= set(values)
    assert 'ng-R@101' not in values
