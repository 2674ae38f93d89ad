"""Confusion of predicates.

Shape shorthand: R predicates.
"""

from __future__ import annotations

import numpy as np

from mmsgp.evaluation.relation_ranks import RelationRanks


def predicate_confusion(relations: RelationRanks, task: str) -> np.ndarray:
    """Count annotated against predicted predicates.

    Every annotated relation counts once, with the predicate of the first
    prediction for its pair (Fig. 5 of the paper).

    Args:
        relations: Annotated relations and what was predicted.
        task: One of its tasks.

    Returns:
        ndarray: (R, R + 1) int64. Row ``p - 1`` is the annotated predicate
        ``p``, column ``q`` the predicted one; column 0 counts pairs without a
        prediction.

    Raises:
        ValueError: If the predictions were not kept.
    """
    if task not in relations.tasks:
        raise ValueError(f'ranks exist for {list(relations.tasks)}, not for {task!r}')
    predicted = relations.tasks[task].predicted
    if predicted is None:
        raise ValueError(
            f'the ranks of {task} have no predicted predicates, because '
            'an older version wrote them: test the model again'
        )
    num_predicates = len(relations.names)
    cells = (relations.predicates - 1) * (num_predicates + 1) + predicted
    return np.bincount(cells, minlength=num_predicates * (num_predicates + 1)).reshape(
        num_predicates, num_predicates + 1
    )
