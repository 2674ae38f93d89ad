"""Tables of MiniVG: classes, predicates and habits of annotators.

A row can be changed here; no other module defines classes or predicates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmsgp.datasets.rendering.appearance import ClassAppearance as Look

_QUARTER = np.pi / 2

#: Appearance by class name. The order gives the labels.
CLASSES: dict[str, Look] = {
    'person': Look('person', 'plain', 0.07, 0.5, 0.8, 0.8, hue_jitter=0.02),
    'dog': Look('quadruped', 'dots', 0.08, 0.65, 0.55, 1.7, hue_jitter=0.03),
    'cat': Look('quadruped', 'stripes', 0.09, 0.2, 0.65, 0.5, period=0.25),
    'horse': Look('quadruped', 'plain', 0.03, 0.7, 0.42, 0.75),
    'bird': Look('wings', 'scales', 0.55, 0.75, 0.85, 0.5, hue_jitter=0.1),
    'car': Look('vehicle', 'plain', 0.0, 0.8, 0.75, 0.8, hue_jitter=0.5),
    'bike': Look('wheels', 'plaid', 0.6, 0.35, 0.4, 1.7, hue_jitter=0.3),
    'bench': Look('table', 'stripes', 0.08, 0.65, 0.5, 0.7, angle=_QUARTER),
    'tree': Look('tree', 'dots', 0.33, 0.7, 0.5, 1.35, period=0.2),
    'building': Look('house', 'bricks', 0.03, 0.4, 0.6, 1.35, period=0.14),
    'window': Look('rectangle', 'plaid', 0.56, 0.3, 0.95, 0.6, period=0.6),
    'street': Look('rectangle', 'plain', 0.6, 0.06, 0.45, 0.85),
    'grass': Look('rectangle', 'waves', 0.27, 0.6, 0.6, 0.85, period=0.12),
    'table': Look('table', 'waves', 0.07, 0.5, 0.72, 0.8, angle=_QUARTER),
    'chair': Look('chair', 'plain', 0.95, 0.6, 0.55, 0.7, hue_jitter=0.1),
    'sofa': Look('sofa', 'plaid', 0.75, 0.4, 0.6, 0.8, period=0.2, hue_jitter=0.25),
    'laptop': Look('laptop', 'plain', 0.6, 0.12, 0.28, 1.8),
    'cup': Look('cup', 'stripes', 0.0, 0.1, 0.95, 0.6, hue_jitter=0.5),
    'book': Look('book', 'stripes', 0.0, 0.75, 0.7, 1.5, 0.1, 0.5, _QUARTER, hue_jitter=0.5),
    'lamp': Look('lamp', 'plain', 0.14, 0.6, 1.0, 0.7),
    'shirt': Look('shirt', 'checker', 0.0, 0.75, 0.8, 0.55, hue_jitter=0.5),
    'hat': Look('dome', 'plain', 0.0, 0.6, 0.4, 0.6, hue_jitter=0.5),
    'bag': Look('bag', 'dots', 0.85, 0.55, 0.55, 1.5, hue_jitter=0.2),
    'pizza': Look('ellipse', 'dots', 0.11, 0.8, 0.95, 0.6, -0.1, 0.35),
}


@dataclass(frozen=True)
class Predicate:
    """How people annotate a predicate.

    Args:
        salience: How much people want to mention it.
        coarse: Coarser predicate that they often write instead.
        coarse_prob: Probability of the coarser predicate.
    """

    salience: float
    coarse: str | None = None
    coarse_prob: float = 0.0


#: Habits by predicate name. The order gives the predicates 1..R.
PREDICATES: dict[str, Predicate] = {
    'on': Predicate(0.6),
    'has': Predicate(0.2),
    'near': Predicate(-0.6),
    'behind': Predicate(0.0, 'near', 0.3),
    'in front of': Predicate(0.0, 'near', 0.3),
    'above': Predicate(0.0),
    'under': Predicate(0.6),
    'wearing': Predicate(1.1, 'has', 0.55),
    'holding': Predicate(2.0, 'has', 0.6),
    'standing on': Predicate(1.2, 'on', 0.7),
    'sitting on': Predicate(1.6, 'on', 0.65),
    'lying on': Predicate(2.0, 'on', 0.65),
    'walking on': Predicate(1.2, 'on', 0.7),
    'parked on': Predicate(1.4, 'on', 0.7),
    'riding': Predicate(3.0, 'on', 0.55),
    'hanging from': Predicate(2.6, 'on', 0.6),
    'looking at': Predicate(1.8, 'near', 0.6),
    'eating': Predicate(3.0, 'has', 0.55),
}

#: Lowers the salience of trivial relations: a tree on grass, the window of a
#: building, the street under a car.
TRIVIAL = -2.2
#: Raises the salience of relations of the image's largest foreground object,
#: as their subject and as their object.
FOCUS_SUBJECT, FOCUS_OBJECT = 1.6, 1.0
#: Salience per doubling of the subject's area.
SIZE = 0.35
#: Lowers the salience of a relation if one with the same subject class and
#: predicate, or with the same subject, is annotated already.
REPEATED, SAME_SUBJECT = -1.5, -0.5
#: Scale of the Gumbel noise on the salience.
WHIM = 0.5
#: Probabilities of the number of annotated relations of an image.
NUM_ANNOTATED = {4: 0.08, 5: 0.2, 6: 0.27, 7: 0.25, 8: 0.15, 9: 0.05}
#: Standard deviation between annotators of the coarser predicate's probability.
ANNOTATOR_SPREAD = 0.12
#: Probability that a relation gets both the fine and the coarse predicate.
BOTH_PROB = 0.06

#: Classes of the background.
SCENERY = frozenset({'building', 'window', 'street', 'grass', 'tree'})
#: Predicates whose object carries the subject.
SUPPORT = frozenset(
    {
        'on',
        'standing on',
        'sitting on',
        'lying on',
        'walking on',
        'parked on',
        'riding',
        'hanging from',
    }
)
