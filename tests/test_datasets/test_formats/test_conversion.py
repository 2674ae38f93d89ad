"""Each format is read as it was written, and goes to each other format and back."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.formats import CLASSES, PREDICATES, SCENES, WRITERS
from mmsgp.datasets.formats import FORMATS
from mmsgp.datasets.formats.comparison import first_difference
from mmsgp.datasets.graph_annotations import GraphAnnotations

WRITTEN = [name for name, kind in FORMATS.items() if kind.write]
# Formats without validation, without splits, and those whose boxes are rounded once.
NO_VAL = ('gqa-200', 'vrd')
NO_SPLIT = ('label-studio',)


@pytest.fixture
def read(tmp_path):
    """Reads the miniature of a format."""

    def read(name):
        root = tmp_path / name
        root.mkdir()
        return FORMATS['vg-sgg' if name == 'indoorvg' else name].read(str(WRITERS[name](root)))

    return read


def sorted_relations(image):
    """Relations by their subject: CVAT lists them at its box."""
    order = np.argsort(np.reshape(image['relations'], (-1, 3))[:, 0], kind='stable')
    return np.reshape(image['relations'], (-1, 3))[order].tolist()


@pytest.mark.parametrize('name', WRITERS)
def test_the_miniature_is_read_as_it_was_written(read, name):
    annotations = read(name)
    assert annotations.classes == tuple(CLASSES)
    assert annotations.predicates == tuple(PREDICATES)
    found = {image['img_id']: image for image in map(annotations.image, range(len(annotations)))}
    scenes = [s for s in SCENES if s['boxes'] or name not in NO_SPLIT]
    assert set(found) == {scene['id'] for scene in scenes}
    for scene in scenes:
        image = found[scene['id']]
        for key in ('width', 'height'):
            assert image[key] == scene[key]
        assert image['file_name'] == scene['file']
        split = 'train' if name in NO_SPLIT else scene['split']
        split = 'train' if split == 'val' and name in NO_VAL else split
        assert image['split'] == split
        np.testing.assert_allclose(image['boxes'], np.reshape(scene['boxes'], (-1, 4)), atol=1e-3)
        assert image['labels'].tolist() == scene['labels']
        if name == 'cvat':
            assert sorted_relations(image) == sorted_relations(scene)
        else:
            assert image['relations'].tolist() == scene['relations']


@pytest.mark.parametrize('name', ['psg', 'open-images', 'gqa-200', 'vrd', 'cvat'])
def test_corners_are_read_to_the_last_bit(read, name):
    annotations = read(name)
    for index in range(len(annotations)):
        image = annotations.image(index)
        (scene,) = (s for s in SCENES if s['id'] == image['img_id'])
        assert image['boxes'].tolist() == scene['boxes']


@pytest.mark.parametrize('first', WRITTEN)
@pytest.mark.parametrize('name', WRITERS)
def test_each_format_goes_to_each_other_and_back(read, name, first, tmp_path):
    original = read(name)
    FORMATS[first].write(original, tmp_path / 'first')
    there = FORMATS[first].read(str(tmp_path / 'first'))
    assert first_difference(original, there) is None
    for second in WRITTEN:
        FORMATS[second].write(there, tmp_path / second)
        back = FORMATS[second].read(str(tmp_path / second))
        assert first_difference(original, back) is None
        FORMATS[first].write(back, tmp_path / f'{second} and back')
        for file in FORMATS[first].written:
            before, after = (
                (tmp_path / folder / file) for folder in ('first', f'{second} and back')
            )
            assert before.is_file() == after.is_file()
            # Its three files hold the images by split.
            if before.is_file() and (second != 'coco-relations' or first == second):
                assert before.read_bytes() == after.read_bytes()


@pytest.mark.parametrize('name', WRITTEN)
def test_any_boxes_names_and_ids_survive(name, tmp_path):
    """Boxes of all bits, ids of text, names in any script."""
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 60, (3, 500, 2, 2)), axis=2).reshape(3, 500, 4)
    original = GraphAnnotations.from_images(
        [
            dict(
                img_id=image_id,
                file_name=file_name,
                width=60,
                height=61,
                split=split,
                boxes=boxes,
                labels=rng.integers(2, size=500),
                relations=rng.integers(1, 4, size=(40, 3)),
            )
            for image_id, file_name, split, boxes in zip(
                ('007', '狗 8', 'a/b'),
                ('x/007.png', '狗.webp', 'a.b.GIF'),
                ('train', 'val', 'test'),
                corners,
            )
        ],
        ('狗', 'a "cup"'),
        ('on', 'à côté', '在…上'),
    )
    FORMATS[name].write(original, tmp_path)
    assert first_difference(original, FORMATS[name].read(str(tmp_path))) is None


def test_a_difference_is_found_in_each_part(read):
    one = read('open-images')
    image = [one.image(index) for index in range(len(one))]
    assert first_difference(one, one.subset(range(len(one))[::-1])) is None
    for key, value in (
        ('width', 65),
        ('file_name', 'x.jpg'),
        ('split', 'test'),
        ('img_id', 1),
        ('boxes', np.nextafter(image[0]['boxes'], 0)),
        ('labels', [0, 0]),
        ('relations', [[0, 1, 2]]),
    ):
        other = GraphAnnotations.from_images(
            [{**image[0], key: value}, *image[1:]], one.classes, one.predicates
        )
        assert first_difference(one, other) is not None
    assert 'images' in first_difference(one, one[:3])
    assert 'classes' in first_difference(one, replace(one, classes=('cup', 'dog', 'cat')))
