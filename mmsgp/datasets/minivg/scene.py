"""A scene under construction; it accepts objects only where they fit."""

from __future__ import annotations

import numpy as np

from .geometry import Box, area, width

#: Side of the square image in pixels.
SIDE = 160
MAX_OBJECTS = 12
#: Shortest side of a box in pixels.
MIN_SIDE = 14
#: Share of an object's box that must stay visible.
MIN_VISIBLE = 0.4
_FOREGROUND_DEPTH = 10.0


class Scene:
    """Objects that are added one by one to a square image.

    Args:
        rng: Source of randomness.

    Attributes:
        labels: Class name of each object.
        boxes: ``x1, y1, x2, y2`` of each object, whole pixels.
        depths: Painting order of each object, farthest first.
        ground_top: Upper edge of the ground in pixels.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.labels: list[str] = []
        self.boxes: list[Box] = []
        self.depths: list[float] = []
        self.ground_top = 0.0

    def __len__(self) -> int:
        return len(self.labels)

    def add(
        self,
        label: str,
        x: float,
        foot: float,
        size: tuple[float, float],
        depth: float | None = None,
    ) -> int | None:
        """Add an object if it fits and hides no other object too much.

        Args:
            label: Class name.
            x: Horizontal middle in pixels.
            foot: Lower edge in pixels.
            size: Width and height in pixels; varied by up to 8 percent.
            depth: Painting order. Defaults to None: lower objects are nearer.

        Returns:
            int | None: The object's index; None if it does not fit.
        """
        w, h = np.array(size) * self.rng.uniform(0.92, 1.08, 2)
        corners = np.array([x - w / 2, foot - h, x + w / 2, foot])
        x1, y1, x2, y2 = np.clip(np.round(corners), 0, SIDE).tolist()
        if len(self) >= MAX_OBJECTS or min(x2 - x1, y2 - y1) < MIN_SIDE:
            return None
        if depth is None:
            depth = _FOREGROUND_DEPTH + foot / SIDE
        self.labels.append(str(label))
        self.boxes.append((x1, y1, x2, y2))
        self.depths.append(depth)
        if self.visible_parts().min() < MIN_VISIBLE:
            self.drop_last()
            return None
        return len(self) - 1

    def drop_last(self) -> None:
        for values in (self.labels, self.boxes, self.depths):
            values.pop()

    def visible_parts(self) -> np.ndarray:
        """Compute the share of each box that no nearer box covers: (N,)."""
        owner = np.full((SIDE, SIDE), -1, dtype=np.int8)
        for index in np.argsort(self.depths, kind='stable'):
            x1, y1, x2, y2 = map(int, self.boxes[index])
            owner[y1:y2, x1:x2] = index
        seen = np.bincount(owner[owner >= 0], minlength=len(self))
        return seen / np.array([area(box) for box in self.boxes])

    def find(self, *labels: str) -> int | None:
        """Choose an object of these classes at random."""
        found = [i for i, label in enumerate(self.labels) if label in labels]
        return int(self.rng.choice(found)) if found else None

    def free_x(self, space: float) -> float:
        """Choose the middle of a part of the foreground with much room."""
        middles = self.rng.uniform(space / 2, SIDE - space / 2, 6)
        taken = []
        for x in middles:
            shared = 0.0
            for box, depth in zip(self.boxes, self.depths):
                if depth >= _FOREGROUND_DEPTH:
                    shared += max(min(box[2], x + space / 2) - max(box[0], x - space / 2), 0)
            taken.append(shared)
        return float(middles[int(np.argmin(taken))])

    def foot(self, low: float = 0.1, high: float = 0.95) -> float:
        """Choose a line on the ground, between its far (0) and near (1) edge."""
        return self.ground_top + self.rng.uniform(low, high) * (SIDE - self.ground_top)

    def beside(self, index: int, share: float) -> float:
        """Choose a point beside an object's middle, ``share`` of its width away."""
        box = self.boxes[index]
        return (box[0] + box[2]) / 2 + self.side() * share * width(box)

    def side(self) -> int:
        """Choose left (-1) or right (1)."""
        return int(self.rng.choice([-1, 1]))
