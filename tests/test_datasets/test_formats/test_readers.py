"""What single formats allow beyond their miniatures."""

import json

import numpy as np
import pytest

from helpers.formats import WRITERS, dump, edit
from mmsgp.datasets.formats import FORMATS
from mmsgp.datasets.formats.label_studio import file_name_of


def read(name, path):
    return FORMATS[name].read(str(path))


@pytest.mark.parametrize(
    'url, name',
    [
        ('/data/upload/3/1a2b-my%20cup.jpg', '1a2b-my cup.jpg'),
        ('/data/local-files/?d=photos%2Fa/b.png', 'photos/a/b.png'),
        ('https://example.com/opensource/label-studio/1.jpg?x=1', '1.jpg'),
        ('s3://bucket/folder/é.webp', 'é.webp'),
        ('21.jpg', '21.jpg'),
    ],
)
def test_label_studio_names_images_by_their_address(url, name):
    assert file_name_of(url) == name


def test_label_studio_joins_both_ways_and_by_several_labels(tmp_path):
    path = WRITERS['label-studio'](tmp_path)
    edit(path, '0/annotations/0/result/2/direction', 'bi')
    edit(path, '0/annotations/0/result/2/labels', ['on', 'holding'])
    relations = read('label-studio', path).image(0)['relations'].tolist()
    assert relations == [[0, 1, 3], [1, 0, 3], [0, 1, 1], [1, 0, 1]]


def test_label_studio_tasks_that_are_not_done_are_counted(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmsgp.datasets.formats.common.print_log', lambda message, **_: messages.append(message)
    )
    path = WRITERS['label-studio'](tmp_path)
    edit(path, '0/annotations/0/was_cancelled', True)
    edit(path, '1/annotations', [])
    assert len(read('label-studio', path)) == 3
    assert '3 of 6 images have no annotation and are left out' in messages[0]


def test_predicates_of_rel_json_count_from_0_without_a_background(tmp_path):
    root = WRITERS['coco-rel-json'](tmp_path)
    expected = read('coco-rel-json', root)
    content = json.loads((root / 'rel.json').read_text())
    content['rel_categories'].pop(0)
    for split in ('train', 'val', 'test'):
        for rows in content[split].values():
            for row in rows:
                row[2] -= 1
    dump(root / 'rel.json', content)
    found = read('coco-rel-json', root)
    assert found.predicates == expected.predicates
    np.testing.assert_array_equal(found.relations, expected.relations)


def test_coco_categories_may_have_any_ids_and_a_background(tmp_path):
    root = WRITERS['coco-relations'](tmp_path)
    expected = read('coco-relations', root)
    for path in root.glob('*/*.json'):
        content = json.loads(path.read_text())
        for category in content['categories']:
            category['id'] *= 10
        for item in content['annotations']:
            item['category_id'] *= 10
        content['categories'].insert(0, dict(id=0, name='__background__'))
        dump(path, content)
    found = read('coco-relations', root)
    assert found.classes == expected.classes
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_ids_that_splits_share_get_the_split_before_them(tmp_path):
    root = WRITERS['coco-relations'](tmp_path)
    path = root / 'test/_annotations.coco.json'
    path.write_text(path.read_text().replace('"image_id": 7', '"image_id": 5'))
    edit(path, 'images/0/id', 5)
    ids = read('coco-relations', root).image_ids.tolist()
    assert 'train/5' in ids and 'test/5' in ids and 'train/21' in ids


def test_validation_may_be_called_valid(tmp_path):
    root = WRITERS['coco-relations'](tmp_path)
    expected = read('coco-relations', root).splits.tolist()
    (root / 'val').rename(root / 'valid')
    assert read('coco-relations', root).splits.tolist() == expected


def test_one_coco_file_alone_is_for_training(tmp_path):
    root = WRITERS['coco-relations'](tmp_path)
    found = read('coco-relations', root / 'test/_annotations.coco.json')
    assert (found.image_ids.tolist(), found.splits.tolist()) == ([7], [0])


def test_gqa_leaves_out_the_test_item_that_the_reference_leaves_out(tmp_path):
    root = WRITERS['gqa-200'](tmp_path)
    content = json.loads((root / 'GQA_200_Test.json').read_text())
    for key, values in content.items():
        content[key] = values * 5582
    content['filenames_all'] = [f'{number}.jpg' for number in range(100, 5682)]
    dump(root / 'GQA_200_Test.json', content)
    found = read('gqa-200', root)
    test_ids = found.image_ids[found.splits == 2].tolist()
    assert test_ids == [i for i in range(100, 5682) if i != 5680]


def test_boxes_of_vrd_outside_their_image_are_clipped_and_reported(tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmsgp.datasets.formats.common.print_log', lambda message, **_: messages.append(message)
    )
    root = WRITERS['vrd'](tmp_path)
    edit(root / 'annotations_train.json', '21.jpg/0/subject/bbox', [2, 60, 1, 30])
    annotations = read('vrd', root)
    (row,) = np.flatnonzero(annotations.image_ids == 21)
    assert annotations.image(row)['boxes'][0].tolist() == [1, 2, 30, 48]
    assert '1 of 11 boxes leave their images' in messages[0]
