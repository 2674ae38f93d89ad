"""Step 4 of a relation head: predicted graphs, relations best first.

Shape shorthand: B images, N objects of a batch, P pairs, C object classes,
R predicates.
"""
from __future__ import annotations

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.structures import ObjectBatch, SceneGraph

RANKINGS = ('significance', 'probability', 'both')


def check_ranking(rank_by: str, with_scorer: bool) -> None:
    """Refuse a ranking that there is not.

    Raises:
        ValueError: If it is unknown, or needs a Scorer where there is none.
    """
    if rank_by not in RANKINGS:
        raise ValueError(f'rank_by is one of {RANKINGS}, got {rank_by!r}')
    if rank_by != 'probability' and not with_scorer:
        raise ValueError(f'rank_by={rank_by!r} needs a scorer')


def rank_relations(object_logits: Tensor,
                   labels: Tensor,
                   relation_logits: Tensor,
                   significance: Tensor | None,
                   objects: ObjectBatch,
                   pairs: Tensor,
                   rank_by: str = 'probability') -> list[SceneGraph]:
    """Turn the outputs of a head into graphs.

    *Unknown* is never predicted: a pair has its best predicate of 1 .. R.
    Relations are ranked by ``'significance'`` alone, by the ``'probability'``
    of subject, predicate and object (their product), or by the product of
    ``'both'``.

    Args:
        object_logits (Tensor): (N, C+1).
        labels (Tensor): (N,).
        relation_logits (Tensor): (P, R+1).
        significance (Tensor, optional): (P,), before the sigmoid.
        objects (ObjectBatch): The objects of B images.
        pairs (Tensor): (P, 2), image after image.
        rank_by (str): One of :data:`RANKINGS`.

    Returns:
        list[SceneGraph]: One graph an image; its relations hold ``pairs``,
        ``labels``, ``scores``, ``distribution`` and, with a Scorer,
        ``significance``; ``weights``, too, if it is not significance alone
        that ranks them.

    Raises:
        ValueError: If the ranking needs a significance that is not there.
    """
    check_ranking(rank_by, with_scorer=significance is not None)
    rows = torch.arange(len(labels), device=labels.device)
    bboxes = objects.bboxes
    object_scores = object_logits.softmax(dim=1)[rows, labels]
    if objects.labels is not None:
        object_scores = torch.ones_like(object_scores)
    if objects.class_bboxes is not None:
        bboxes = objects.class_bboxes[rows, labels]

    distribution = relation_logits.softmax(dim=1)
    scores, predicates = distribution[:, 1:].max(dim=1)
    relations = dict(labels=predicates + 1, distribution=distribution)
    weights = object_scores[pairs].prod(dim=1)
    scores = scores * weights
    sort_key = scores
    if significance is not None:
        relations['significance'] = significance.sigmoid()
    if rank_by == 'significance':
        scores = relations['significance']
        sort_key = significance  # the sigmoid saturates
    elif significance is not None:
        if rank_by == 'both':
            weights = weights * relations['significance']
            sort_key = scores = scores * relations['significance']
        relations['weights'] = weights
    relations['scores'] = scores

    graphs, start = [], 0
    image_of_pair = objects.image_ids[pairs[:, 0]]
    counts = image_of_pair.bincount(minlength=objects.num_images).tolist()
    chunks = torch.arange(len(pairs), device=pairs.device).split(counts)
    for size, chunk in zip(objects.sizes, chunks):
        order = chunk[sort_key[chunk].argsort(descending=True, stable=True)]
        image = slice(start, start + size)
        graphs.append(
            SceneGraph(
                objects=InstanceData(
                    bboxes=bboxes[image],
                    labels=labels[image],
                    scores=object_scores[image]),
                relations=InstanceData(
                    pairs=pairs[order] - start,
                    **{k: v[order]
                       for k, v in relations.items()})))
        start += size
    return graphs
