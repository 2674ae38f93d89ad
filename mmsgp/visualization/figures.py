"""Figures of one scene graph, or of annotation and prediction side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmsgp.evaluation.functional import NO_HIT, match_triplets
from mmsgp.structures import SceneGraph

from .colors import class_colors
from .scene_graph.joint_layout import plan_layouts
from .scene_graph.panels import FONT_SIZE, draw_graph_panel, draw_image_panel
from .scene_graph.view import (
    EXTRA,
    FADED,
    HIT,
    MISS,
    PLAIN,
    GraphView,
    RelationStyle,
    view_graph,
)

# All in points. Small images are enlarged to this size, so that names fit.
_IMAGE_SIDE = 300.0
# The shorter side of long images; names may stand beside them.
_LEAST_SIDE = 110.0
_GRAPH_WIDTH, _GRAPH_HEIGHT = 380.0, 300.0
_MARGIN = 10.0
_TITLE_HEIGHT = 20.0
_DPI = 144


def plot_scene_graph(
    image: np.ndarray,
    graph: SceneGraph,
    classes: Sequence[str],
    predicates: Sequence[str],
    palette: Sequence[Sequence[int]] | None = None,
    topk: int = 20,
    score_thr: float = 0.0,
    title: str = '',
    highlight: int | None = None,
) -> Figure:
    """Plot an image and, to its right, its scene graph.

    Args:
        image: (H, W, 3) uint8, RGB.
        graph: Annotated or predicted; boxes in the image's pixels.
        classes: Names of the object classes.
        predicates: Names of the predicates; predicate ``p`` is
            ``predicates[p - 1]``.
        palette: One ``(r, g, b)`` from 0 to 255 per class. Defaults to None:
            distinct hues.
        topk: Number of relations to show, from the first. Defaults to 20.
        score_thr: Lowest score of predicted relations to show. Defaults to 0.0.
        title: Heading. Defaults to '': no heading.
        highlight: Index of a shown relation to highlight: only its two boxes are
            drawn, and the graph's other relations are grey. Defaults to None.

    Returns:
        Figure: A figure of matplotlib; its ``savefig`` also writes PDF and SVG.

    Raises:
        ValueError: If the relation to highlight is not shown.
    """
    _check_image(image)
    colors = class_colors(len(classes), palette)
    indices = _select(graph, topk, score_thr)
    view = boxes = view_graph(graph, classes, predicates, colors, indices, [PLAIN] * len(indices))
    if highlight is not None:
        if highlight not in indices:
            raise ValueError(
                f'highlight={highlight} is not a shown relation: topk and '
                f'score_thr leave {len(indices)} relations'
            )
        view.styles = [PLAIN if index == highlight else FADED for index in indices]
        boxes = view_graph(
            graph, classes, predicates, colors, np.array([highlight]), [PLAIN], view.objects
        )
    image_size = _image_size(image)
    (layout,) = plan_layouts([view], (_GRAPH_WIDTH, _GRAPH_HEIGHT), True)
    height = max(image_size[1], layout.size[1])
    width = image_size[0] + layout.size[0] + 3 * _MARGIN
    top = _MARGIN + _TITLE_HEIGHT * bool(title)
    figure = _new_figure(width, top + height + _MARGIN)
    if title:
        _add_text(figure, _MARGIN, _MARGIN, title)
    draw_image_panel(_add_axes(figure, _MARGIN, top, *image_size), image, boxes, image_size)
    graph_size = (layout.size[0], height)
    draw_graph_panel(
        _add_axes(figure, 2 * _MARGIN + image_size[0], top, *graph_size), view, layout, graph_size
    )
    return figure


def plot_comparison(
    image: np.ndarray,
    gt: SceneGraph,
    pred: SceneGraph,
    classes: Sequence[str],
    predicates: Sequence[str],
    palette: Sequence[Sequence[int]] | None = None,
    topk: int = 20,
    score_thr: float = 0.0,
    iou_thr: float = 0.5,
    task: str = '',
) -> Figure:
    """Plot the annotated graph beside the predicted one.

    Found relations have solid lines, missed ones dashed lines, and predictions
    without a match dotted lines. Predictions are matched by
    :func:`~mmsgp.evaluation.functional.match_triplets`.

    Args:
        image: (H, W, 3) uint8, RGB.
        gt: Annotated; boxes in the image's pixels.
        pred: Predicted, best relation first.
        classes: Names of the object classes.
        predicates: Names of the predicates.
        palette: One ``(r, g, b)`` per class.
        topk: Largest number of predictions, and of annotations. Defaults to 20.
        score_thr: Lowest score of predictions to show. Defaults to 0.0.
        iou_thr: Lowest IoU of a matched box. Defaults to 0.5.
        task: Name of the task for the heading. Defaults to '': none.

    Returns:
        Figure: A figure of matplotlib.
    """
    _check_image(image)
    colors = class_colors(len(classes), palette)
    shown_pred = _select(pred, topk, score_thr)
    ranks = match_triplets(gt, pred, iou_thr).cpu().numpy()  # (M_gt,)
    found = np.isin(ranks, shown_pred)
    # Several predictions may match a relation; matching is symmetric.
    hits = (match_triplets(pred, gt, iou_thr) != NO_HIT).cpu().numpy()[shown_pred]
    # If there are too many annotations, missed ones are omitted first.
    shown_gt = np.sort(np.argsort(~found, kind='stable')[:topk])
    same_objects = _same_boxes(gt, pred)
    numbered = _related(gt, shown_gt, pred, shown_pred) if same_objects else None
    views = [
        view_graph(
            gt,
            classes,
            predicates,
            colors,
            shown_gt,
            [HIT if hit else MISS for hit in found[shown_gt]],
            numbered,
        ),
        view_graph(
            pred,
            classes,
            predicates,
            colors,
            shown_pred,
            [HIT if hit else EXTRA for hit in hits],
            numbered,
        ),
    ]
    titles = [_gt_title(found, len(shown_gt)), _pred_title(task, len(shown_pred))]
    return _plot_columns(image, views, titles, same_objects)


def draw_scene_graph(
    image: np.ndarray,
    graph: SceneGraph,
    classes: Sequence[str],
    predicates: Sequence[str],
    **kwargs,
) -> np.ndarray:
    """Draw the figure of :func:`plot_scene_graph` as an array.

    Returns:
        np.ndarray: (H', W', 3) uint8, RGB.
    """
    return rasterize(plot_scene_graph(image, graph, classes, predicates, **kwargs))


def draw_comparison(
    image: np.ndarray,
    gt: SceneGraph,
    pred: SceneGraph,
    classes: Sequence[str],
    predicates: Sequence[str],
    **kwargs,
) -> np.ndarray:
    """Draw the figure of :func:`plot_comparison` as an array.

    Returns:
        np.ndarray: (H', W', 3) uint8, RGB.
    """
    return rasterize(plot_comparison(image, gt, pred, classes, predicates, **kwargs))


def rasterize(figure: Figure) -> np.ndarray:
    """Draw a figure as an array (H, W, 3), uint8 RGB."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _same_boxes(gt: SceneGraph, pred: SceneGraph) -> bool:
    """Whether the boxes were given, so that equal indices are equal objects."""
    boxes, others = gt.objects.bboxes.cpu(), pred.objects.bboxes.cpu()
    # Given boxes were scaled to the network's input and back.
    return boxes.shape == others.shape and torch.allclose(boxes, others, atol=0.5)


def _related(
    gt: SceneGraph, shown_gt: np.ndarray, pred: SceneGraph, shown_pred: np.ndarray
) -> np.ndarray:
    """Return the indices of the objects in the shown relations of both graphs."""
    pairs = [
        graph.relations.pairs.cpu().numpy()[shown].reshape(-1)
        for graph, shown in ((gt, shown_gt), (pred, shown_pred))
    ]
    return np.unique(np.concatenate(pairs))


def _plot_columns(
    image: np.ndarray, views: list[GraphView], titles: list[str], same_objects: bool
) -> Figure:
    """Plot a column per view, the image above the graph; a legend below."""
    image_size = _image_size(image)
    width = max(_GRAPH_WIDTH, image_size[0])
    layouts = plan_layouts(views, (width, _GRAPH_HEIGHT), same_objects)
    width = max(width, *(layout.size[0] for layout in layouts))
    graph_size = (width, max(layout.size[1] for layout in layouts))
    top = _MARGIN + _TITLE_HEIGHT
    graph_top = top + image_size[1] + _MARGIN
    total_width = len(views) * (width + 2 * _MARGIN)
    total_height = graph_top + graph_size[1] + _TITLE_HEIGHT + 2 * _MARGIN
    figure = _new_figure(total_width, total_height)
    for index, (view, layout, title) in enumerate(zip(views, layouts, titles, strict=True)):
        left = _MARGIN + index * (width + 2 * _MARGIN)
        image_left = left + (width - image_size[0]) / 2
        _add_text(figure, left, _MARGIN, title)
        draw_image_panel(_add_axes(figure, image_left, top, *image_size), image, view, image_size)
        draw_graph_panel(_add_axes(figure, left, graph_top, *graph_size), view, layout, graph_size)
    _add_legend(figure, [HIT, MISS, EXTRA])
    return figure


def _select(graph: SceneGraph, topk: int, score_thr: float) -> np.ndarray:
    """Return the indices of the relations to show."""
    indices = np.arange(graph.num_relations)
    if 'scores' in graph.relations:
        scores = graph.relations.scores.detach().cpu().numpy()
        indices = indices[scores >= score_thr]
    return indices[:topk]


def _gt_title(found: np.ndarray, num_shown: int) -> str:
    title = f'Ground truth: {int(found.sum())} of {len(found)} relations found'
    if num_shown < len(found):
        title += f', {num_shown} shown'
    return title


def _pred_title(task: str, num_shown: int) -> str:
    name = f'Prediction ({task})' if task else 'Prediction'
    number = 'best relation' if num_shown == 1 else f'{num_shown} best relations'
    return f'{name}: the {number}'


def _image_size(image: np.ndarray) -> tuple[float, float]:
    """Compute the panel's size: the longer side is always the same."""
    height, width = image.shape[:2]
    scale = _IMAGE_SIDE / max(height, width)
    return max(width * scale, _LEAST_SIDE), max(height * scale, _LEAST_SIDE)


def _new_figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width / 72, height / 72), dpi=_DPI, facecolor='white')


def _add_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes at a place in points from the top left corner."""
    total_width, total_height = figure.get_size_inches() * 72
    return figure.add_axes(
        (
            left / total_width,
            1 - (top + height) / total_height,
            width / total_width,
            height / total_height,
        )
    )


def _add_text(figure: Figure, left: float, top: float, text: str) -> None:
    width, height = figure.get_size_inches() * 72
    figure.text(
        left / width, 1 - top / height, text, fontsize=FONT_SIZE + 2, fontweight='bold', va='top'
    )


def _add_legend(figure: Figure, styles: Sequence[RelationStyle]) -> None:
    lines = [
        Line2D([], [], color=style.color, linestyle=style.line, linewidth=1.8, label=style.meaning)
        for style in styles
    ]
    figure.legend(
        handles=lines,
        loc='lower center',
        ncols=len(lines),
        frameon=False,
        fontsize=FONT_SIZE,
        handlelength=3.5,
    )


def _check_image(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            'expected an RGB image, uint8 of shape (H, W, 3), got '
            f'{image.dtype} of shape {image.shape}'
        )
