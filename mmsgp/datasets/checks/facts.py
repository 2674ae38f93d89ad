"""Numbers that describe a data set.

Shape shorthand: R predicates, C object classes.
"""

from __future__ import annotations

import numpy as np

from mmsgp.datasets.graph_annotations import SPLITS

from .data import CheckedData


def facts_of(data: CheckedData) -> dict:
    """Count images, boxes, relations, classes and predicates, ready for JSON.

    Returns:
        dict: ``splits``, by split the numbers of images, boxes and relations, and
        the least, median and largest numbers of boxes of an image; ``classes``
        and ``predicates``, by name the number in the training images.
    """
    annotations = data.annotations
    splits = {}
    for index, split in enumerate(SPLITS):
        images = annotations.splits == index
        if not images.any():
            continue
        boxes = annotations.num_boxes[images]
        splits[split] = dict(
            images=int(images.sum()),
            boxes=int(boxes.sum()),
            relations=int(annotations.num_relations[images].sum()),
            images_without_relations=int((annotations.num_relations[images] == 0).sum()),
            median_boxes=float(np.median(boxes)),
            most_boxes=int(boxes.max()),
            most_pairs=int(boxes.max() * (boxes.max() - 1)),
            median_size=np.median(annotations.sizes[images], axis=0).astype(int).tolist(),
        )
    in_train = annotations.splits == SPLITS.index('train')
    return dict(
        splits=splits,
        classes=_counts(
            annotations.classes, annotations.labels[in_train[annotations.image_of_box]]
        ),
        predicates=_counts(
            annotations.predicates,
            annotations.relations[in_train[annotations.image_of_relation], 2] - 1,
        ),
    )


def _counts(names: tuple[str, ...], values: np.ndarray) -> dict[str, int]:
    values = values[(values >= 0) & (values < len(names))]
    return dict(zip(names, np.bincount(values, minlength=len(names)).tolist()))
