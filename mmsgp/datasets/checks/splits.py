"""Checks of which images are trained on and which are tested."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmsgp.datasets.graph_annotations import SPLITS, GraphAnnotations

from .data import CheckedData, is_repeated, row_hashes
from .findings import ERROR, WARNING, Finding, some

# Images with fewer boxes may be equal by chance.
_LEAST_BOXES = 3
# In a list sorted piece by piece, few ids are a turning point; in a shuffled one, two thirds.
_FEWEST, _TURNS = 10, 0.2


def check_splits(data: CheckedData) -> Iterator[Finding]:
    """Splits without images."""
    for part in data.parts:
        annotations = part.annotations
        usable = annotations.num_boxes > 0
        if part.split != 'test' and part.dataset.filter_cfg['filter_empty_relations']:
            usable &= annotations.num_relations > 0
        if usable.any():
            continue
        which = f'{part.split}_dataloader.dataset'
        in_train = part.whole.splits == SPLITS.index('train')
        advice = (
            "test_dataloader.dataset.split='val' tests on validation images"
            if part.split == 'test'
            else f'{in_train.sum()} images are for training, of which the first '
            f'num_val_images={part.dataset.num_val_images} are for validation: set it on the '
            'command line, e.g. --cfg-options '
            f'num_val_images={max(1, int(in_train.sum()) // 10)}'
        )
        yield Finding(
            'empty_split', ERROR, 1, f'{which} has no image with boxes and relations: {advice}'
        )


def check_leakage(data: CheckedData) -> Iterator[Finding]:
    """The same image in two splits, or twice in one."""
    annotations = data.annotations
    folders = [tuple(part.dataset.data_prefix['img']) for part in data.parts]
    number = {folder: i for i, folder in enumerate(dict.fromkeys(folders))}
    folder_of = np.repeat(
        [number[folder] for folder in folders], [len(part.annotations) for part in data.parts]
    )
    _, files = np.unique(annotations.file_names, return_inverse=True)
    yield from shared_images(
        data, row_hashes([folder_of, files]), 'leakage', 'have the file name of another one'
    )
    enough = annotations.num_boxes >= _LEAST_BOXES
    contents = _content_hashes(annotations)
    contents[~enough] = np.arange((~enough).sum(), dtype=np.uint64)
    same_file = is_repeated(row_hashes([folder_of, files]))
    contents[same_file] = np.arange(same_file.sum(), dtype=np.uint64) + np.uint64(2**40)
    yield from shared_images(
        data, contents, 'copied_annotations', 'have the boxes and classes of another one'
    )


def shared_images(
    data: CheckedData, hashes: np.ndarray, check: str, what: str
) -> Iterator[Finding]:
    """Find images with equal numbers, in two splits (an error) or in one.

    Args:
        data: The data.
        hashes: (I,), equal for the same image.
        check: Name of the check.
        what: What such an image has.
    """
    splits = data.annotations.splits
    _, group = np.unique(hashes, return_inverse=True)
    in_split = np.zeros((group.max(initial=-1) + 1, len(SPLITS)), bool)
    in_split[group, splits] = True
    leaks = (in_split.sum(axis=1) > 1)[group]
    twice = is_repeated(hashes) & ~leaks
    if leaks.any():
        yield Finding(
            check, ERROR, int(leaks.sum()),
            f'{leaks.sum()} images {what} in another split: results on it would be too good. Keep '
            'each image in one split',
            some(data.names, leaks),
        )  # fmt: skip
    if twice.any():
        yield Finding(
            f'{check}_within_a_split', WARNING, int(twice.sum()),
            f'{twice.sum()} images {what} in the same split: they count twice',
            some(data.names, twice),
        )  # fmt: skip


def check_order(data: CheckedData) -> Iterator[Finding]:
    """Images of the VG-SGG format whose list may be in another order than the rows."""
    for part in {id(part.whole): part for part in data.parts}.values():
        path = getattr(part.dataset, 'image_file', None)
        ids = part.whole.image_ids  # whole numbers, or texts
        rises = ids[1:] > ids[:-1]
        if path is None or len(rises) < _FEWEST:
            continue
        turns = (rises[1:] != rises[:-1]).mean()
        if turns > _TURNS:
            yield Finding(
                'image_order', WARNING, int((~rises).sum()),
                f'{path} is not sorted by image_id. Row i of {part.dataset.ann_file} belongs to '
                'image i of this list: if the list was shuffled, boxes are on other images. Look '
                'at some, with tools/misc/browse_dataset.py',
                some(ids.tolist()),
            )  # fmt: skip


def _content_hashes(annotations: GraphAnnotations) -> np.ndarray:
    """Return (I,) uint64, equal for images with the same boxes and classes."""
    rows = row_hashes([annotations.labels, *annotations.boxes.T])
    total = np.zeros(len(annotations), np.uint64)
    np.add.at(total, annotations.image_of_box, rows)  # whatever their order
    return row_hashes([total, annotations.num_boxes])
