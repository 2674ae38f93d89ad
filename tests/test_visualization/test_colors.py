from __future__ import annotations

import numpy as np
import pytest

from mmsgp.visualization.colors import class_colors, text_color


def contrast(first: tuple, second: tuple) -> float:
    """WCAG 2.1 contrast ratio, written out channel by channel."""

    def luminance(color: tuple) -> float:
        total = 0.0
        for value, weight in zip(color, (0.2126, 0.7152, 0.0722), strict=True):
            linear = value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            total += weight * linear
        return total

    lighter, darker = sorted([luminance(first), luminance(second)], reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_text_is_readable_on_every_class_color():
    for color in class_colors(150):
        text = {'black': (0, 0, 0), 'white': (1, 1, 1)}[text_color(color)]
        assert contrast(tuple(color), text) >= 4.5


def test_a_class_keeps_its_color_when_classes_are_added():
    np.testing.assert_array_equal(class_colors(20), class_colors(150)[:20])


def test_neighbouring_classes_differ():
    colors = class_colors(150)
    assert np.abs(np.diff(colors, axis=0)).max(axis=1).min() > 0.15


def test_a_palette_is_scaled_to_one():
    np.testing.assert_allclose(
        class_colors(2, [(255, 0, 51), (0, 255, 0)]), [[1, 0, 0.2], [0, 1, 0]]
    )


def test_a_short_palette_is_refused():
    with pytest.raises(ValueError, match="1 .* 2 .*'palette'"):
        class_colors(2, [(1, 2, 3)])
