"""Simulate a person who annotates a scene.

People mention salient relations, avoid repetitions, leave out trivial relations,
and often write a coarse predicate instead of a fine one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import tables as world
from .geometry import Box, area
from .rules import Relation

#: Reference area in pixels for the salience of sizes.
_USUAL_AREA = 900.0


def annotate(
    labels: Sequence[str],
    boxes: Sequence[Box],
    relations: Sequence[Relation],
    rng: np.random.Generator,
) -> list[tuple[int, int, str]]:
    """Annotate a scene as a person would.

    Args:
        labels: The class name of each object.
        boxes: The box of each object.
        relations: All relations that hold.
        rng: Random numbers of the annotator.

    Returns:
        list[tuple[int, int, str]]: Subject, object and predicate; sometimes two
        predicates for an ordered pair.
    """
    chosen = _choose(labels, boxes, relations, rng)
    style = rng.normal(0, world.ANNOTATOR_SPREAD)
    annotated = []
    for relation in chosen:
        predicate = world.PREDICATES[relation.predicate]
        words = [relation.predicate]
        if predicate.coarse is not None:
            if rng.random() < predicate.coarse_prob + style:
                words = [predicate.coarse]
            elif rng.random() < world.BOTH_PROB:
                words.append(predicate.coarse)
        annotated += [(relation.subject, relation.object, w) for w in words]
    return annotated


def salience(
    labels: Sequence[str], boxes: Sequence[Box], relations: Sequence[Relation]
) -> np.ndarray:
    """Compute how salient each relation is: (M,)."""
    areas = np.array([area(box) for box in boxes])
    is_foreground = np.array([label not in world.SCENERY for label in labels])
    focus = int(np.argmax(np.where(is_foreground, areas, -1)))
    scores = []
    for relation in relations:
        score = world.PREDICATES[relation.predicate].salience
        score += world.TRIVIAL * relation.trivial
        score += world.FOCUS_SUBJECT * (relation.subject == focus)
        score += world.FOCUS_OBJECT * (relation.object == focus)
        if is_foreground[relation.subject]:
            score += world.SIZE * np.log2(areas[relation.subject] / _USUAL_AREA)
        scores.append(score)
    return np.array(scores)


def _choose(
    labels: Sequence[str],
    boxes: Sequence[Box],
    relations: Sequence[Relation],
    rng: np.random.Generator,
) -> list[Relation]:
    """Choose the most salient relations; each lowers the salience of similar ones."""
    scores = salience(labels, boxes, relations)
    scores = scores + world.WHIM * rng.gumbel(size=len(relations))
    count = rng.choice(list(world.NUM_ANNOTATED), p=list(world.NUM_ANNOTATED.values()))
    chosen: list[int] = []
    while len(chosen) < min(count, len(relations)):
        best = int(np.argmax(scores))
        chosen.append(best)
        scores[best] = -np.inf
        for other, relation in enumerate(relations):
            same_subject = relation.subject == relations[best].subject
            similar = (
                relation.predicate == relations[best].predicate
                and labels[relation.subject] == labels[relations[best].subject]
            )
            scores[other] += world.SAME_SUBJECT * same_subject + world.REPEATED * similar
    return [relations[index] for index in chosen]
