"""Rank the relations of an image by their scores.

Shape shorthand: M relations of an image.

A relation has up to four numbers: the probabilities of its subject, its
predicate and its object, and the significance of its pair (the Scorer's
estimate, from annotated boxes, of how likely the pair is annotated *given that
its two objects are right*). An order is the product of some of them.
"""

from __future__ import annotations

from typing import TypeVar

Numbers = TypeVar('Numbers')  # arrays of NumPy or tensors, (M,) each

# Factors of each order. Their product is the probability that ...
RANKINGS = {
    # the pair is annotated and its objects are right
    'expected_significance': ('significance', 'objects'),
    # the pair is annotated, if its objects are right (the paper's words)
    'significance': ('significance',),
    # the objects and the predicate are right
    'probability': ('objects', 'predicate'),
    # all of these
    'both': ('significance', 'objects', 'predicate'),
}


def default_ranking(with_scorer: bool) -> str:
    """Return the order of a model that gives no ``rank_by``."""
    return 'expected_significance' if with_scorer else 'probability'


def check_ranking(rank_by: str, with_scorer: bool) -> None:
    """Check that ``rank_by`` is known and that the model has what it needs.

    Raises:
        ValueError: If it is unknown, or needs a Scorer and the model has none.
    """
    if rank_by not in RANKINGS:
        raise ValueError(f'rank_by must be one of {tuple(RANKINGS)}, got {rank_by!r}')
    if 'significance' in RANKINGS[rank_by] and not with_scorer:
        raise ValueError(
            f"rank_by={rank_by!r} needs a scorer: add a scorer, or use rank_by='probability'"
        )


def pair_weights(rank_by: str, objects: Numbers, significance: Numbers | None) -> Numbers:
    """Compute the weight of a pair's predicate probabilities.

    Without the graph constraint every predicate of a pair is a prediction;
    its score is its probability times this weight.

    Args:
        rank_by: One of :data:`RANKINGS`.
        objects: (M,), P(subject) x P(object).
        significance: (M,), within [0, 1]; None without a Scorer.

    Returns:
        (M,), the product of the factors that belong to the pair.
    """
    factors = RANKINGS[rank_by]
    if 'significance' not in factors:
        return objects
    return significance * objects if 'objects' in factors else significance


def same_weights(rank_by: str) -> str:
    """Return the first order whose pairs have the same weights as in ``rank_by``."""

    def of_pair(order: str) -> set[str]:
        return set(RANKINGS[order]) - {'predicate'}

    return next(order for order in RANKINGS if of_pair(order) == of_pair(rank_by))


def relation_scores(
    rank_by: str, objects: Numbers, predicates: Numbers, significance: Numbers | None
) -> Numbers:
    """Compute the scores that order the relations.

    Args:
        rank_by: One of :data:`RANKINGS`.
        objects: (M,), P(subject) x P(object).
        predicates: (M,), P(predicate).
        significance: (M,), within [0, 1]; None without a Scorer.

    Returns:
        (M,), the product of the factors.
    """
    weights = pair_weights(rank_by, objects, significance)
    return weights * predicates if 'predicate' in RANKINGS[rank_by] else weights
