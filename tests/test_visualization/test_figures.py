from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from mmengine.structures import InstanceData

from mmsgp.structures import SceneGraph
from mmsgp.visualization import (
    draw_comparison,
    draw_scene_graph,
    plot_comparison,
    plot_scene_graph,
)
from mmsgp.visualization.figures import rasterize
from mmsgp.visualization.scene_graph.view import EXTRA, FADED, HIT, MISS, PLAIN

CLASSES = ('person', 'dog', 'tree')
PREDICATES = ('on', 'near', 'holding')
IMAGE = np.full((120, 160, 3), 200, dtype=np.uint8)


def make_graph(relations: list, labels=(0, 0, 1, 2), scores=None) -> SceneGraph:
    """A graph of (subject, object, predicate) with boxes in a row."""
    left = torch.arange(len(labels)) * 38.0
    bboxes = torch.stack([left, left * 0, left + 36, left * 0 + 100], dim=1)
    relations = torch.tensor(relations, dtype=torch.long).reshape(-1, 3)
    data = dict(pairs=relations[:, :2], labels=relations[:, 2])
    if scores is not None:
        data['scores'] = torch.tensor(scores)
    return SceneGraph(
        objects=InstanceData(bboxes=bboxes, labels=torch.tensor(labels, dtype=torch.long)),
        relations=InstanceData(**data),
    )


def texts(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def count_arrows(axes, style) -> int:
    return sum(to_rgb(line.get_color()) == to_rgb(style.color) for line in axes.lines)


def test_a_small_image_is_enlarged():
    picture = draw_scene_graph(IMAGE, make_graph([(0, 2, 1)]), CLASSES, PREDICATES)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    assert picture.shape[1] > 1000


def test_equal_classes_are_numbered_and_others_are_not():
    figure = plot_scene_graph(IMAGE, make_graph([(0, 2, 1), (1, 2, 2)]), CLASSES, PREDICATES)
    words = texts(figure)
    assert {'person 1', 'person 2', 'dog', 'on', 'near'} <= set(words)
    assert 'tree' not in words, 'an object without relations was drawn'


def test_only_the_best_relations_are_drawn():
    graph = make_graph([(0, 2, 1), (1, 2, 2), (2, 3, 3)], scores=[0.9, 0.5, 0.001])
    words = texts(plot_scene_graph(IMAGE, graph, CLASSES, PREDICATES, topk=2))
    assert 'on 0.90' in words and 'near 0.50' in words
    assert not any(word.startswith('holding') for word in words)
    words = texts(plot_scene_graph(IMAGE, graph, CLASSES, PREDICATES, score_thr=0.6))
    assert not any(word.startswith('near') for word in words)
    words = texts(plot_scene_graph(IMAGE, graph, CLASSES, PREDICATES))
    assert 'holding <0.01' in words


def test_found_missed_and_unannotated_relations_differ_in_style():
    gt = make_graph([(0, 2, 1), (1, 2, 2)])
    pred = make_graph([(0, 2, 1), (1, 2, 3), (2, 3, 3)], scores=[0.9, 0.5, 0.1])
    figure = plot_comparison(IMAGE, gt, pred, CLASSES, PREDICATES, task='SGCls')
    _, gt_axes, _, pred_axes = figure.axes
    assert [count_arrows(gt_axes, style) for style in (HIT, MISS, EXTRA)] == [1, 1, 0]
    assert [count_arrows(pred_axes, style) for style in (HIT, MISS, EXTRA)] == [1, 0, 2]
    assert len({str(style.line) for style in (HIT, MISS, EXTRA)}) == 3
    titles = [text.get_text() for text in figure.texts]
    assert titles == [
        'Ground truth: 1 of 2 relations found',
        'Prediction (SGCls): the 3 best relations',
    ]
    assert len(figure.legends[0].get_texts()) == 3


def test_a_relation_beyond_the_best_is_missed():
    gt = make_graph([(0, 2, 1)])
    pred = make_graph([(2, 3, 3), (0, 2, 1)], scores=[0.9, 0.5])
    figure = plot_comparison(IMAGE, gt, pred, CLASSES, PREDICATES, topk=1)
    assert figure.texts[0].get_text() == 'Ground truth: 0 of 1 relations found'


def test_found_relations_are_shown_first_if_there_are_too_many():
    gt = make_graph([(0, 1, 1), (0, 2, 1), (0, 3, 1), (1, 2, 2)])
    pred = make_graph([(1, 2, 2)], scores=[0.9])
    figure = plot_comparison(IMAGE, gt, pred, CLASSES, PREDICATES, topk=2)
    assert figure.texts[0].get_text() == 'Ground truth: 1 of 4 relations found, 2 shown'
    assert count_arrows(figure.axes[1], HIT) == 1


def test_given_objects_have_the_same_place_and_name_in_both_graphs():
    gt = make_graph([(0, 2, 1), (1, 2, 2), (2, 3, 1)])
    pred = make_graph([(1, 2, 2), (3, 1, 3)], scores=[0.9, 0.5])
    figure = plot_comparison(IMAGE, gt, pred, CLASSES, PREDICATES)
    places = [
        {text.get_text(): text.get_position() for text in axes.texts} for axes in figure.axes[1::2]
    ]
    for name in ('person 2', 'dog', 'tree'):
        np.testing.assert_allclose(places[0][name], places[1][name])


def test_detected_objects_are_laid_out_on_their_own():
    gt = make_graph([(0, 2, 1)])
    pred = make_graph([(0, 1, 3)], labels=(1, 2), scores=[0.9])
    picture = draw_comparison(IMAGE, gt, pred, CLASSES, PREDICATES)
    assert picture.ndim == 3


def test_a_highlighted_relation_keeps_its_names():
    graph = make_graph([(0, 2, 1), (1, 2, 2), (2, 3, 3)])
    figure = plot_scene_graph(IMAGE, graph, CLASSES, PREDICATES, highlight=1)
    image_axes, graph_axes = figure.axes
    assert [text.get_text() for text in image_axes.texts] == ['person 2', 'dog']
    assert [count_arrows(graph_axes, style) for style in (PLAIN, FADED)] == [1, 2]
    assert {'person 1', 'person 2', 'dog', 'tree'} <= {text.get_text() for text in graph_axes.texts}
    with pytest.raises(ValueError, match='highlight=2 '):
        plot_scene_graph(IMAGE, graph, CLASSES, PREDICATES, topk=2, highlight=2)


@pytest.mark.parametrize('labels', [(), (0,), (0, 1, 2)])
def test_graphs_without_relations_are_drawn(labels):
    graph = make_graph([], labels=labels)
    figure = plot_scene_graph(IMAGE, graph, CLASSES, PREDICATES)
    assert 'no relations' in texts(figure)
    assert rasterize(figure).ndim == 3


def test_the_same_graph_gives_the_same_picture():
    first, second = (
        draw_scene_graph(IMAGE, make_graph([(0, 2, 1), (2, 3, 2)]), CLASSES, PREDICATES)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_a_label_without_a_name_is_refused():
    with pytest.raises(ValueError, match='predicate 4 '):
        draw_scene_graph(IMAGE, make_graph([(0, 2, 4)]), CLASSES, PREDICATES)
    with pytest.raises(ValueError, match='object class 2 '):
        draw_scene_graph(IMAGE, make_graph([(0, 2, 1)]), CLASSES[:2], PREDICATES)


@pytest.mark.parametrize('image', [IMAGE[..., 0], IMAGE.astype(float)])
def test_anything_but_an_rgb_image_is_refused(image):
    with pytest.raises(ValueError, match=r'RGB.*\(H, W, 3\)'):
        draw_scene_graph(image, make_graph([]), CLASSES, PREDICATES)


def boxes_of(axes) -> dict[str, np.ndarray]:
    """Boxes of the texts in pixels of the figure, each (2, 2)."""
    return {text.get_text(): text.get_window_extent().get_points() for text in axes.texts}


@pytest.mark.parametrize('shape', [(1500, 80), (80, 1500), (80, 3000)])
def test_names_on_long_images_stay_visible(shape):
    graph = make_graph([(0, 2, 1), (1, 2, 2), (2, 3, 3)])
    graph.objects.bboxes *= torch.tensor([shape[1] / 160, shape[0] / 120] * 2)
    figure = plot_scene_graph(np.zeros((*shape, 3), np.uint8), graph, CLASSES, PREDICATES)
    rasterize(figure)
    image_axes, _ = figure.axes
    panel = image_axes.get_window_extent().get_points()
    boxes = boxes_of(image_axes)
    assert len(boxes) == 4
    for name, (low, high) in boxes.items():
        assert (low >= panel[0]).all() and (high <= panel[1]).all(), name
    # The image keeps its shape and contains its boxes.
    left, right, bottom, top = image_axes.images[0].get_extent()
    assert (right - left) / (bottom - top) == pytest.approx(shape[1] / shape[0])
    for patch in image_axes.patches[:4]:
        x, y = patch.get_xy()
        assert left <= x <= right and top <= y <= bottom


@pytest.mark.parametrize('labels', [(), (0,), (0, 1, 2) * 6])
def test_the_note_of_no_relations_is_in_the_middle_without_overlap(labels):
    figure = plot_scene_graph(IMAGE, make_graph([], labels=labels), CLASSES, PREDICATES)
    rasterize(figure)
    boxes = boxes_of(figure.axes[1])
    low, high = boxes.pop('no relations')
    panel = figure.axes[1].get_window_extent().get_points()
    assert np.abs(panel.mean(axis=0) - (low + high) / 2).max() < 0.25 * np.ptp(panel)
    for name, (other_low, other_high) in boxes.items():
        assert (high <= other_low).any() or (other_high <= low).any(), name
