"""Read the objects that a user gives in a JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmsgp.utils.json_files import in_brief, read_json

_EXPECTED = (
    'expected {"objects": [{"bbox": [x1, y1, x2, y2], "name": ...}, ...]} or a list of these'
)
_MAX_BYTES = 2**28
# Larger than any image, and float32 does not overflow.
_FARTHEST = 2**31


def read_objects(path: Path) -> dict:
    """Read boxes, and classes if they have names, from a JSON file.

    Returns:
        dict: The arguments ``bboxes`` and ``labels`` of the inferencer.

    Raises:
        OSError: If the file does not exist or cannot be read.
        ValueError: If the file has another format.
    """
    return parse_objects(read_json(path, _MAX_BYTES), path)


def parse_objects(data: Any, path: str | Path) -> dict:
    """Check given objects that were read from JSON.

    Args:
        data: As in the file of :func:`read_objects`.
        path: Where it comes from, for error messages.

    Returns:
        dict: The arguments ``bboxes`` and ``labels`` of the inferencer.

    Raises:
        ValueError: If it has another format.
    """
    graphs = (
        {'': data}
        if isinstance(data, dict)
        else {f'[{index}].': graph for index, graph in enumerate(data)}
        if isinstance(data, list)
        else None
    )
    if graphs is None:
        raise ValueError(f'{path}: {_EXPECTED}, got {in_brief(data)}')
    images = [_objects_of(graph, where, path) for where, graph in graphs.items()]
    bboxes = [[item['bbox'] for item in objects] for objects in images]
    labels = [[item.get('name') for item in objects] for objects in images]
    named = [name is not None for names in labels for name in names]
    if any(named) and not all(named):
        raise ValueError(
            f'{path}: {sum(named)} of {len(named)} objects have a name: give names '
            'to all objects (PredCls) or to none (SGCls)'
        )
    return dict(bboxes=bboxes, labels=labels if any(named) else None)


def _objects_of(graph: Any, where: str, path: str | Path) -> list[dict]:
    """Return an image's objects; check that boxes are numbers, names are texts."""
    objects = graph.get('objects') if isinstance(graph, dict) else None
    if not isinstance(objects, list):
        at = f' at {where[:-1]}' if where else ''
        raise ValueError(f'{path}: {_EXPECTED}, got {in_brief(graph)}{at}')
    for index, item in enumerate(objects):
        place = f'{path}: {where}objects[{index}]'
        if not isinstance(item, dict) or 'bbox' not in item:
            raise ValueError(f'{place}: {_EXPECTED}, got {in_brief(item)}')
        bbox, name = item['bbox'], item.get('name')
        if (
            not isinstance(bbox, list)
            or len(bbox) != 4
            or not all(type(value) in (int, float) and abs(value) < _FARTHEST for value in bbox)
        ):
            raise ValueError(
                f'{place}.bbox is {in_brief(bbox)}, expected '
                '[x1, y1, x2, y2], numbers in pixels of the image'
            )
        if not isinstance(name, str | None):
            raise ValueError(f'{place}.name is {in_brief(name)}, expected the name of a class')
    return objects
