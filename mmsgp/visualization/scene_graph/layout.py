"""Lay out a scene graph: places of its objects and its predicates' labels.

Predicates are nodes between their subject and their object, so that their labels
do not overlap with each other or with objects. Objects start at their place in the
image and stay near that arrangement.

Shape shorthand: N objects, M relations, V = N + M nodes.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

_STRESS_ITERATIONS = 150
_SPREAD_ITERATIONS = 200
_STRAIGHTEN_ITERATIONS = 10
# Shares of the way to the middle to try, largest first.
_STRAIGHTEN_STEPS = np.array([1, 0.6, 0.3, 0.1, 0.03])[:, None]
# Wanted distance between labels of the same pair, in half edges.
_PARALLEL = 0.7
_GROWTH = 1.07
_MAX_DISTANCE = 4.0
# Starts of the optimisation; the clearest result is kept.
_NUM_STARTS = 12

GAP = (14.0, 13.0)
"""Smallest horizontal and vertical distance between two rectangles."""


class GraphLayout(NamedTuple):
    """Centres in points; the origin is the top left corner."""

    objects: np.ndarray
    """(N, 2) centres of the objects."""
    predicates: np.ndarray
    """(M, 2) centres of the predicates' labels."""
    size: tuple[float, float]
    """Width and height of the layout."""


def layout_graph(
    object_sizes: np.ndarray,
    predicate_sizes: np.ndarray,
    pairs: np.ndarray,
    anchors: np.ndarray,
    size: tuple[float, float],
    gap: tuple[float, float] = GAP,
) -> GraphLayout:
    """Place objects and predicates without overlap.

    First, distances are fitted to those along the graph by least squares (stress
    majorisation); then rectangles are pushed apart. The canvas grows if it is too
    small for them.

    Args:
        object_sizes: (N, 2) width and height of the objects.
        predicate_sizes: (M, 2) width and height of the predicates' labels.
        pairs: (M, 2) subject and object of each relation.
        anchors: (N, 2) places of the objects in the image, in any unit.
        size: Smallest width and height of the layout.
        gap: Smallest horizontal and vertical distance between two rectangles.

    Returns:
        GraphLayout: Deterministic for equal arguments.
    """
    num_objects = len(object_sizes)
    if not num_objects:
        return GraphLayout(np.empty((0, 2)), np.empty((0, 2)), size)
    sizes = np.vstack([object_sizes, predicate_sizes])  # (V, 2)
    distances = _graph_distances(num_objects, pairs)
    generator = np.random.default_rng(0)
    best = None
    for start in range(_NUM_STARTS):
        centers = _start(anchors, pairs, 0.02 + 0.02 * start, generator)
        centers = _majorise_stress(centers, distances)
        centers, used = _spread(centers, sizes, size, np.asarray(gap))
        cost = _clutter(centers, sizes, pairs, num_objects) + 20 * (
            used[0] * used[1] / (size[0] * size[1]) - 1
        )
        if best is None or cost < best[0]:
            best = cost, centers, used
    _, centers, used = best
    layout = GraphLayout(centers[:num_objects], centers[num_objects:], used)
    return straighten(layout, object_sizes, predicate_sizes, pairs, gap)


def straighten(
    layout: GraphLayout,
    object_sizes: np.ndarray,
    predicate_sizes: np.ndarray,
    pairs: np.ndarray,
    gap: tuple[float, float] = GAP,
) -> GraphLayout:
    """Move labels towards the middle of their pair if there is room.

    Args:
        layout: A layout without overlaps.
        object_sizes: (N, 2) width and height of the objects.
        predicate_sizes: (M, 2) width and height of the predicates' labels.
        pairs: (M, 2) subject and object of each relation.
        gap: Smallest distance between two rectangles.

    Returns:
        GraphLayout: The layout with the same objects and other labels.
    """
    sizes = np.vstack([object_sizes, predicate_sizes])  # (V, 2)
    centers = np.vstack([layout.objects, layout.predicates])  # (V, 2)
    num_objects = len(object_sizes)
    for _ in range(_STRAIGHTEN_ITERATIONS):
        for index, pair in enumerate(pairs, start=num_objects):
            steps = _STRAIGHTEN_STEPS * (centers[pair].mean(axis=0) - centers[index])
            targets = centers[index] + steps  # (steps, 2)
            overlap = (
                (sizes[index] + sizes) / 2 + gap - np.abs(targets[:, None] - centers)
            )  # (steps, V, 2)
            overlap[:, index] = -1
            free = ~(overlap > 1e-3).all(axis=2).any(axis=1)
            if free.any():
                centers[index] = targets[np.argmax(free)]
    return layout._replace(predicates=centers[num_objects:])


def _graph_distances(num_objects: int, pairs: np.ndarray) -> np.ndarray:
    """Count the half edges (V, V) between any two nodes."""
    num = num_objects + len(pairs)
    distances = np.full((num, num), np.inf)
    np.fill_diagonal(distances, 0)
    for index, pair in enumerate(pairs):
        for end in pair:
            distances[end, num_objects + index] = 1
            distances[num_objects + index, end] = 1
    for middle in range(num):
        through = distances[:, middle, None] + distances[None, middle]
        distances = np.minimum(distances, through)
    # This folds long chains and keeps unconnected parts near.
    distances = np.minimum(distances, _MAX_DISTANCE)
    # Labels of the same pair stand in a row between its ends. With their distance
    # over an end they would surround the ends.
    keys, places = np.sort(pairs, axis=1), _PARALLEL * _rows(pairs)
    same = (keys[:, None] == keys).all(axis=2)  # (M, M)
    labels = distances[num_objects:, num_objects:]
    labels[same] = np.abs(places[:, None] - places)[same]
    for index, pair in enumerate(pairs, start=num_objects):
        distances[index, pair] = distances[pair, index] = np.hypot(1, places[index - num_objects])
    return distances


def _start(
    anchors: np.ndarray, pairs: np.ndarray, noise: float, generator: np.random.Generator
) -> np.ndarray:
    """Place objects (V, 2) as in the image, predicates between them, with noise."""
    extent = np.maximum(np.ptp(anchors, axis=0), 1e-6)
    objects = (anchors - anchors.min(axis=0)) / extent
    along = objects[pairs[:, 1]] - objects[pairs[:, 0]]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    labels = objects[pairs].mean(axis=1) + _bows(pairs)[:, None] * across
    centers = np.vstack([objects, labels])
    return centers + generator.normal(scale=noise, size=centers.shape)


def _bows(pairs: np.ndarray) -> np.ndarray:
    """Compute sideways shares (M,) that spread a pair's labels to both sides."""
    rows = _rows(pairs)
    # In the other direction, left and right are swapped.
    return np.where(pairs[:, 0] <= pairs[:, 1], rows, -rows)


def _rows(pairs: np.ndarray) -> np.ndarray:
    """Compute places (M,) in the row of a pair's relations, 0 in its middle."""
    keys = [tuple(sorted(pair)) for pair in pairs.tolist()]
    totals, seen = Counter(keys), Counter()
    rows = np.zeros(len(pairs))
    for index, key in enumerate(keys):
        rows[index] = seen[key] - (totals[key] - 1) / 2
        seen[key] += 1
    return rows


def _majorise_stress(centers: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Move centres (V, 2) until their distances fit the wanted ones.

    The Guttman transform with weights ``d^-2`` (Gansner, Koren and North,
    "Graph Drawing by Stress Majorization", 2004).
    """
    num = len(centers)
    weights = 1 / (distances + np.eye(num)) ** 2 * (1 - np.eye(num))
    laplacian = np.diag(weights.sum(axis=1)) - weights
    inverse = np.linalg.pinv(laplacian)
    for _ in range(_STRESS_ITERATIONS):
        apart = np.linalg.norm(centers[:, None] - centers[None], axis=2)
        ratio = weights * distances / np.maximum(apart, 1e-9)
        target = np.diag(ratio.sum(axis=1)) - ratio
        centers = inverse @ (target @ centers)
    return centers


def _spread(
    centers: np.ndarray, sizes: np.ndarray, size: tuple[float, float], gap: np.ndarray
) -> tuple[np.ndarray, tuple[float, float]]:
    """Fill the canvas and push rectangles apart; enlarge the canvas until they fit."""
    canvas = np.asarray(size, dtype=float)
    canvas = np.maximum(canvas, sizes.max(axis=0))
    while True:
        placed = _fill(centers, sizes, canvas)
        placed, clear = _push_apart(placed, sizes, canvas, gap)
        if clear:
            return placed, (float(canvas[0]), float(canvas[1]))
        canvas = canvas * _GROWTH


def _fill(centers: np.ndarray, sizes: np.ndarray, canvas: np.ndarray) -> np.ndarray:
    """Stretch the centres so that the rectangles span the canvas."""
    low, high = sizes.max(axis=0) / 2, canvas - sizes.max(axis=0) / 2
    extent = np.maximum(np.ptp(centers, axis=0), 1e-6)
    share = (centers - centers.min(axis=0)) / extent
    return low + share * np.maximum(high - low, 0)


def _push_apart(
    centers: np.ndarray, sizes: np.ndarray, canvas: np.ndarray, gap: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Move overlapping rectangles along the axis of least overlap.

    Returns:
        tuple: The (V, 2) centres, and whether no rectangles overlap.
    """
    num = len(centers)
    reach = (sizes[:, None] + sizes[None]) / 2 + gap  # (V, V, 2)
    # The order breaks ties, so that equal centres move apart, too.
    order = np.sign(np.arange(num)[:, None] - np.arange(num)[None])[..., None]
    for _ in range(_SPREAD_ITERATIONS):
        offset = centers[:, None] - centers[None]  # (V, V, 2)
        overlap = reach - np.abs(offset)
        overlapping = (overlap > 1e-3).all(axis=2) & ~np.eye(num, dtype=bool)
        if not overlapping.any():
            return centers, True
        along_x = overlap[..., 0] < overlap[..., 1]
        axis = np.stack([along_x, ~along_x], axis=2)  # (V, V, 2)
        sign = np.where(np.abs(offset) > 1e-9, np.sign(offset), order)
        push = np.where(overlapping[..., None] & axis, sign * overlap, 0)
        centers = centers + 0.5 * push.sum(axis=1)
        centers = np.clip(centers, sizes / 2, canvas - sizes / 2)
    return centers, False


def _clutter(centers: np.ndarray, sizes: np.ndarray, pairs: np.ndarray, num_objects: int) -> float:
    """Rate how hard a layout is to read: lines over other rectangles, crossings,
    bends, hairpins and length."""
    halves, ends = _half_edges(centers, pairs, num_objects)
    over = _edges_over_rectangles(centers, sizes, pairs, num_objects)
    crossings = _crossings(halves, ends)
    lengths = np.linalg.norm(halves[:, 1] - halves[:, 0], axis=1)
    middle = centers[pairs].mean(axis=1)
    bends = np.linalg.norm(centers[num_objects:] - middle, axis=1)
    hairpins = _beyond_ends(centers, pairs, num_objects)
    return (
        10 * over + 3 * crossings + 0.02 * lengths.sum() + 0.03 * bends.sum() + 0.2 * hairpins.sum()
    )


def edge_curves(
    start: np.ndarray, middle: np.ndarray, end: np.ndarray, num_points: int
) -> np.ndarray:
    """Compute quadratic Bezier curves (num_points, ..., 2) through a middle point.

    Args:
        start: (..., 2), first points.
        middle: (..., 2), points half way, e.g. labels of edges.
        end: (..., 2), last points.
        num_points: Number of points per curve.
    """
    steps = np.linspace(0, 1, num_points).reshape(-1, *[1] * start.ndim)
    control = 2 * middle - (start + end) / 2
    return (1 - steps) ** 2 * start + 2 * steps * (1 - steps) * control + steps**2 * end


def _beyond_ends(centers: np.ndarray, pairs: np.ndarray, num_objects: int) -> np.ndarray:
    """Compute how far (M,) labels lie beyond the ends of their pair, on its line.

    The edge turns back there.
    """
    start, end = centers[pairs[:, 0]], centers[pairs[:, 1]]
    length = np.maximum(np.linalg.norm(end - start, axis=1), 1e-9)
    along = (end - start) / length[:, None]
    place = ((centers[num_objects:] - start) * along).sum(axis=1)
    return np.maximum(0, np.maximum(-place, place - length))


def _half_edges(
    centers: np.ndarray, pairs: np.ndarray, num_objects: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return lines (2M, 2, 2) from ends to labels, and their nodes (2M, 2)."""
    labels = np.repeat(num_objects + np.arange(len(pairs)), 2)
    ends = np.stack([pairs.reshape(-1), labels], axis=1)
    return centers[ends], ends


def _edges_over_rectangles(
    centers: np.ndarray, sizes: np.ndarray, pairs: np.ndarray, num_objects: int
) -> int:
    """Count the cases where an edge runs over another edge's rectangle."""
    curves = edge_curves(
        centers[pairs[:, 0]], centers[num_objects:], centers[pairs[:, 1]], 29
    )  # (29, M, 2)
    inside = np.abs(curves[:, :, None] - centers) < sizes / 2 + 2
    touched = inside.all(axis=3).any(axis=0)  # (M, V)
    edges = np.arange(len(pairs))
    touched[edges[:, None], pairs] = False
    touched[edges, num_objects + edges] = False
    return int(touched.sum())


def _crossings(lines: np.ndarray, ends: np.ndarray) -> int:
    """Count the pairs of lines that cross and share no end."""
    start, end = lines[:, 0], lines[:, 1]

    def side(points: np.ndarray) -> np.ndarray:
        """(2M, 2M), the side of line i on which point j lies."""
        along = (end - start)[:, None]
        to = points[None] - start[:, None]
        return np.sign(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0])

    apart = side(start) * side(end) < 0
    shared = (ends[:, None, :, None] == ends[None, :, None, :]).any(axis=(2, 3))
    return int((apart & apart.T & ~shared).sum() // 2)
