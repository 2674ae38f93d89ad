"""Images, boxes and classes of a file in COCO's format."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmsgp.datasets.json_fields import (
    check_numbers,
    get_field,
    get_id,
    get_names,
    get_size,
    get_text,
)
from mmsgp.utils.json_files import in_brief

# Readers of some toolboxes put it first, as number 0.
BACKGROUND = '__background__'


class Place(NamedTuple):
    """Where an annotation went: the image's id and the box's index in it."""

    image_id: int | str
    index: int


class CocoFile:
    """The images of a COCO file, without relations.

    Args:
        content: What the file holds.
        path: The file, for errors.
        split: The split of its images.

    Attributes:
        classes: C names, in the order of their ids.
        images: An image for :meth:`GraphAnnotations.from_images` per id, with the
            annotations' order and an empty list of relations.
        places: Where each annotation went, by its id.

    Raises:
        ValueError: If a value is wrong.
    """

    def __init__(self, content: dict, path: str, split: str) -> None:
        self.path = path
        self.classes, self._label_of = read_categories(content, 'categories', path)
        self.images: dict[int | str, dict] = {}
        self.places: dict[int | str, Place] = {}
        for index, image in enumerate(get_field(content, 'images', list, path)):
            where = f'{path}: images[{index}]'
            image_id = get_id(image, 'id', where)
            if image_id in self.images:
                raise ValueError(f'{where}.id is {image_id!r}, which another image has')
            self.images[image_id] = dict(
                img_id=image_id,
                file_name=get_text(image, 'file_name', where),
                **get_size(image, where),
                split=split,
                boxes=[],
                labels=[],
                relations=[],
            )
        for index, item in enumerate(get_field(content, 'annotations', list, path)):
            self._add(item, f'{path}: annotations[{index}]')

    def _add(self, item: dict, where: str) -> None:
        """Add the box of an annotation to its image."""
        item_id = get_id(item, 'id', where)
        if item_id in self.places:
            raise ValueError(f'{where}.id is {item_id!r}, which another annotation has')
        image = look_up(self.images, item, 'image_id', where, 'images')
        label = look_up(self._label_of, item, 'category_id', where, 'categories')
        box = check_numbers(get_field(item, 'bbox', list, where), [None] * 4, f'{where}.bbox')
        corners = [box[0], box[1], box[0] + box[2], box[1] + box[3]]
        if 'bbox_xyxy' in item:
            exact = check_numbers(item['bbox_xyxy'], [None] * 4, f'{where}.bbox_xyxy')
            if not np.allclose(exact, corners, rtol=1e-9, atol=1e-6):
                raise ValueError(
                    f'{where}.bbox_xyxy is {exact}, but bbox is {box} (x, y, width, height): '
                    'remove the one that is wrong'
                )
            corners = exact
        self.places[item_id] = Place(image['img_id'], len(image['boxes']))
        image['boxes'].append(corners)
        image['labels'].append(label)


def read_categories(content: dict, key: str, path: str) -> tuple[tuple[str, ...], dict[int, int]]:
    """Read names with ids.

    Args:
        content: What the file holds.
        key: Key of the list of ``{id, name}``.
        path: The file, for errors.

    Returns:
        The names in the order of their ids, without a background of the id 0; and the
        index among them of each id.
    """
    items = get_field(content, key, list, path)
    name_of: dict[int, str] = {}
    for index, item in enumerate(items):
        where = f'{path}: {key}[{index}]'
        number = get_field(item, 'id', int, where)
        if number in name_of:
            raise ValueError(f'{where}.id is {number}, which {name_of[number]!r} has: use another')
        name_of[number] = get_text(item, 'name', where)
    if name_of.get(0) == BACKGROUND:
        del name_of[0]
    numbers = sorted(name_of)
    names = get_names({key: [name_of[number] for number in numbers]}, key, path)
    return names, {number: index for index, number in enumerate(numbers)}


def look_up(table: dict, item: dict, key: str, where: str, listed_in: str) -> object:
    """Return what the id of a key stands for.

    Raises:
        ValueError: If the table does not have the id.
    """
    number = get_id(item, key, where)
    if number not in table:
        raise ValueError(
            f'{where}.{key} is {number!r}, which is no id of {listed_in}; they have '
            f'{in_brief(list(table))}'
        )
    return table[number]


def coco_box(corners: list[float]) -> dict:
    """Return ``bbox`` (x, y, width, height) of corners, and the corners where that rounds."""
    x1, y1, x2, y2 = corners
    width, height = x2 - x1, y2 - y1
    exact = {} if (x1 + width, y1 + height) == (x2, y2) else dict(bbox_xyxy=corners)
    return dict(bbox=[x1, y1, width, height], area=width * height, **exact)
