"""Boxes and relations of panoptic scene graphs (Yang et al., 2022)."""

from __future__ import annotations

import numpy as np

from mmsgp.registry import DATASETS

from .base_scene_graph_dataset import BaseSceneGraphDataset, join_root
from .graph_annotations import GraphAnnotations
from .json_fields import check_numbers, get_field, get_names, get_whole
from .vg_sgg.files import load_json

_MAX_SIDE = 2**20  # OpenCV reads no image with a longer side
_HINT = ': get it from the authors of PSG and point data_root at its folder'


@DATASETS.register_module()
class PSGDataset(BaseSceneGraphDataset):
    """PSG with the boxes of its segments, things and stuff, without masks.

    Images in ``test_image_ids`` are for test, where a repeated relation counts
    once. Validation takes the first ``num_val_images`` of the others.

    Args:
        ann_file: Defaults to ``'psg.json'``.
        **kwargs: Arguments of :class:`BaseSceneGraphDataset`; ``data_prefix``
            is the folder of ``train2017/`` and ``val2017/``.
    """

    def __init__(self, ann_file: str = 'psg.json', **kwargs) -> None:
        super().__init__(ann_file, **kwargs)

    @classmethod
    def read_names(
        cls, ann_file: str = 'psg.json', data_root: str = '', **kwargs
    ) -> dict[str, tuple[str, ...]]:
        """Read the names of classes and predicates from the file."""
        path = join_root(data_root, ann_file)
        return _names_of(load_json(path, _HINT), path)

    def load_annotations(self) -> GraphAnnotations:
        """Read the images of all splits."""
        content = load_json(path := self.ann_file, _HINT)
        names = _names_of(content, path)
        test_ids = set(map(str, get_field(content, 'test_image_ids', list, path)))
        return GraphAnnotations.from_images(
            (
                _read_image(image, test_ids, f'{path}: data[{index}]', names)
                for index, image in enumerate(get_field(content, 'data', list, path))
            ),
            **names,
        )


def _names_of(content: dict, path: str) -> dict[str, tuple[str, ...]]:
    things, stuff, predicates = (
        get_names(content, f'{kind}_classes', path) for kind in ('thing', 'stuff', 'predicate')
    )
    return dict(classes=things + stuff, predicates=predicates)


def _read_image(image: dict, test_ids: set[str], where: str, names: dict) -> dict:
    """Convert an image of the file for :meth:`GraphAnnotations.from_images`."""
    image_id = get_field(image, 'image_id', str, where)
    number = int(image_id) if image_id.isdecimal() else image_id
    boxes, labels, relations = [], [], []
    for index, item in enumerate(get_field(image, 'annotations', list, where)):
        place = f'{where}.annotations[{index}]'
        box = get_field(item, 'bbox', list, place)
        boxes.append(check_numbers(box, [None] * 4, f'{place}.bbox'))
        labels.append(get_whole(item, 'category_id', len(names['classes']), place))
    limits = len(boxes), len(boxes), len(names['predicates'])
    for index, row in enumerate(get_field(image, 'relations', list, where)):
        relations.append(check_numbers(row, limits, f'{where}.relations[{index}]'))
    if image_id in test_ids:
        relations = np.unique(np.reshape(relations, (-1, 3)), axis=0)
    boxes = np.reshape(boxes, (-1, 4))
    boxes[:, 2:] += boxes[:, 2:] == boxes[:, :2]  # a segment may be a pixel wide
    return dict(
        img_id=check_numbers([number], [2**63], f'{where}.image_id'),
        file_name=get_field(image, 'file_name', str, where),
        boxes=boxes,
        labels=labels,
        width=get_whole(image, 'width', _MAX_SIDE, where),
        height=get_whole(image, 'height', _MAX_SIDE, where),
        relations=np.reshape(relations, (-1, 3)) + (0, 0, 1),
        split='test' if image_id in test_ids else 'train',
    )
