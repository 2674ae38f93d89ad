"""The converters write the annotations, or report what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]
CONVERTERS = REPOSITORY / 'tools/dataset_converters'
VRD = REPOSITORY.parent / 'shared/data/vrd'


@pytest.fixture
def run(run_tool, capsys):
    """Run a converter with arguments and return its output."""

    def call(script, *args):
        run_tool(f'dataset_converters/{script}', *args)
        return capsys.readouterr().out

    return call


def relation(
    predicate=0, subject=0, subject_box=(10, 50, 20, 60), object_=1, object_box=(30, 90, 15, 140)
):
    return {
        'predicate': predicate,
        'subject': {'category': subject, 'bbox': list(subject_box)},
        'object': {'category': object_, 'bbox': list(object_box)},
    }


@pytest.fixture
def source(tmp_path):
    """Write a folder of VRD annotations: ``source(annotations, **sizes)``."""
    folder = tmp_path / 'src'
    folder.mkdir()
    (folder / 'objects.json').write_text('["person", "horse", "road"]')
    (folder / 'predicates.json').write_text('["on", "near"]')

    def write(annotations, metadata=None, name='annotations_train.json'):
        if metadata is None:
            metadata = {image: {'width': 160, 'height': 100} for image in annotations}
        (folder / name).write_text(json.dumps(annotations))
        (folder / 'image_metadata.json').write_text(json.dumps(metadata))
        return folder

    return write


def read(folder):
    """Per image: entry, split, corner boxes, labels and relations."""
    entries = json.loads((folder / 'image_data.json').read_text())
    result = []
    with h5py.File(folder / 'VG-SGG.h5', 'r') as file:
        for row, entry in enumerate(entries):
            first, last = (int(file[f'img_to_{e}_box'][row]) for e in ('first', 'last'))
            rows = slice(first, last + 1) if first >= 0 else slice(0, 0)
            centre, size = np.split(file['boxes_1024'][rows], 2, axis=1)
            scale = max(entry['width'], entry['height']) / 1024
            boxes = np.concatenate([centre - size / 2, centre + size / 2], 1)
            rel_first, rel_last = (int(file[f'img_to_{e}_rel'][row]) for e in ('first', 'last'))
            rels = slice(rel_first, rel_last + 1) if rel_first >= 0 else slice(0, 0)
            result.append(
                dict(
                    entry=entry,
                    split=int(file['split'][row]),
                    boxes=boxes * scale,
                    labels=file['labels'][rows, 0] - 1,
                    relations=np.column_stack(
                        [file['relationships'][rels] - max(first, 0), file['predicates'][rels]]
                    ).tolist(),
                )
            )
    return result


def test_objects_are_distinct_pairs_of_category_and_box(run, source, tmp_path):
    folder = source(
        {
            'b.jpg': [
                relation(),
                relation(predicate=1),  # the same two objects again
                relation(subject=2),  # another category in the same box
                relation(object_=0, object_box=(10, 50, 20, 60)),  # with itself
                relation(),  # the same triple again
            ],
            'a.jpg': [],
        }
    )
    run('vrd', folder, tmp_path / 'out', '--num-test', 1)
    empty, image = read(tmp_path / 'out')
    assert [empty['entry']['file_name'], image['entry']['file_name']] == ['a.jpg', 'b.jpg']
    assert [empty['entry']['image_id'], image['entry']['image_id']] == [1, 2]
    assert [empty['split'], image['split']] == [0, 2]
    assert len(empty['boxes']) == 0 and empty['relations'] == []
    assert image['labels'].tolist() == [0, 1, 2]
    np.testing.assert_allclose(
        image['boxes'], [[20, 10, 60, 50], [15, 30, 140, 90], [20, 10, 60, 50]], atol=1e-4
    )
    assert image['relations'] == [[0, 1, 1], [0, 1, 2], [2, 1, 1], [0, 0, 1], [0, 1, 1]]
    for index in (1, 2):
        pixels = cv2.imread(str(tmp_path / f'out/images/{index}.jpg'))
        assert pixels.shape == (100, 160, 3)


def test_boxes_out_of_bounds_are_clipped_and_none_is_empty(run, source, tmp_path):
    folder = source(
        {
            'a.jpg': [relation(subject_box=(-5, 130, 100, 200), object_box=(40, 40, 160, 170))],
            'b.jpg': [],
        }
    )
    run('vrd', folder, tmp_path / 'out', '--num-test', 1, '--no-images')
    boxes = read(tmp_path / 'out')[0]['boxes']
    np.testing.assert_allclose(boxes, [[100, 0, 160, 100], [159, 40, 160, 41]], atol=1e-4)
    assert not (tmp_path / 'out/images').exists()


def test_large_images_shrink_with_their_boxes(run, source, tmp_path):
    folder = source({'a.jpg': [relation()], 'b.jpg': []})
    run('vrd', folder, tmp_path / 'out', '--num-test', 1, '--max-size', 80)
    image = read(tmp_path / 'out')[0]
    entry = image['entry']
    assert (entry['width'], entry['height']) == (80, 50)
    assert (entry['original_width'], entry['original_height']) == (160, 100)
    np.testing.assert_allclose(image['boxes'][0], [10, 5, 30, 25], atol=1e-4)
    assert cv2.imread(str(tmp_path / 'out/images/1.jpg')).shape == (50, 80, 3)


def test_a_second_file_is_the_test_split(run, source, tmp_path):
    source({'a.jpg': [relation()], 'b.jpg': [relation()]})
    folder = source(
        {'0.jpg': [relation(predicate=1)]},
        {name: {'width': 160, 'height': 100} for name in ('a.jpg', 'b.jpg', '0.jpg')},
        name='annotations_test.json',
    )
    run(
        'vrd',
        folder,
        tmp_path / 'out',
        '--no-images',
        '--test-annotations',
        folder / 'annotations_test.json',
    )
    images = read(tmp_path / 'out')
    assert [(i['entry']['file_name'], i['split']) for i in images] == [
        ('a.jpg', 0),
        ('b.jpg', 0),
        ('0.jpg', 2),
    ]


def test_sizes_of_test_images_may_lie_beside_their_annotations(run, source, tmp_path):
    folder = source({'a.jpg': [relation()]})
    other = tmp_path / 'hidden'
    other.mkdir()
    (other / 'annotations_test.json').write_text(json.dumps({'z.jpg': [relation()]}))
    (other / 'image_metadata.json').write_text('{"z.jpg": {"width": 200, "height": 100}}')
    run(
        'vrd',
        folder,
        tmp_path / 'out',
        '--no-images',
        '--test-annotations',
        other / 'annotations_test.json',
    )
    assert read(tmp_path / 'out')[1]['entry']['width'] == 200


SIZES = {'a.jpg': {'width': 160, 'height': 100}}


@pytest.mark.parametrize(
    'annotation, metadata, error, words',
    [
        (relation(predicate=2), SIZES, ValueError, ['predicate 2', '0..1']),
        (relation(subject=3), SIZES, ValueError, ['category 3', '0..2']),
        (relation(subject_box=(1, 2, 3)), SIZES, ValueError, ['[1, 2, 3]', 'ymin']),
        ({'predicate': 0}, SIZES, ValueError, ["no key 'subject'"]),
        (relation(), {}, ValueError, ['image_metadata.json', 'no entry']),
        (relation(), {'a.jpg': {'width': 160, 'height': 0}}, ValueError, ['height 0']),
        (relation(), {'a.jpg': {'width': 160}}, ValueError, ["no key 'height'"]),
    ],
)
def test_wrong_annotations_are_named(run, source, tmp_path, annotation, metadata, error, words):
    folder = source({'a.jpg': [annotation]}, metadata)
    with pytest.raises(error) as caught:
        run('vrd', folder, tmp_path / 'out', '--num-test', 0, '--no-images')
    for word in ['a.jpg', *words]:
        assert word in caught.value.args[0]
    assert not (tmp_path / 'out/VG-SGG.h5').exists()


def test_an_image_in_both_files_is_refused(run, source, tmp_path):
    folder = source({'a.jpg': [relation()]})
    with pytest.raises(ValueError, match=r'a\.jpg.* trained on'):
        run(
            'vrd',
            folder,
            tmp_path / 'out',
            '--no-images',
            '--test-annotations',
            folder / 'annotations_train.json',
        )


def test_more_test_images_than_images_are_refused(run, source, tmp_path):
    folder = source({'a.jpg': [relation()]})
    with pytest.raises(ValueError, match=r'images: .*\b800\b'):
        run('vrd', folder, tmp_path / 'out', '--no-images')


def test_annotations_without_images_get_images(run, source, tmp_path):
    folder = source({'a.jpg': [relation()], 'b.jpg': []})
    out = tmp_path / 'out'
    run('vrd', folder, out, '--num-test', 1, '--no-images')
    assert '2 of 2 images rendered' in run('render_layouts', out)
    for index in (1, 2):
        pixels = cv2.imread(str(out / f'images/{index}.jpg'))
        assert pixels.shape == (100, 160, 3)
    assert '0 of 2 images rendered' in run('render_layouts', out)


def test_minivg_is_generated_by_a_command(run, tmp_path):
    args = ('minivg', tmp_path, '--num-train', 3, '--num-val', 1, '--num-test', 2)
    assert 'standing on' in run(*args)
    assert len(list((tmp_path / 'images').glob('*.jpg'))) == 6
    assert 'already holds' in run(*args)


@pytest.mark.skipif(not VRD.is_dir(), reason=f'the VRD annotations are not in {VRD}')
def test_the_whole_of_vrd_is_converted(run, tmp_path):
    run('vrd', VRD, tmp_path, '--no-images')
    images = json.loads((tmp_path / 'image_data.json').read_text())
    names = [image['file_name'] for image in images]
    assert len(names) == 4000 and names == sorted(names)
    with h5py.File(tmp_path / 'VG-SGG.h5', 'r') as file:
        assert len(file['predicates']) == 30355
        assert file['split'][:].tolist() == [0] * 3200 + [2] * 800
        assert (file['img_to_first_rel'][:] == -1).sum() == 220
        pairs = file['relationships'][:]
        assert (pairs[:, 0] == pairs[:, 1]).sum() == 83
        assert (file['boxes_1024'][:, 2:] > 0).all()


def test_annotations_by_name_are_files_of_the_source(run, source, tmp_path):
    sizes = {name: {'width': 160, 'height': 100} for name in ('a.jpg', 'b.jpg')}
    source({'a.jpg': [relation()]}, sizes, name='annotations_mine.json')
    folder = source({'b.jpg': [relation()]}, sizes, name='annotations_test.json')
    run(
        'vrd',
        folder,
        tmp_path / 'out',
        '--no-images',
        '--annotations',
        'annotations_mine.json',
        '--test-annotations',
        'annotations_test.json',
    )
    assert [i['split'] for i in read(tmp_path / 'out')] == [0, 2]
    with pytest.raises(FileNotFoundError, match='none.json.*SRC_DIR has'):
        run('vrd', folder, tmp_path / 'out', '--annotations', 'none.json')
