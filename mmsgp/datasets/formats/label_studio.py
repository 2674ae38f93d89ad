"""Label Studio's export in JSON: boxes (RectangleLabels) and relations with labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from mmsgp.datasets.graph_annotations import GraphAnnotations
from mmsgp.datasets.json_fields import (
    check_numbers,
    get_field,
    get_id,
    get_size,
    get_text,
)
from mmsgp.datasets.vg_sgg.files import load_json
from mmsgp.utils.json_files import in_brief

from .common import check_inside, from_named

_HINT = ': export the project from Label Studio as JSON, not as JSON-MIN'
_SIZE_KEYS = ('original_width', 'original_height')
# Subject and object as they are listed, the other way round, and both.
_DIRECTIONS = {'right': (1,), 'left': (-1,), 'bi': (1, -1)}


def read_label_studio(path: str) -> GraphAnnotations:
    """Read an export; all images are for training, see ``split_ids``.

    Boxes are in percent of the image, and become pixels. An arrow to the right joins
    ``from_id``, the subject, to ``to_id``, the object. Names are sorted. Tasks without
    an annotation are left out, and so are annotations that were cancelled.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If a value in it is wrong, or a task has several annotations, no
            box, a turned box or a relation without a label.
    """
    tasks = load_json(path, _HINT)
    if not isinstance(tasks, list):
        raise ValueError(f'{path} must hold a list of tasks, not {in_brief(tasks)}{_HINT}')
    images = [
        image
        for index, task in enumerate(tasks)
        for image in _read_task(task, f'{path}: [{index}]')
    ]
    annotations = from_named(images, path, len(tasks))
    check_inside(annotations, path, 'x, y, width, height in percent')
    return annotations


def file_name_of(url: str) -> str:
    """Return the name of an image: the path of a local file, else the end of its address."""
    parts = urlsplit(url)
    local = parse_qs(parts.query).get('d')
    return unquote(local[0]) if local else PurePosixPath(unquote(parts.path)).name


def _read_task(task: dict, where: str) -> Iterator[dict]:
    """Convert a task, if it has been annotated."""
    image_id = get_id(task, 'id', where)
    done = [
        (index, annotation)
        for index, annotation in enumerate(get_field(task, 'annotations', list, where))
        if not get_field({index: annotation}, index, dict, f'{where}.annotations').get(
            'was_cancelled'
        )
    ]
    if not done:
        return
    if len(done) > 1:
        raise ValueError(
            f'{where}: task {image_id!r} has {len(done)} annotations: keep one of them, e.g. by '
            'deleting the others in Label Studio'
        )
    (index, annotation), where = done[0], f'{where}.annotations[{done[0][0]}]'
    results = get_field(annotation, 'result', list, where)
    if not results:
        return
    boxes, labels, relations, sizes, number_of = [], [], [], [], {}
    for index, result in enumerate(results):
        place = f'{where}.result[{index}]'
        if get_field(result, 'type', str, place) == 'rectanglelabels':
            number_of[get_id(result, 'id', place)] = len(boxes)
            sizes.append(get_size(result, place, _SIZE_KEYS))
            boxes.append(_corners(result, sizes[-1], place))
            labels.append(_only(get_field(result, 'value', dict, place), 'rectanglelabels', place))
    for index, result in enumerate(results):
        place = f'{where}.result[{index}]'
        if result['type'] == 'relation':
            relations += _read_relation(result, number_of, place)
        elif result['type'] != 'rectanglelabels':
            raise ValueError(
                f'{place}: type is {result["type"]!r}, expected rectanglelabels or relation: '
                'other shapes are not read'
            )
    if not sizes:
        raise ValueError(f'{where} has no box, so that the size of its image is not known')
    data = get_field(task, 'data', dict, where)
    yield dict(
        img_id=image_id,
        file_name=file_name_of(get_text(data, 'image', f'{where}: data')),
        **sizes[0],
        split='train',
        boxes=boxes,
        labels=labels,
        relations=relations,
    )


def _corners(result: dict, size: dict, where: str) -> list[float]:
    value = get_field(result, 'value', dict, where)
    if value.get('rotation') or result.get('image_rotation'):
        raise ValueError(f'{where}: the box or its image is turned: draw it upright')
    numbers = [value.get(key) for key in ('x', 'y', 'width', 'height')]
    x, y, w, h = check_numbers(numbers, [None] * 4, f'{where}.value (x, y, width, height)')
    width, height = size['width'] / 100, size['height'] / 100
    return [x * width, y * height, (x + w) * width, (y + h) * height]


def _read_relation(result: dict, number_of: dict, where: str) -> Iterator[tuple[int, int, str]]:
    ends = []
    for key in ('from_id', 'to_id'):
        end = get_id(result, key, where)
        if end not in number_of:
            raise ValueError(f'{where}.{key} is {end!r}, which is the id of no box of this task')
        ends.append(number_of[end])
    direction = result.get('direction', 'right')
    if direction not in list(_DIRECTIONS):
        raise ValueError(
            f'{where}.direction is {in_brief(direction)}, expected one of {list(_DIRECTIONS)}'
        )
    labels = result.get('labels')
    if not isinstance(labels, list) or not labels:
        raise ValueError(
            f'{where} has no labels: give the relation between {result["from_id"]!r} and '
            f'{result["to_id"]!r} a label (the tags Relations and Relation)'
        )
    for label in labels:
        name = get_text({'labels': label}, 'labels', where)
        for step in _DIRECTIONS[direction]:
            yield *ends[::step], name


def _only(value: dict, key: str, where: str) -> str:
    names: Sequence = get_field(value, key, list, f'{where}.value')
    if len(names) != 1:
        raise ValueError(f'{where}.value.{key} is {in_brief(names)}, expected one class')
    return get_text({key: names[0]}, key, f'{where}.value')
