import json

import h5py
import numpy as np
import pytest

from mmsgp.datasets import write_vg_sgg
from mmsgp.testing import make_vg_data

FILES = ('VG-SGG.h5', 'VG-SGG-dicts.json', 'image_data.json')


def test_same_input_gives_same_bytes(tmp_path):
    one = make_vg_data(tmp_path / 'one', with_images=False)
    two = make_vg_data(tmp_path / 'two', with_images=False)
    for name in FILES:
        assert (one.root / name).read_bytes() == (two.root / name).read_bytes()


def test_layout_is_that_of_the_published_files(data):
    with h5py.File(data.root / 'VG-SGG.h5') as file:
        arrays = {key: file[key][:] for key in file}
    first_box = 0
    first_rel = 0
    for row, boxes in enumerate(data.boxes):
        assert arrays['split'][row] == (0 if data.images[row]['split'] == 'train' else 2)
        assert arrays['img_to_first_box'][row] == first_box
        assert arrays['img_to_last_box'][row] == first_box + len(boxes) - 1
        scale = 512 / max(data.images[row]['width'], data.images[row]['height'])
        x1, y1, x2, y2 = boxes[0] * scale
        np.testing.assert_allclose(
            arrays['boxes_512'][first_box],
            [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1],
            rtol=1e-6,
        )
        assert arrays['labels'][first_box, 0] == data.labels[row][0] + 1
        subject, obj, predicate = data.relations[row][0]
        np.testing.assert_array_equal(
            arrays['relationships'][first_rel], [first_box + subject, first_box + obj]
        )
        assert arrays['predicates'][first_rel, 0] == predicate
        first_box += len(boxes)
        first_rel += len(data.relations[row])
    np.testing.assert_allclose(arrays['boxes_1024'], 2 * arrays['boxes_512'], rtol=1e-6)


def test_image_without_boxes_has_minus_one(tmp_path):
    make_vg_data(tmp_path, num_objects=(0, 0), with_images=False)
    with h5py.File(tmp_path / 'VG-SGG.h5') as file:
        for key in ('img_to_first_box', 'img_to_last_box', 'img_to_first_rel', 'img_to_last_rel'):
            assert (file[key][:] == -1).all()


def test_dicts_count_objects_and_predicates(data):
    dicts = json.loads((data.root / 'VG-SGG-dicts.json').read_text())
    labels = np.concatenate(data.labels).tolist()
    predicates = np.concatenate(data.relations)[:, 2].tolist()
    for index, name in enumerate(data.classes):
        assert dicts['object_count'][name] == labels.count(index)
        assert dicts['label_to_idx'][name] == index + 1
        assert dicts['idx_to_label'][str(index + 1)] == name
    for index, name in enumerate(data.predicates, 1):
        assert dicts['predicate_count'][name] == predicates.count(index)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(labels=[[0, 9]]), 'labels must be in 0..1, got 9'),
        (dict(labels=[[0]]), '2 boxes but 1 labels'),
        (dict(relations=[[[0, 1, 0]]]), 'predicates must be in 1..1, got 0'),
        (dict(relations=[[[0, 2, 1]]]), 'image 7 has 2 boxes'),
        (dict(relations=[]), r'\[1, 1, 1, 0\]'),
        (dict(images=[dict(image_id=7, width=9, height=9, split='dev')]), "image 7: split 'dev'"),
    ],
)
def test_impossible_annotations_are_refused(tmp_path, change, message):
    annotations = dict(
        images=[dict(image_id=7, width=9, height=9, split='train')],
        boxes=[[[0, 0, 3, 3], [1, 1, 5, 5]]],
        labels=[[0, 1]],
        relations=[[[0, 1, 1]]],
    )
    with pytest.raises(ValueError, match=message):
        write_vg_sgg(tmp_path, **{**annotations, **change}, classes=('a', 'b'), predicates=('on',))
