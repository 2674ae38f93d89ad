"""Find the relations of a scene from its classes and geometry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from . import geometry
from .geometry import Box
from .tables import SUPPORT

_PERSON = frozenset({'person'})
_ANIMALS = frozenset({'dog', 'cat', 'horse'})
_PETS = frozenset({'dog', 'cat'})
_BIRD = frozenset({'bird'})
_GROUND = frozenset({'street', 'grass'})
_SEATS = frozenset({'bench', 'chair', 'sofa'})
_TABLES = frozenset({'table', 'bench', 'chair', 'sofa'})
_VEHICLES = frozenset({'car', 'bike'})
_SMALL = frozenset({'cup', 'book', 'laptop', 'pizza', 'lamp', 'hat', 'bag'})
_CLOTHES = frozenset({'shirt', 'hat'})
_FIXTURES = frozenset({'tree', 'bench', 'building', 'chair', 'table'})
_FOREGROUND = _PERSON | _ANIMALS | _VEHICLES | _TABLES
#: Largest aspect (width / height) of a person who stands, walks, sits.
_STANDING, _WALKING, _SITTING = 0.45, 0.68, 1.4
#: Largest aspect of an animal that sits, stands.
_ANIMAL_SITTING, _ANIMAL_STANDING = 1.05, 1.9
_ANY = (0.0, float('inf'))


class Relation(NamedTuple):
    """A relation that holds, annotated or not."""

    subject: int
    object: int
    predicate: str
    trivial: bool = False


@dataclass(frozen=True)
class Rule:
    """``predicate`` holds for these classes if the geometry fits.

    Args:
        predicate: A key of ``tables.PREDICATES``.
        subjects: Classes of the subject.
        objects: Classes of the object.
        holds: Condition on the two boxes.
        pose: Range of the subject's aspect, width / height.
        trivial: Whether people seldom mention the relation.
        swap: Check the condition on object and subject.
    """

    predicate: str
    subjects: frozenset[str]
    objects: frozenset[str]
    holds: Callable[[Box, Box], bool]
    pose: tuple[float, float] = _ANY
    trivial: bool = False
    swap: bool = False

    def matches(self, subject: str, s: Box, object_: str, o: Box) -> bool:
        if subject not in self.subjects or object_ not in self.objects:
            return False
        if not self.pose[0] <= geometry.aspect(s) < self.pose[1]:
            return False
        return self.holds(o, s) if self.swap else self.holds(s, o)


def _poses(
    subjects: frozenset[str],
    objects: frozenset[str],
    holds: Callable[[Box, Box], bool],
    *poses: tuple[str, float, float],
) -> list[Rule]:
    """Make one rule per (predicate, smallest, largest aspect)."""
    return [
        Rule(predicate, subjects, objects, holds, (low, high)) for predicate, low, high in poses
    ]


#: If several rules match an ordered pair, the first one counts.
RULES: tuple[Rule, ...] = (
    Rule('riding', _PERSON, frozenset({'horse', 'bike'}), geometry.astride),
    Rule('eating', _PERSON | _PETS, frozenset({'pizza'}), geometry.at_mouth),
    Rule('wearing', _PERSON, _CLOTHES, geometry.worn),
    Rule('holding', _PERSON, frozenset({'cup', 'book', 'bag', 'hat'}), geometry.in_hand),
    Rule(
        'hanging from',
        frozenset({'bag', 'hat'}),
        frozenset({'chair', 'bench', 'tree'}),
        geometry.hung,
    ),
    Rule('hanging from', frozenset({'lamp'}), frozenset({'building', 'tree'}), geometry.fixed_to),
    *_poses(
        _PERSON,
        _SEATS,
        geometry.rests_on_top,
        ('standing on', 0, _STANDING),
        ('sitting on', _STANDING, _SITTING),
        ('lying on', _SITTING, _ANY[1]),
    ),
    *_poses(
        _PERSON,
        _GROUND,
        geometry.rests_on_ground,
        ('standing on', 0, _STANDING),
        ('walking on', _STANDING, _WALKING),
        ('sitting on', _WALKING, _SITTING),
        ('lying on', _SITTING, _ANY[1]),
    ),
    *_poses(
        _ANIMALS,
        _TABLES,
        geometry.rests_on_top,
        ('sitting on', 0, _ANIMAL_SITTING),
        ('standing on', _ANIMAL_SITTING, _ANIMAL_STANDING),
        ('lying on', _ANIMAL_STANDING, _ANY[1]),
    ),
    *_poses(
        _ANIMALS,
        _GROUND,
        geometry.rests_on_ground,
        ('sitting on', 0, _ANIMAL_SITTING),
        ('standing on', _ANIMAL_SITTING, _ANIMAL_STANDING),
        ('lying on', _ANIMAL_STANDING, _ANY[1]),
    ),
    Rule('standing on', _BIRD, _TABLES | {'car', 'building'}, geometry.rests_on_top),
    Rule('parked on', _VEHICLES, frozenset({'street'}), geometry.at_kerb),
    Rule('on', _VEHICLES, _GROUND, geometry.rests_on_ground),
    Rule('on', _SMALL, _TABLES, geometry.rests_on_top),
    Rule('on', frozenset({'bag'}), _GROUND, geometry.rests_on_ground),
    Rule('on', _FIXTURES, _GROUND, geometry.rests_on_ground, trivial=True),
    Rule('on', frozenset({'window'}), frozenset({'building'}), geometry.fixed_to, trivial=True),
    Rule(
        'has',
        frozenset({'building'}),
        frozenset({'window'}),
        geometry.fixed_to,
        trivial=True,
        swap=True,
    ),
    Rule('on', _CLOTHES, _PERSON, geometry.worn, trivial=True, swap=True),
    Rule('looking at', _PERSON, _BIRD | _PETS | {'laptop'}, geometry.facing),
    Rule('looking at', _PETS, _BIRD | _PETS | {'pizza'}, geometry.facing),
    Rule('under', _PETS | {'bag'}, _TABLES, geometry.beneath),
    Rule('under', _FOREGROUND, frozenset({'tree'}), geometry.beneath),
    Rule(
        'above',
        _BIRD | {'lamp', 'window'},
        _FOREGROUND | {'tree', 'building', 'laptop'},
        geometry.above,
    ),
    Rule('behind', _FOREGROUND | {'tree'}, _FOREGROUND, geometry.behind),
    Rule('in front of', _FOREGROUND, _FOREGROUND | {'tree', 'building'}, geometry.in_front),
    Rule('behind', frozenset({'building'}), _FOREGROUND, geometry.behind, trivial=True),
    Rule('near', _FOREGROUND | _SMALL, _FOREGROUND | _SMALL, geometry.next_to),
    Rule(
        'near',
        frozenset({'tree', 'building'}),
        frozenset({'tree', 'building'}),
        geometry.next_to,
        trivial=True,
    ),
    Rule(
        'under',
        _GROUND,
        _VEHICLES | _PERSON | _ANIMALS,
        geometry.rests_on_ground,
        trivial=True,
        swap=True,
    ),
)

_POSSESSION = frozenset({'wearing', 'holding', 'eating'})
_LAYOUT = frozenset({'behind', 'in front of', 'near', 'under', 'above'})


def find_relations(labels: Sequence[str], boxes: Sequence[Box]) -> list[Relation]:
    """Find all relations that hold between the objects of a scene.

    Args:
        labels: The class name of each object.
        boxes: The box of each object.

    Returns:
        list[Relation]: At most one per ordered pair, ordered by pair.
    """
    relations = {}
    for s, (subject, s_box) in enumerate(zip(labels, boxes)):
        for o, (object_, o_box) in enumerate(zip(labels, boxes)):
            if s == o:
                continue
            for rule in RULES:
                if rule.matches(subject, s_box, object_, o_box):
                    relations[s, o] = Relation(s, o, rule.predicate, rule.trivial)
                    break
    return _make_consistent(relations, boxes)


def _make_consistent(
    relations: dict[tuple[int, int], Relation], boxes: Sequence[Box]
) -> list[Relation]:
    """Keep one place per thing, and drop relations such as 'near' to that place."""
    place = {}
    for (s, o), relation in relations.items():
        holder = (o, s) if relation.predicate in _POSSESSION else (s, o)
        if relation.trivial or relation.predicate not in (_POSSESSION | SUPPORT):
            continue
        # Possession comes before support, small supports before large ones.
        rank = (relation.predicate in SUPPORT, geometry.area(boxes[o]))
        if holder[0] not in place or rank < place[holder[0]][0]:
            place[holder[0]] = rank, (s, o)
    joined = {frozenset(pair) for _, pair in place.values()}
    consistent = []
    for (s, o), relation in relations.items():
        is_support = relation.predicate in SUPPORT and not relation.trivial
        if is_support and place[s][1] != (s, o):
            continue
        if relation.predicate in _LAYOUT and not relation.trivial and {s, o} in joined:
            continue
        consistent.append(relation)
    return consistent
