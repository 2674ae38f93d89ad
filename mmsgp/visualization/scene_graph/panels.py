"""Draw the two panels of a scene graph: boxes on the image, and the graph.

All lengths are in points (1/72 inch); a panel's origin is its top left corner.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from matplotlib.patheffects import Normal, Stroke
from matplotlib.text import Text
from matplotlib.textpath import TextPath

from mmsgp.visualization.colors import text_color
from mmsgp.visualization.fonts import DEFAULT

from .labels import place_in_middle, place_labels
from .layout import GraphLayout, edge_curves
from .view import GraphView, RelationStyle

FONT_SIZE = 9.0
SMALL_FONT_SIZE = 8.0
_LINE_HEIGHT = 1.25
_NOTE = 'no relations'
_FRAME_WIDTH = 2.0
_ARROW_LENGTH, _ARROW_WIDTH = 7.0, 5.5


@lru_cache(maxsize=4096)
def text_size(
    text: str, font_size: float, fonts: tuple[str, ...] = (DEFAULT,)
) -> tuple[float, float]:
    """Compute the width and the line height of a text."""
    if not text.strip():  # a blank text has no outline
        return 0.0, _LINE_HEIGHT * font_size
    font = FontProperties(family=list(fonts))
    width = TextPath((0, 0), text, size=font_size, prop=font).get_extents().width
    return float(width), _LINE_HEIGHT * font_size


def text_sizes(
    texts: list[str],
    font_size: float,
    padding: tuple[float, float],
    fonts: tuple[str, ...] = (DEFAULT,),
) -> np.ndarray:
    """Compute the sizes (N, 2) of boxes around texts."""
    sizes = [text_size(text, font_size, fonts) for text in texts]
    return np.array(sizes).reshape(-1, 2) + 2 * np.asarray(padding)


def prepare_axes(axes: Axes, size: tuple[float, float]) -> None:
    """Set one unit to a point, y downwards, without axis lines."""
    axes.set_xlim(0, size[0])
    axes.set_ylim(size[1], 0)
    axes.axis('off')


def draw_image_panel(
    axes: Axes, image: np.ndarray, view: GraphView, size: tuple[float, float]
) -> None:
    """Draw the image, and the boxes and names of the objects.

    Args:
        axes: As large as ``size``.
        image: (H, W, 3) uint8, RGB.
        view: The objects.
        size: Width and height of the panel. The image is in the middle, as large
            as possible; names may stand beside it.
    """
    prepare_axes(axes, size)
    extent = np.array(image.shape[1::-1])
    scale = np.min(size / extent)
    low = (size - scale * extent) / 2
    high = low + scale * extent
    axes.imshow(
        image, extent=(low[0], high[0], high[1], low[1]), interpolation='bicubic', aspect='auto'
    )
    prepare_axes(axes, size)
    boxes = view.bboxes * scale + np.tile(low, 2)
    boxes = np.clip(boxes, np.tile(low + 1, 2), np.tile(high - 1, 2))
    for box, color in zip(boxes, view.colors, strict=True):
        axes.add_patch(_box_patch(box, color))
    sizes = text_sizes(view.names, SMALL_FONT_SIZE, (2.5, 0.8), view.fonts)
    frames = boxes + np.array([-1, -1, 1, 1]) * _FRAME_WIDTH / 2
    corners = place_labels(frames, sizes, size)
    for index, name in enumerate(view.names):
        text = _draw_box_label(
            axes, boxes[index], corners[index], sizes[index], name, view.colors[index]
        )
        text.set_fontfamily(view.fonts)


def _box_patch(box: np.ndarray, color: np.ndarray) -> Rectangle:
    """Make a coloured frame with an outline that is visible on any background."""
    outline = 'white' if text_color(color) == 'white' else 'black'
    patch = Rectangle(
        box[:2], *(box[2:] - box[:2]), fill=False, edgecolor=color, linewidth=_FRAME_WIDTH
    )
    patch.set_path_effects(
        [Stroke(linewidth=_FRAME_WIDTH + 1.2, foreground=outline, alpha=0.6), Normal()]
    )
    return patch


def _draw_box_label(
    axes: Axes, box: np.ndarray, corner: np.ndarray, size: np.ndarray, name: str, color: np.ndarray
) -> Text:
    center = corner + size / 2
    nearest = np.clip(center, box[:2], box[2:])
    # A line connects a name with its box if the two are apart.
    if (np.abs(nearest - center) > size / 2 + 1).any():
        axes.plot(
            *np.stack([center, nearest], axis=1), color=color, linewidth=1.0, solid_capstyle='round'
        )
    axes.add_patch(Rectangle(corner, *size, facecolor=color, linewidth=0, zorder=3))
    return axes.text(
        *center,
        name,
        fontsize=SMALL_FONT_SIZE,
        color=text_color(color),
        ha='center',
        va='center_baseline',
        zorder=4,
    )


def object_sizes(view: GraphView) -> np.ndarray:
    """Compute the sizes (N, 2) of the objects in the graph."""
    return text_sizes(view.names, FONT_SIZE, (6.0, 3.0), view.fonts)


def predicate_sizes(view: GraphView) -> np.ndarray:
    """Compute the sizes (M, 2) of the predicates' labels in the graph."""
    return text_sizes(view.predicates, SMALL_FONT_SIZE, (3.0, 1.0), view.fonts)


def draw_graph_panel(
    axes: Axes, view: GraphView, layout: GraphLayout, size: tuple[float, float]
) -> None:
    """Draw objects as boxes and relations as arrows with their predicates.

    Args:
        axes: As large as ``size``.
        view: The graph.
        layout: Result of :func:`~.joint_layout.plan_layouts`.
        size: Width and height of the panel, at least ``layout.size``.
    """
    prepare_axes(axes, size)
    shift = (np.asarray(size) - layout.size) / 2
    objects, predicates = layout.objects + shift, layout.predicates + shift
    node_sizes, label_sizes = object_sizes(view), predicate_sizes(view)
    for index, (subject, object_) in enumerate(view.pairs):
        _draw_arrow(
            axes,
            objects[subject],
            predicates[index],
            objects[object_],
            node_sizes[subject],
            node_sizes[object_],
            view.styles[index],
            0.8 + 1.8 * view.strengths[index],
        )
    if not view.predicates:
        (note_size,) = text_sizes([_NOTE], FONT_SIZE, (0, 0))
        corner = place_in_middle(
            note_size, np.hstack([objects - node_sizes / 2, objects + node_sizes / 2]), size
        )
        axes.text(
            *corner + note_size / 2,
            _NOTE,
            fontsize=FONT_SIZE,
            color='#6b6b6b',
            ha='center',
            va='center_baseline',
        )
    for index, name in enumerate(view.predicates):
        text = _draw_predicate(
            axes, predicates[index], label_sizes[index], name, view.styles[index]
        )
        text.set_fontfamily(view.fonts)
    for index, name in enumerate(view.names):
        text = _draw_object(axes, objects[index], node_sizes[index], name, view.colors[index])
        text.set_fontfamily(view.fonts)


def _draw_object(
    axes: Axes, center: np.ndarray, size: np.ndarray, name: str, color: np.ndarray
) -> Text:
    axes.add_patch(
        FancyBboxPatch(
            center - size / 2,
            *size,
            facecolor=color,
            edgecolor='#3d3d3d',
            linewidth=0.8,
            zorder=5,
            clip_on=False,
            boxstyle='round,pad=0,rounding_size=4',
        )
    )
    return axes.text(
        *center,
        name,
        fontsize=FONT_SIZE,
        color=text_color(color),
        ha='center',
        va='center_baseline',
        zorder=6,
    )


def _draw_predicate(
    axes: Axes, center: np.ndarray, size: np.ndarray, name: str, style: RelationStyle
) -> Text:
    axes.add_patch(
        FancyBboxPatch(
            center - size / 2,
            *size,
            facecolor='white',
            edgecolor=style.color,
            linestyle=style.line,
            linewidth=0.8,
            zorder=3,
            clip_on=False,
            boxstyle='round,pad=0,rounding_size=3',
        )
    )
    return axes.text(
        *center,
        name,
        fontsize=SMALL_FONT_SIZE,
        color=style.color,
        ha='center',
        va='center_baseline',
        zorder=4,
    )


def _draw_arrow(
    axes: Axes,
    start: np.ndarray,
    middle: np.ndarray,
    end: np.ndarray,
    start_size: np.ndarray,
    end_size: np.ndarray,
    style: RelationStyle,
    width: float,
) -> None:
    """Draw an arrow between two objects through its predicate's label."""
    curve = edge_curves(start, middle, end, 101)  # (101, 2)
    outside = (np.abs(curve - start) > start_size / 2).any(axis=1)
    outside &= (np.abs(curve - end) > end_size / 2 + 1).any(axis=1)
    curve = curve[outside]
    if len(curve) < 2:
        return
    tip = curve[-1]
    far = np.linalg.norm(curve - tip, axis=1) > _ARROW_LENGTH
    base = curve[far][-1] if far.any() else curve[0]
    along = (tip - base) / max(np.linalg.norm(tip - base), 1e-9)
    base = tip - _ARROW_LENGTH * along
    across = np.array([-along[1], along[0]]) * _ARROW_WIDTH / 2
    line = np.vstack([curve[far], base])
    axes.plot(
        line[:, 0],
        line[:, 1],
        color=style.color,
        linestyle=style.line,
        linewidth=width,
        zorder=1,
        dash_capstyle='butt',
    )
    axes.add_patch(
        Polygon([tip, base + across, base - across], facecolor=style.color, linewidth=0, zorder=2)
    )
