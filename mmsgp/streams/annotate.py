"""Draw the smoothed graph of a frame onto it."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from matplotlib.font_manager import FontProperties, findfont
from PIL import Image, ImageDraw, ImageFont

from mmsgp.visualization.colors import text_color
from mmsgp.visualization.fonts import families_of

_SIDES = (480, 960)  # least height and largest side of the drawn frame in pixels
_PANEL = 340  # pixels of the list of relations
_LINE = 24
_INK, _PAPER, _FAINT = (30, 30, 30), (250, 250, 250), (150, 150, 150)


class FramePainter:
    """Draws the tracked objects and the shown relations of a frame.

    All frames of a video come out at the same size: tiny ones enlarged, large ones made
    smaller, with a list of the relations on the right. Objects that are not detected in
    the frame have a thin box where they were last, if they have a relation.

    Args:
        colors: (C, 3) colours of the classes, RGB from 0 to 1.
    """

    def __init__(self, colors: np.ndarray) -> None:
        self.colors = colors

    def draw(self, image: np.ndarray, graph: dict) -> np.ndarray:
        """Draw a frame.

        Args:
            image: (H, W, 3) uint8 BGR.
            graph: A line of the JSON lines, see :func:`~.stream.parse_stream`.

        Returns:
            ndarray: (H', W', 3) uint8 BGR; H' and W' are even, as codecs need them.
        """
        height, width = image.shape[:2]
        scale = min(max(_SIDES[0] / height, 1.0), _SIDES[1] / max(height, width))
        size = tuple(2 * max(round(side * scale / 2), 1) for side in (width, height))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        canvas = np.full((max(size[1], _SIDES[0]), size[0] + _PANEL, 3), _PAPER[0], np.uint8)
        canvas[: size[1], : size[0]] = cv2.resize(image, size, interpolation=way)[..., ::-1]
        picture = Image.fromarray(canvas)
        pen = ImageDraw.Draw(picture)
        boxes = [np.multiply(item['bbox'], scale) for item in graph['objects']]
        for relation in graph['relations']:
            self._arrow(pen, boxes[relation['subject']], boxes[relation['object']])
        related = {r[end] for r in graph['relations'] for end in ('subject', 'object')}
        for item, box in zip(graph['objects'], boxes):
            if item['detected'] or item['id'] in related:
                self._object(pen, item, box)
        self._list(pen, graph, size[0] + 12, canvas.shape[0])
        return np.ascontiguousarray(np.asarray(picture)[..., ::-1])

    def _object(self, pen: ImageDraw.ImageDraw, item: dict, box: np.ndarray) -> None:
        color = tuple(int(255 * part) for part in self.colors[item['label']])
        pen.rectangle(box.tolist(), outline=color, width=3 if item['detected'] else 1)
        text = object_name(item)
        font = _font(text, 14)
        corner = (box[0], max(box[1] - 17, 0))
        pen.rectangle(pen.textbbox(corner, text, font=font), fill=color)
        pen.text(corner, text, font=font, fill=text_color(self.colors[item['label']]))

    def _arrow(self, pen: ImageDraw.ImageDraw, subject: np.ndarray, object_: np.ndarray) -> None:
        start, end = ((box[:2] + box[2:]) / 2 for box in (subject, object_))
        pen.line([*start, *end], fill=(255, 255, 255), width=5)
        pen.line([*start, *end], fill=_INK, width=2)
        pen.ellipse([*(end - 5), *(end + 5)], fill=_INK, outline=(255, 255, 255))

    def _list(self, pen: ImageDraw.ImageDraw, graph: dict, left: int, height: int) -> None:
        pen.text((left, 8), f'{graph["time"]:.2f} s', font=_font('s', 15), fill=_FAINT)
        names = [object_name(item) for item in graph['objects']]
        places = (height - 40) // _LINE
        relations = graph['relations']
        shown = relations if len(relations) <= places else relations[: places - 1]
        for row, relation in enumerate(shown):
            top = 36 + row * _LINE
            bar = round(36 * relation['score'])
            pen.rectangle([left, top + 4, left + 36, top + 14], outline=_FAINT)
            pen.rectangle([left, top + 4, left + bar, top + 14], fill=_FAINT)
            words = names[relation['subject']], relation['predicate'], names[relation['object']]
            text = ' '.join(words)
            pen.text((left + 44, top), text, font=_font(text, 15), fill=_INK)
        if len(shown) < len(relations):
            text = f'and {len(relations) - len(shown)} more'
            top = 36 + len(shown) * _LINE
            pen.text((left + 44, top), text, font=_font(text, 15), fill=_FAINT)


def object_name(item: dict) -> str:
    """Name an object by its class and its track, e.g. ``person 3``."""
    return f'{item["name"]} {item["track"]}'


@lru_cache(maxsize=1024)
def _font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """The font that has the rarest of the characters."""
    return _font_file(families_of([text])[-1], size)


@lru_cache(maxsize=64)
def _font_file(family: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(findfont(FontProperties(family=family)), size)
