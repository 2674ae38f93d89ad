from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mmsgp.evaluation.functional import (
    NO_HIT,
    mean_over_predicates,
    predicate_recall_at_k,
    recall_at_k,
)

TOPK = (1, 2, 'all')

# Worked on paper. Predicates 1..4 are on, has, riding, wearing; an image
# is a list of (predicate, rank).
#   image 0: on found first, on found sixth, has found second
#   image 1: on found first, riding missed
#   image 2: no relation
#   image 3: has missed
IMAGES = [
    [(1, 0), (1, 5), (2, 1)],
    [(1, 0), (3, NO_HIT)],
    [],
    [(2, NO_HIT)],
]


def flatten(images: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images of (predicate, rank) as ranks, image indices and predicates."""
    rows = np.array(
        [(rank, i, predicate) for i, image in enumerate(images) for predicate, rank in image],
        dtype=np.int64,
    ).reshape(-1, 3)
    return tuple(rows.T)


def naive_recall(images: list, k: int) -> Fraction:
    """R@K from its definition, exact."""
    shares = [Fraction(sum(rank < k for _, rank in image), len(image)) for image in images if image]
    return sum(shares) / len(shares)


def naive_predicate_recall(images: list, k: int) -> dict[int, Fraction]:
    """Recall of each predicate that occurs, from its definition, exact."""
    shares = {}
    for image in images:
        for predicate in {p for p, _ in image}:
            ranks = [rank for p, rank in image if p == predicate]
            shares.setdefault(predicate, []).append(
                Fraction(sum(rank < k for rank in ranks), len(ranks))
            )
    return {p: sum(s) / len(s) for p, s in shares.items()}


def random_images(seed: int, num_images: int = 60, num_predicates: int = 7):
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(num_images):
        size = rng.integers(0, 9)
        # The last predicate never occurs.
        predicates = rng.integers(1, num_predicates, size)
        ranks = np.where(rng.random(size) < 0.3, NO_HIT, rng.integers(0, 150, size))
        images.append(list(zip(predicates.tolist(), ranks.tolist(), strict=True)))
    return images


def test_recall_worked_on_paper():
    # R@1:   (1/3 + 1/2 + 0) / 3 = 5/18, image 2 has no relation.
    # R@2:   (2/3 + 1/2 + 0) / 3 = 7/18
    # R@all: (3/3 + 1/2 + 0) / 3 = 1/2
    ranks, images, _ = flatten(IMAGES)
    np.testing.assert_allclose(
        recall_at_k(ranks, images, TOPK), [5 / 18, 7 / 18, 1 / 2], rtol=1e-15
    )


def test_mean_recall_worked_on_paper():
    #        on               has              riding  mean
    # @1:    (1/2 + 1)/2=3/4  (0 + 0)/2 = 0    0       1/4
    # @2:    (1/2 + 1)/2=3/4  (1 + 0)/2 = 1/2  0       5/12
    # @all:  (2/2 + 1)/2=1    (1 + 0)/2 = 1/2  0       1/2
    # Wearing occurs nowhere and is left out of the mean.
    ranks, images, predicates = flatten(IMAGES)
    recall = predicate_recall_at_k(ranks, images, predicates, TOPK, 4)
    np.testing.assert_allclose(
        recall,
        [[3 / 4, 0, 0, np.nan], [3 / 4, 1 / 2, 0, np.nan], [1, 1 / 2, 0, np.nan]],
        rtol=1e-15,
    )
    np.testing.assert_allclose(mean_over_predicates(recall), [1 / 4, 5 / 12, 1 / 2], rtol=1e-15)


@pytest.mark.parametrize('seed', range(5))
def test_agrees_with_the_definition_on_random_ranks(seed):
    images = random_images(seed)
    ranks, indices, predicates = flatten(images)
    topk, limits = (20, 50, 100, 'all'), (20, 50, 100, NO_HIT)
    np.testing.assert_allclose(
        recall_at_k(ranks, indices, topk),
        [float(naive_recall(images, k)) for k in limits],
        rtol=1e-14,
    )
    expected = [naive_predicate_recall(images, k) for k in limits]
    recall = predicate_recall_at_k(ranks, indices, predicates, topk, 7)
    np.testing.assert_allclose(
        recall, [[float(row.get(p, 'nan')) for p in range(1, 8)] for row in expected], rtol=1e-14
    )
    np.testing.assert_allclose(
        mean_over_predicates(recall),
        [float(sum(row.values()) / len(row)) for row in expected],
        rtol=1e-14,
    )


def test_no_order_of_images_or_relations_changes_a_digit():
    rng = np.random.default_rng(0)
    images = random_images(0, num_images=300)
    ranks, indices, predicates = flatten(images)
    for _ in range(20):
        shuffled = [
            [images[i][j] for j in rng.permutation(len(images[i]))]
            for i in rng.permutation(len(images))
        ]
        others = flatten(shuffled)
        np.testing.assert_array_equal(
            recall_at_k(*others[:2], TOPK), recall_at_k(ranks, indices, TOPK)
        )
        np.testing.assert_array_equal(
            predicate_recall_at_k(*others, TOPK, 7),
            predicate_recall_at_k(ranks, indices, predicates, TOPK, 7),
        )


@pytest.mark.parametrize('images', [[], [[], []]])
def test_recall_of_nothing_is_undefined(images):
    ranks, indices, predicates = flatten(images)
    assert np.isnan(recall_at_k(ranks, indices, TOPK)).all()
    recall = predicate_recall_at_k(ranks, indices, predicates, TOPK, 3)
    assert recall.shape == (3, 3)
    assert np.isnan(mean_over_predicates(recall)).all()


@pytest.mark.parametrize('predicate', [0, 5])
def test_predicates_outside_the_list_are_refused(predicate):
    ranks, images, predicates = flatten([[(predicate, 0)]])
    with pytest.raises(ValueError, match=rf'predicate {predicate} .* 1\.\.4'):
        predicate_recall_at_k(ranks, images, predicates, TOPK, 4)
