"""Geometry of two boxes, which decides MiniVG's relations.

Boxes are ``(x1, y1, x2, y2)``, y downwards. Functions of two boxes take that of the
subject, then that of the object.
"""

from __future__ import annotations

Box = tuple[float, float, float, float]


def width(box: Box) -> float:
    return box[2] - box[0]


def height(box: Box) -> float:
    return box[3] - box[1]


def area(box: Box) -> float:
    return width(box) * height(box)


def aspect(box: Box) -> float:
    """Divide width by height."""
    return width(box) / height(box)


def centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def overlap_x(s: Box, o: Box) -> float:
    """Horizontal overlap relative to the narrower box; < 0 for a gap."""
    shared = min(s[2], o[2]) - max(s[0], o[0])
    return shared / min(width(s), width(o))


def overlap_y(s: Box, o: Box) -> float:
    """Vertical overlap relative to the lower box; < 0 for a gap."""
    shared = min(s[3], o[3]) - max(s[1], o[1])
    return shared / min(height(s), height(o))


def gap_x(s: Box, o: Box) -> float:
    """Horizontal gap between the boxes in pixels; < 0 if they overlap."""
    return max(s[0], o[0]) - min(s[2], o[2])


def over(s: Box, o: Box) -> bool:
    """The subject's middle lies above or below the object's extent."""
    return o[0] <= centre(s)[0] <= o[2]


def rests_on_ground(s: Box, o: Box) -> bool:
    """The subject's foot lies within the ground."""
    return over(s, o) and o[1] <= s[3] <= o[3] + 1


def rests_on_top(s: Box, o: Box) -> bool:
    """The subject's foot lies on the upper half of a piece of furniture."""
    return over(s, o) and s[1] < o[1] and o[1] - 3 <= s[3] <= o[1] + 0.62 * height(o)


def at_kerb(s: Box, o: Box) -> bool:
    """The subject's foot lies on the far third of the street."""
    return rests_on_ground(s, o) and s[3] < o[1] + 0.36 * height(o)


def astride(s: Box, o: Box) -> bool:
    """The subject sits over the object's middle, its foot lower."""
    return (
        abs(centre(s)[0] - centre(o)[0]) < 0.25 * width(o)
        and s[1] < o[1] - 0.3 * height(s)
        and o[1] + 0.25 * height(o) < s[3] < o[3]
    )


def worn(s: Box, o: Box) -> bool:
    """The object lies along the upper part of the subject's axis."""
    x, y = centre(o)
    return (
        abs(x - centre(s)[0]) < 0.2 * width(s)
        and s[1] - 0.12 * height(s) < y < s[1] + 0.6 * height(s)
        and width(o) < 1.3 * width(s)
        and area(o) < 0.6 * area(s)
    )


def in_hand(s: Box, o: Box) -> bool:
    """The object lies at the subject's side, at the height of its hands."""
    x, y = centre(o)
    side = abs(x - centre(s)[0]) / width(s)
    return (
        0.3 < side < 0.95
        and gap_x(s, o) < 1
        and s[1] + 0.35 * height(s) < y < s[1] + 0.75 * height(s)
    )


def at_mouth(s: Box, o: Box) -> bool:
    """The object lies at the subject's head."""
    x, y = centre(o)
    return (
        abs(x - centre(s)[0]) < 0.75 * width(s)
        and gap_x(s, o) < 0
        and s[1] < y < s[1] + 0.33 * height(s)
    )


def facing(s: Box, o: Box) -> bool:
    """The boxes are side by side at the same height, with a small gap."""
    return 0 < gap_x(s, o) < 22 and abs(s[1] - o[1]) < 0.35 * max(height(s), height(o))


def hung(s: Box, o: Box) -> bool:
    """The subject lies at the object's edge, its foot off the ground."""
    x = centre(s)[0]
    at_edge = min(abs(x - o[0]), abs(x - o[2])) < 0.3 * width(o)
    return (
        at_edge
        and gap_x(s, o) < 0
        and o[1] + 0.15 * height(o) < centre(s)[1]
        and s[3] < o[1] + 0.8 * height(o)
    )


def fixed_to(s: Box, o: Box) -> bool:
    """The subject lies within the object."""
    return s[0] > o[0] - 3 and s[2] < o[2] + 3 and s[1] > o[1] - 3 and s[3] < o[3] + 3


def beneath(s: Box, o: Box) -> bool:
    """The subject's middle lies in the object's lower part or below it."""
    return (
        over(s, o)
        and s[1] > o[1] + 0.3 * height(o)
        and s[3] > o[1] + 0.7 * height(o)
        and width(s) < width(o)
        and s[1] < o[3]
    )


def above(s: Box, o: Box) -> bool:
    """The subject lies above the object, not far from it."""
    return overlap_x(s, o) > 0.4 and s[3] <= o[1] + 2 and o[1] - s[3] < 60


def behind(s: Box, o: Box) -> bool:
    """The boxes overlap and the subject's foot is farther away."""
    return overlap_x(s, o) > 0.25 and overlap_y(s, o) > 0.2 and s[3] < o[3] - 4


def in_front(s: Box, o: Box) -> bool:
    return behind(o, s)


def next_to(s: Box, o: Box) -> bool:
    """The boxes are side by side at about the same height, with little overlap."""
    reach = 0.5 * max(width(s), width(o))
    return overlap_x(s, o) < 0.25 and gap_x(s, o) < reach and overlap_y(s, o) > 0.35
