"""Actors: people, animals and things of MiniVG scenes.

An actor adds objects to a scene, or none if they do not fit. Relations follow from
their places; no relation is defined here.
"""

from __future__ import annotations

from .geometry import height, width
from .scene import SIDE, Scene

#: Distance of an object from its carrier in painting order.
_OVER = 0.02


def _dress(scene: Scene, person: int) -> None:
    """Add sometimes a shirt, a hat, or something in the hand."""
    rng = scene.rng
    box = scene.boxes[person]
    w, h, depth = width(box), height(box), scene.depths[person]
    x = (box[0] + box[2]) / 2
    if rng.random() < 0.6:
        scene.add('shirt', x, box[1] + 0.58 * h, (0.78 * w, 0.34 * h), depth + _OVER)
    if rng.random() < 0.3:
        scene.add('hat', x, box[1] + 0.15 * h, (0.7 * w, max(0.2 * h, 16)), depth + _OVER)
    if rng.random() < 0.35:
        item = rng.choice(['cup', 'book', 'bag'])
        size = (19, 24) if item == 'bag' else (17, 17)
        scene.add(item, scene.beside(person, 0.6), box[1] + 0.68 * h, size, depth + 2 * _OVER)


def upright_person(scene: Scene) -> None:
    """Add a person who stands, walks, sits or lies."""
    pose = scene.rng.choice(['stand', 'walk', 'sit', 'lie'], p=[0.45, 0.4, 0.08, 0.07])
    tall = scene.rng.uniform(56, 84)
    size = {
        'stand': (0.37 * tall, tall),
        'walk': (0.55 * tall, 0.95 * tall),
        'sit': (0.55 * tall, 0.6 * tall),
        'lie': (0.9 * tall, 0.36 * tall),
    }[pose]
    person = scene.add('person', scene.free_x(size[0]), scene.foot(0.25), size)
    if person is not None and pose != 'lie':
        _dress(scene, person)


def rider(scene: Scene) -> None:
    """Add a person on a horse or a bike."""
    mount = scene.rng.choice(['horse', 'bike'])
    size = (58, 40) if mount == 'horse' else (52, 34)
    foot = scene.foot(0.5)
    x = scene.free_x(size[0])
    index = scene.add(mount, x, foot, size)
    if index is None:
        return
    person = scene.add('person', x, foot - 0.38 * size[1], (27, 56), scene.depths[index] + _OVER)
    if person is not None:
        _dress(scene, person)


def _seat_person(scene: Scene, seat: int) -> None:
    box = scene.boxes[seat]
    lies = scene.rng.random() < 0.25 and width(box) > 45
    size = (0.75 * width(box), 25) if lies else (32, 42)
    x = scene.rng.uniform(box[0] + 0.3 * width(box), box[2] - 0.3 * width(box))
    if lies:
        x = (box[0] + box[2]) / 2
    person = scene.add('person', x, box[1] + 0.42 * height(box), size, scene.depths[seat] + _OVER)
    if person is not None and not lies:
        _dress(scene, person)


def _seat_animal(scene: Scene, seat: int) -> None:
    box = scene.boxes[seat]
    animal = scene.rng.choice(['cat', 'dog', 'bird'], p=[0.45, 0.3, 0.25])
    size = (22, 18)
    if animal != 'bird':
        size = [(24, 26), (32, 22), (40, 18)][scene.rng.choice(3, p=[0.25, 0.3, 0.45])]
    scene.add(
        animal,
        scene.rng.uniform(box[0] + 8, box[2] - 8),
        box[1] + 0.2 * height(box),
        size,
        scene.depths[seat] + _OVER,
    )


def _seat(scene: Scene, label: str, size: tuple[float, float], x: float) -> None:
    """Add a seat with a person, an animal, a thing or nothing on it."""
    index = scene.add(label, x, scene.foot(0.15, 0.8), size)
    if index is None:
        return
    guest = scene.rng.random()
    if guest < 0.45:
        _seat_person(scene, index)
    elif guest < 0.7:
        _seat_animal(scene, index)
    elif guest < 0.85:
        hang_bag(scene)
    elif guest < 0.95:
        under_furniture(scene)


def bench(scene: Scene) -> None:
    _seat(scene, 'bench', (66, 32), scene.free_x(66))


def sofa(scene: Scene) -> None:
    _seat(scene, 'sofa', (84, 46), scene.free_x(84))


def chair(scene: Scene) -> None:
    _seat(scene, 'chair', (34, 42), scene.free_x(34))


def table(scene: Scene) -> None:
    """Add a table with one to three things on it."""
    index = scene.add('table', scene.free_x(84), scene.foot(0.4, 0.95), (84, 44))
    if index is not None:
        for _ in range(scene.rng.integers(1, 4)):
            on_table(scene)


def on_table(scene: Scene) -> None:
    """Add something on an existing table."""
    index = scene.find('table')
    if index is None:
        return
    box, rng = scene.boxes[index], scene.rng
    sizes = {
        'cup': (17, 18),
        'book': (22, 17),
        'laptop': (30, 22),
        'pizza': (24, 16),
        'lamp': (20, 30),
        'hat': (22, 16),
        'bag': (20, 24),
    }
    item = rng.choice(list(sizes), p=[0.25, 0.2, 0.2, 0.13, 0.12, 0.04, 0.06])
    scene.add(
        item,
        rng.uniform(box[0] + 9, box[2] - 9),
        box[1] + rng.uniform(0.05, 0.35) * height(box),
        sizes[item],
        scene.depths[index] + rng.uniform(_OVER, 2 * _OVER),
    )


def dining_person(scene: Scene) -> None:
    """Add a person who eats pizza."""
    tall = scene.rng.uniform(60, 78)
    size = (0.4 * tall, tall)
    person = scene.add('person', scene.free_x(60), scene.foot(0.25, 0.8), size)
    if person is None:
        return
    box = scene.boxes[person]
    scene.add(
        'pizza',
        scene.beside(person, 0.5),
        box[1] + 0.34 * tall,
        (22, 16),
        scene.depths[person] + _OVER,
    )


def eating_pet(scene: Scene) -> None:
    """Add a dog or cat at a pizza."""
    pet = scene.add(scene.rng.choice(['dog', 'cat']), scene.free_x(56), scene.foot(0.4), (38, 28))
    if pet is not None:
        scene.add(
            'pizza',
            scene.beside(pet, 0.55),
            scene.boxes[pet][1] + 14,
            (22, 16),
            scene.depths[pet] + _OVER,
        )


def watcher(scene: Scene) -> None:
    """Add a dog or cat face to face with another animal."""
    foot = scene.foot(0.3)
    size = (36, 27)
    first = scene.add(scene.rng.choice(['dog', 'cat']), scene.free_x(80), foot, size)
    if first is None:
        return
    other = scene.rng.choice(['dog', 'cat', 'bird'])
    scene.add(
        other,
        scene.beside(first, 1.15),
        foot + scene.rng.uniform(-3, 3),
        (22, 20) if other == 'bird' else size,
    )


def reader(scene: Scene) -> None:
    """Add a person in front of an existing laptop."""
    index = scene.find('laptop')
    if index is None:
        return
    box = scene.boxes[index]
    x = scene.beside(index, 1.3)
    person = scene.add('person', x, box[1] + 66, (28, 68), scene.depths[index] - 2 * _OVER)
    if person is not None:
        _dress(scene, person)


def animal(scene: Scene) -> None:
    """Add a dog, cat or horse that sits, stands or lies."""
    label = scene.rng.choice(['dog', 'cat', 'horse'], p=[0.45, 0.3, 0.25])
    scale = 1.55 if label == 'horse' else 1.0
    pose = scene.rng.choice(3, p=[0.2, 0.55, 0.25])
    w, h = [(24, 28), (36, 27), (46, 20)][pose]
    if label == 'horse':
        w, h = (36, 27)
    scene.add(label, scene.free_x(scale * w), scene.foot(0.15), (scale * w, scale * h))


def bird(scene: Scene) -> None:
    """Add a bird in the air."""
    scene.add(
        'bird',
        scene.rng.uniform(12, SIDE - 12),
        scene.rng.uniform(20, max(scene.ground_top - 10, 40)),
        (24, 18),
        depth=20,
    )


def tree(scene: Scene) -> None:
    tall = scene.rng.uniform(58, 92)
    scene.add(
        'tree',
        scene.free_x(0.6 * tall),
        scene.foot(0.02, 0.3),
        (0.62 * tall, tall),
        depth=8 + scene.rng.random(),
    )


def building(scene: Scene) -> None:
    """Add a building with one or two windows and sometimes a lamp."""
    size = scene.rng.uniform((56, 56), (92, 76))
    index = scene.add(
        'building',
        scene.rng.uniform(25, SIDE - 25),
        scene.ground_top + scene.rng.uniform(0, 6),
        size,
        depth=2 + scene.rng.random(),
    )
    if index is None:
        return
    box = scene.boxes[index]
    for _ in range(scene.rng.integers(1, 3)):
        scene.add(
            'window',
            scene.rng.uniform(box[0] + 12, box[2] - 12),
            scene.rng.uniform(box[1] + 32, box[3] - 12),
            (20, 22),
            depth=4,
        )
    if scene.rng.random() < 0.25:
        scene.add(
            'lamp', scene.rng.uniform(box[0] + 10, box[2] - 10), box[1] + 34, (17, 22), depth=4.5
        )


def car(scene: Scene) -> None:
    """Add a car at the kerb, or a nearer, bigger one in the middle of the street."""
    at_kerb = scene.rng.random() < 0.5
    foot = scene.foot(0.12, 0.33) if at_kerb else scene.foot(0.5)
    scale = 1.0 if at_kerb else 1.25
    scene.add('car', scene.free_x(52), foot, (50 * scale, 27 * scale))


def bike(scene: Scene) -> None:
    at_kerb = scene.rng.random() < 0.6
    foot = scene.foot(0.15, 0.33) if at_kerb else scene.foot(0.45)
    scene.add('bike', scene.free_x(42), foot, (44, 30))


def hang_bag(scene: Scene) -> None:
    """Add a bag or hat that hangs from an existing object."""
    index = scene.find('chair', 'bench', 'tree')
    if index is None:
        return
    box = scene.boxes[index]
    item = scene.rng.choice(['bag', 'hat'], p=[0.75, 0.25])
    size = (19, 22) if item == 'bag' else (21, 16)
    scene.add(
        item,
        scene.beside(index, 0.42),
        box[1] + 0.42 * height(box) + 8,
        size,
        scene.depths[index] + 3 * _OVER,
    )


def under_furniture(scene: Scene) -> None:
    """Add a pet or bag under an existing table, bench or chair."""
    index = scene.find('table', 'bench', 'chair')
    if index is None:
        return
    box = scene.boxes[index]
    item = scene.rng.choice(['dog', 'cat', 'bag'])
    size = (20, 19) if item == 'bag' else (30, 20)
    scene.add(
        item,
        scene.rng.uniform(box[0] + 14, box[2] - 14),
        box[3] + scene.rng.uniform(0, 3),
        size,
        scene.depths[index] + 3 * _OVER,
    )


def dropped_bag(scene: Scene) -> None:
    scene.add('bag', scene.free_x(20), scene.foot(0.3), (21, 24))


def wall_window(scene: Scene) -> None:
    scene.add(
        'window', scene.rng.uniform(20, SIDE - 20), scene.rng.uniform(34, 52), (30, 30), depth=1
    )


def floor_lamp(scene: Scene) -> None:
    """Add a lamp that hangs in the room."""
    scene.add(
        'lamp', scene.rng.uniform(14, SIDE - 14), scene.rng.uniform(26, 44), (24, 26), depth=5
    )
