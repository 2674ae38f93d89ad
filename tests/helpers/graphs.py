"""Scene graphs, written down relation by relation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.structures import SceneGraph


def make_graph(
    boxes: Sequence, labels: Sequence[int], relations: Sequence, **scores: Tensor
) -> SceneGraph:
    """A graph from lists.

    Args:
        boxes: N boxes, ``x1, y1, x2, y2``.
        labels: Their N classes.
        relations: M triplets (subject, predicate, object), best first if they are
            predicted.
        **scores: Further fields (M,) of the relations.
    """
    triplets = torch.tensor(relations, dtype=torch.int64).reshape(-1, 3)
    return SceneGraph(
        objects=InstanceData(
            bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            labels=torch.tensor(labels, dtype=torch.int64),
        ),
        relations=InstanceData(pairs=triplets[:, [0, 2]], labels=triplets[:, 1], **scores),
    )


def row_of_boxes(number: int) -> list[list[int]]:
    """Boxes ten pixels wide and high, side by side with gaps of ten."""
    return [[20 * i, 0, 20 * i + 10, 10] for i in range(number)]
