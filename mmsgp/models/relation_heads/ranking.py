"""Step 4 of a relation head: predicted graphs, relations best first.

Shape shorthand: B images, N objects of a batch, P pairs, C object classes,
R predicates.
"""

from __future__ import annotations

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.structures import ObjectBatch, SceneGraph
from mmsgp.structures.ranking import (
    check_ranking,
    pair_weights,
    relation_scores,
)

from ..layers import count_groups


def rank_relations(
    object_logits: Tensor,
    labels: Tensor,
    relation_logits: Tensor,
    significance: Tensor | None,
    objects: ObjectBatch,
    pairs: Tensor,
    rank_by: str = 'probability',
) -> list[SceneGraph]:
    """Turn the outputs of a head into graphs.

    *Unknown* is never predicted: a pair gets its best predicate of 1 .. R.
    Scores are products in double precision, because significances close to 1
    would tie in single precision.

    Args:
        object_logits: (N, C+1).
        labels: (N,).
        relation_logits: (P, R+1).
        significance: (P,), before the sigmoid.
        objects: The objects of B images.
        pairs: (P, 2), image after image.
        rank_by: One of :data:`~mmsgp.structures.ranking.RANKINGS`.

    Returns:
        list[SceneGraph]: One graph per image; its relations hold ``pairs``,
        ``labels``, ``scores``, ``predicate_scores``, ``distribution``,
        ``weights`` and, with a Scorer, ``significance``.

    Raises:
        ValueError: If the ranking needs a significance and there is no Scorer.
    """
    check_ranking(rank_by, with_scorer=significance is not None)
    rows = torch.arange(len(labels), device=labels.device)
    bboxes = objects.bboxes
    object_scores = object_logits.softmax(dim=1)[rows, labels]
    if objects.is_labelled:
        object_scores = torch.ones_like(object_scores)
    if objects.class_bboxes is not None:
        bboxes = objects.class_bboxes[rows, labels]

    distribution = relation_logits.softmax(dim=1)
    probabilities, predicates = distribution[:, 1:].max(dim=1)
    relations = dict(
        labels=predicates + 1, predicate_scores=probabilities, distribution=distribution
    )
    if significance is not None:
        significance = relations['significance'] = significance.double().sigmoid()
    pair_scores = object_scores.double()[pairs].prod(dim=1)
    scores = relation_scores(rank_by, pair_scores, probabilities.double(), significance)
    weights = pair_weights(rank_by, pair_scores, significance)
    relations['scores'] = scores.to(probabilities)
    relations['weights'] = weights.to(probabilities)

    graphs, start = [], 0
    image_of_pair = objects.image_ids[pairs[:, 0]]
    counts = count_groups(image_of_pair, objects.num_images).tolist()
    chunks = torch.arange(len(pairs), device=pairs.device).split(counts)
    for size, chunk in zip(objects.sizes, chunks):
        order = chunk[scores[chunk].argsort(descending=True, stable=True)]
        image = slice(start, start + size)
        graphs.append(
            SceneGraph(
                objects=InstanceData(
                    bboxes=bboxes[image], labels=labels[image], scores=object_scores[image]
                ),
                relations=InstanceData(
                    pairs=pairs[order] - start, **{k: v[order] for k, v in relations.items()}
                ),
            )
        )
        start += size
    return graphs
