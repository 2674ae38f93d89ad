"""Compare two readings of the same annotations."""

from __future__ import annotations

import numpy as np

from mmsgp.datasets.graph_annotations import GraphAnnotations
from mmsgp.utils.json_files import in_brief


def first_difference(one: GraphAnnotations, other: GraphAnnotations) -> str | None:
    """Return the first difference in words, None if there is none.

    Images may come in another order; boxes and relations of an image may not. Numbers
    must be equal to the last bit.
    """
    for key in ('classes', 'predicates'):
        if getattr(one, key) != getattr(other, key):
            return f'{key}: {in_brief(getattr(one, key))} and {in_brief(getattr(other, key))}'
    rows = {str(image_id): row for row, image_id in enumerate(other.image_ids.tolist())}
    if len(rows) != len(one):
        return f'{len(one)} and {len(rows)} images'
    for index in range(len(one)):
        image = one.image(index)
        image_id = str(image.pop('img_id'))
        if image_id not in rows:
            return f'image {image_id} and no such image'
        twin = other.image(rows[image_id])
        for key, value in image.items():
            if not np.array_equal(value, twin[key]):
                return f'{key} of image {image_id}: {in_brief(value)} and {in_brief(twin[key])}'
    return None
