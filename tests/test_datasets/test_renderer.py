"""Rendered images are reproducible, and objects fill their boxes."""

from __future__ import annotations

import numpy as np
import pytest

from mmsgp.datasets.minivg.tables import CLASSES
from mmsgp.datasets.rendering import (
    ClassAppearance,
    Layout,
    LayoutRenderer,
    class_appearance,
    render_images,
)
from mmsgp.datasets.rendering.shapes import SILHOUETTES

BOXES = np.array([[10, 12, 60, 70], [50, 40, 90, 100], [5, 70, 45, 110.0]])
LABELS = np.array([0, 1, 2])


def crops_of_class(renderer, label, count):
    """Render single instances of a class: (count, 32, 32, 3) floats."""
    box = np.array([[4, 4, 36, 36]])
    return np.stack(
        [
            renderer.render(i, 40, 40, box, [label])[4:36, 4:36]
            for i in range(1000 * label, 1000 * label + count)
        ]
    ).astype(float)


def colour_and_texture(crops):
    """Compute the mean colour and the contrast of each cell of a 4x4 grid."""
    cells = crops.reshape(-1, 4, 8, 4, 8, 3)
    contrast = cells.std(axis=(2, 4)).mean(-1)
    return np.concatenate(
        [cells.mean(axis=(2, 4)).reshape(len(crops), -1), contrast.reshape(len(crops), -1)], axis=1
    )


def test_an_image_depends_only_on_seed_and_id():
    first, second = LayoutRenderer(3, seed=1), LayoutRenderer(3, seed=1)
    second.render(8, 160, 120, BOXES, LABELS)  # an earlier image has no effect
    image = first.render(7, 160, 120, BOXES, LABELS)
    assert image.shape == (120, 160, 3)
    assert image.dtype == np.uint8
    assert (image == second.render(7, 160, 120, BOXES, LABELS)).all()
    assert (image != first.render(6, 160, 120, BOXES, LABELS)).any()
    assert (image != LayoutRenderer(3, seed=2).render(7, 160, 120, BOXES, LABELS)).any()


@pytest.mark.parametrize('name', SILHOUETTES)
def test_silhouettes_touch_all_sides_of_their_box(name):
    look = ClassAppearance(name, 'plain', 0.0, 1.0, 1.0, accent=1.0)
    renderer = LayoutRenderer(1, [look], clutter=0, noise=0, blur=0)
    empty = renderer.render(3, 80, 80, np.empty((0, 4)), [])
    image = renderer.render(3, 80, 80, np.array([[15, 20, 65, 60]]), [0])
    y, x = np.nonzero(np.abs(image.astype(int) - empty).max(axis=2) > 12)
    np.testing.assert_allclose(
        [x.min(), y.min(), x.max() + 1, y.max() + 1], [15, 20, 65, 60], atol=2
    )


def test_smaller_objects_lie_on_larger_ones_without_depths():
    red, blue = (
        ClassAppearance('rectangle', 'plain', hue, 1.0, 1.0, 1.0, hue_jitter=0)
        for hue in (0.0, 2 / 3)
    )
    renderer = LayoutRenderer(2, [red, blue], clutter=0, noise=0)
    boxes = np.array([[30, 30, 50, 50], [10, 10, 70, 70]])
    by_size = renderer.render(0, 80, 80, boxes, [0, 1])[40, 40]
    by_depth = renderer.render(0, 80, 80, boxes, [0, 1], [0, 1])[40, 40]
    assert by_size.argmax() == 2  # BGR
    assert by_depth.argmax() == 0


def test_boxes_may_leave_the_image_and_be_tiny():
    boxes = np.array(
        [[-20, -20, 30, 30], [70, 50, 200, 90], [10, 10, 10.4, 11], [300, 300, 310, 310]]
    )
    image = LayoutRenderer(4).render(0, 80, 60, boxes, np.arange(4))
    assert image.shape == (60, 80, 3)


def test_unknown_labels_and_looks_are_refused():
    with pytest.raises(ValueError, match='Image 5: label 3 is not within'):
        LayoutRenderer(3).render(5, 80, 60, BOXES, [0, 3, 1])
    with pytest.raises(ValueError, match='1 appearances for 2 classes'):
        LayoutRenderer(2, [class_appearance(0)])
    with pytest.raises(ValueError, match="shape 'blob' is not one of"):
        ClassAppearance('blob', 'plain', 0.5)


def test_the_classes_of_visual_genome_have_different_looks():
    looks = [class_appearance(label) for label in range(150)]
    assert len({(look.shape, look.texture) for look in looks}) == 150
    assert looks[:20] != [class_appearance(i, seed=1) for i in range(20)]


@pytest.mark.parametrize(
    'appearances',
    [list(CLASSES.values()), [class_appearance(i) for i in range(24)]],
    ids=['minivg', 'derived'],
)
def test_a_trivial_classifier_distinguishes_classes(appearances):
    renderer = LayoutRenderer(24, appearances)
    features = np.stack(
        [colour_and_texture(crops_of_class(renderer, label, 10)) for label in range(24)]
    )
    means = features[:, :6].mean(axis=1)
    test = features[:, 6:].reshape(-1, features.shape[-1])
    guess = np.linalg.norm(test[:, None] - means, axis=-1).argmin(axis=1)
    accuracy = (guess == np.repeat(np.arange(24), 4)).mean()
    assert accuracy > 10 / 24  # ten times better than chance


def test_instances_of_a_class_differ():
    crops = crops_of_class(LayoutRenderer(24, noise=0, clutter=0), 4, 6)
    centres = crops[:, 8:24, 8:24].mean(axis=(1, 2))
    assert np.ptp(centres, axis=0).max() > 8


def layouts(count):
    return [Layout(i, 48, 40, BOXES / 3, LABELS) for i in range(1, count + 1)]


def read_bytes(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.glob('*.jpg'))}


def test_the_number_of_workers_does_not_change_the_bytes(tmp_path):
    renderer = LayoutRenderer(3)
    for workers in (1, 2):
        render_images(renderer, layouts(30), tmp_path / str(workers), workers)
    images = read_bytes(tmp_path / '1')
    assert len(images) == 30
    assert images == read_bytes(tmp_path / '2')


def test_interrupted_rendering_continues(tmp_path):
    renderer = LayoutRenderer(3)
    assert render_images(renderer, layouts(4), tmp_path, 1) == 4
    before = read_bytes(tmp_path)
    (tmp_path / '3.jpg').unlink()
    assert render_images(renderer, layouts(4), tmp_path, 1) == 1
    assert read_bytes(tmp_path) == before


def test_images_of_other_layouts_are_rendered_again(tmp_path):
    render_images(LayoutRenderer(3), layouts(4), tmp_path, 1)
    before = read_bytes(tmp_path)
    assert render_images(LayoutRenderer(3, seed=1), layouts(2), tmp_path, 1) == 2
    after = read_bytes(tmp_path)
    assert list(after) == ['1.jpg', '2.jpg']
    assert after['1.jpg'] != before['1.jpg']


def test_images_that_were_not_rendered_are_never_replaced(tmp_path):
    (tmp_path / '1.jpg').write_bytes(b'a photograph')
    with pytest.raises(FileExistsError, match='1 images .* not rendered'):
        render_images(LayoutRenderer(3), layouts(2), tmp_path, 1)
    assert (tmp_path / '1.jpg').read_bytes() == b'a photograph'


def test_at_least_one_worker_is_needed(tmp_path):
    with pytest.raises(ValueError, match='num_workers must be at least 1'):
        render_images(LayoutRenderer(3), layouts(1), tmp_path, 0)
