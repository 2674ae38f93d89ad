"""The places of MiniVG, and how often actors appear there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import actors
from .scene import SIDE, Scene

MIN_OBJECTS = 7
#: Probabilities of the wanted number of objects.
_NUM_OBJECTS = {8: 0.3, 9: 0.3, 10: 0.25, 11: 0.15}
_MAX_ENTRIES = 60


@dataclass(frozen=True)
class Place:
    """A kind of scene.

    Args:
        ground: Class of the ground, if it is annotated.
        ground_top: Range of the ground's upper edge in pixels.
        opening: Actors that come first.
        cast: The other actors and their weights.
    """

    ground: str | None
    ground_top: tuple[float, float]
    opening: tuple[Callable[[Scene], None], ...]
    cast: dict[Callable[[Scene], None], float]


PLACES: dict[str, Place] = {
    'street': Place(
        'street',
        (74, 88),
        (actors.building, actors.upright_person),
        {
            actors.car: 3,
            actors.upright_person: 3,
            actors.building: 1,
            actors.tree: 1.5,
            actors.bike: 0.8,
            actors.animal: 0.8,
            actors.rider: 0.6,
            actors.bench: 0.8,
            actors.bird: 0.6,
            actors.dropped_bag: 0.4,
            actors.watcher: 0.2,
            actors.eating_pet: 0.1,
            actors.dining_person: 0.15,
        },
    ),
    'park': Place(
        'grass',
        (62, 82),
        (actors.tree, actors.bench),
        {
            actors.upright_person: 3,
            actors.tree: 1.5,
            actors.animal: 2,
            actors.rider: 0.6,
            actors.bench: 0.8,
            actors.bird: 1,
            actors.hang_bag: 0.6,
            actors.under_furniture: 0.7,
            actors.bike: 0.5,
            actors.watcher: 0.5,
            actors.dropped_bag: 0.5,
            actors.eating_pet: 0.2,
            actors.dining_person: 0.3,
        },
    ),
    'room': Place(
        None,
        (88, 104),
        (actors.sofa, actors.table),
        {
            actors.upright_person: 1.2,
            actors.on_table: 2,
            actors.chair: 1.2,
            actors.wall_window: 0.8,
            actors.floor_lamp: 0.8,
            actors.under_furniture: 1,
            actors.animal: 0.7,
            actors.watcher: 0.4,
            actors.hang_bag: 0.5,
            actors.dining_person: 0.4,
            actors.eating_pet: 0.3,
            actors.reader: 0.4,
        },
    ),
    'desk': Place(
        None,
        (84, 100),
        (actors.table, actors.chair),
        {
            actors.on_table: 3,
            actors.reader: 1.5,
            actors.chair: 1,
            actors.wall_window: 0.8,
            actors.floor_lamp: 0.8,
            actors.upright_person: 0.8,
            actors.dining_person: 0.4,
            actors.under_furniture: 0.8,
            actors.hang_bag: 0.6,
            actors.animal: 0.4,
            actors.eating_pet: 0.2,
        },
    ),
}
_PLACE_PROBS = {'street': 0.32, 'park': 0.3, 'room': 0.2, 'desk': 0.18}


def make_scene(rng: np.random.Generator) -> Scene:
    """Make a scene of 7 to 12 objects.

    Args:
        rng: Source of randomness.
    """
    place = PLACES[rng.choice(list(_PLACE_PROBS), p=list(_PLACE_PROBS.values()))]
    while True:
        scene = _try_scene(place, rng)
        if len(scene) >= MIN_OBJECTS:
            return scene


def _try_scene(place: Place, rng: np.random.Generator) -> Scene:
    """Make a scene; it may have fewer objects if little fits."""
    scene = Scene(rng)
    scene.ground_top = rng.uniform(*place.ground_top)
    if place.ground is not None:
        scene.add(
            place.ground, SIDE / 2, SIDE + 8, (1.2 * SIDE, SIDE - scene.ground_top + 8), depth=3.0
        )
    for actor in place.opening:
        actor(scene)
    weights = np.array(list(place.cast.values()))
    entries = rng.choice(list(place.cast), size=_MAX_ENTRIES, p=weights / weights.sum())
    wanted = rng.choice(list(_NUM_OBJECTS), p=list(_NUM_OBJECTS.values()))
    for actor in entries:
        if len(scene) >= wanted:
            break
        actor(scene)
    return scene
