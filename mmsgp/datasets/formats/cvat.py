"""CVAT's export "CVAT for images 1.1", with relations as attributes of the boxes.

CVAT has no relations of its own. Give each label two attributes of the type text:
``id``, which names a box within its image, and ``relations``, e.g. ``on 2; holding 3``,
which joins a box, the subject, to the boxes with the ids 2 and 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

from mmsgp.datasets.graph_annotations import GraphAnnotations
from mmsgp.datasets.json_fields import check_numbers, get_size, get_text
from mmsgp.datasets.vg_sgg.files import require_file
from mmsgp.utils.json_files import in_brief

from .common import check_inside, file_of, from_named

FILE = 'annotations.xml'
_HINT = ': export the task or project from CVAT as "CVAT for images 1.1"'
_BOX_KEYS = ('xtl', 'ytl', 'xbr', 'ybr')
# Names that CVAT suggests for the subsets of a project.
_SPLIT_OF = dict(train='train', val='val', validation='val', test='test', default='train')


def read_cvat(path: str) -> GraphAnnotations:
    """Read ``annotations.xml``; an image's ``subset`` is its split.

    Images without a box are kept. Names are sorted.

    Args:
        path: The file or its folder.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If a value in it is wrong, or a shape is no upright box.
    """
    path = file_of(path, FILE)
    require_file(path, _HINT)
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError(f'{path} is not valid XML: {error}') from error
    items = root.findall('image')
    if not items:
        raise ValueError(f'{path} has no <image>{_HINT}')
    images = [_read_image(item, f'{path}: image {index}') for index, item in enumerate(items)]
    annotations = from_named(images, path, len(items))
    check_inside(annotations, path, 'xtl, ytl, xbr, ybr')
    return annotations


def _read_image(item: ElementTree.Element, where: str) -> dict:
    name = get_text(item.attrib, 'name', where)
    where = f'{where} ({name})'
    subset = item.get('subset', 'train')
    if subset.lower() not in _SPLIT_OF:
        raise ValueError(
            f'{where}: subset is {subset!r}, expected one of {list(_SPLIT_OF)}: rename it in CVAT'
        )
    boxes, labels, attributes, number_of = [], [], [], {}
    for index, shape in enumerate(child for child in item if child.tag != 'tag'):
        place = f'{where}: shape {index}'
        turned = _number({'rotation': shape.get('rotation', '0')}, 'rotation', float, place)
        if shape.tag != 'box' or turned:
            raise ValueError(f'{place} is a {shape.tag}, maybe turned; expected an upright box')
        numbers = [_number(shape.attrib, key, float, place) for key in _BOX_KEYS]
        boxes.append(check_numbers(numbers, [None] * 4, f'{place} ({", ".join(_BOX_KEYS)})'))
        labels.append(get_text(shape.attrib, 'label', place))
        attributes.append({a.get('name'): (a.text or '').strip() for a in shape})
        key = attributes[-1].get('id')
        if key in number_of:
            raise ValueError(f'{place}: id is {key!r}, as of another box of the image')
        if key:
            number_of[key] = index
    relations = [
        (subject, *relation)
        for subject, values in enumerate(attributes)
        for relation in _read_relations(
            values.get('relations', ''), number_of, f'{where}: shape {subject}'
        )
    ]
    sizes = {key: _number(item.attrib, key, int, where) for key in ('width', 'height')}
    return dict(
        img_id=get_text(item.attrib, 'id', where),
        file_name=name,
        **get_size(sizes, where),
        split=_SPLIT_OF[subset.lower()],
        boxes=boxes,
        labels=labels,
        relations=relations,
    )


def _read_relations(text: str, number_of: Mapping, where: str) -> list[tuple[int, str]]:
    """Read e.g. ``on 2; holding 3``."""
    relations = []
    for part in filter(None, map(str.strip, text.split(';'))):
        predicate, _, target = part.rpartition(' ')
        if not predicate.strip() or target not in number_of:
            raise ValueError(
                f'{where}: relations has {part!r}, expected a predicate and the id of a box of '
                f'the image; its ids are {in_brief(list(number_of))}'
            )
        relations.append((number_of[target], predicate.strip()))
    return relations


def _number(values: Mapping, key: str, kind: type, where: str) -> float:
    text = get_text(values, key, where)
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f'{where}: {key} is {text!r}, expected a number') from error
