from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mmsgp.visualization.scene_graph.labels import place_labels

CANVAS = (300.0, 300.0)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)


def random_boxes(seed: int, num: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    corners = generator.uniform(0, 250, (num, 2))
    return np.hstack([corners, corners + generator.uniform(5, 150, (num, 2))]).clip(0, 300)


@pytest.mark.parametrize('seed', range(20))
def test_labels_stay_on_the_picture_and_do_not_overlap(seed):
    boxes = random_boxes(seed, 20)
    sizes = np.full((20, 2), (45.0, 11.0))
    corners = place_labels(boxes, sizes, CANVAS)
    labels = np.hstack([corners, corners + sizes])
    assert (labels >= 0).all() and (labels <= 300).all()
    assert all(overlap(a, b) == 0 for a, b in combinations(labels, 2))


def test_a_free_box_has_its_label_above_its_corner():
    corners = place_labels(np.array([[50.0, 60, 150, 160]]), np.array([[40.0, 11]]), CANVAS)
    np.testing.assert_allclose(corners, [[50, 49]])


def test_a_box_at_the_top_has_its_label_inside():
    corners = place_labels(np.array([[50.0, 0, 150, 160]]), np.array([[40.0, 11]]), CANVAS)
    np.testing.assert_allclose(corners, [[50, 0]])


def test_labels_of_equal_boxes_do_not_overlap():
    boxes = np.tile([50.0, 60, 150, 160], (9, 1))
    sizes = np.full((9, 2), (40.0, 11.0))
    corners = place_labels(boxes, sizes, CANVAS)
    labels = np.hstack([corners, corners + sizes])
    assert all(overlap(a, b) == 0 for a, b in combinations(labels, 2))


def test_a_full_picture_still_places_every_label_inside():
    boxes = np.tile([0.0, 0, 50, 20], (10, 1))
    corners = place_labels(boxes, np.full((10, 2), (40.0, 11.0)), (50.0, 20.0))
    assert (corners >= 0).all() and (corners <= (10, 9)).all()


def test_no_boxes_need_no_labels():
    assert place_labels(np.empty((0, 4)), np.empty((0, 2)), CANVAS).shape == (0, 2)
