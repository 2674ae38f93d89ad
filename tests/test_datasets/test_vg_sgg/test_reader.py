import json

import h5py
import numpy as np
import pytest


def edit_h5(data, key, change):
    """Replace an array of the h5 by what ``change`` makes of it."""
    with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
        array = file[key][:]
        del file[key]
        file[key] = change(array)


def edit_json(data, name, change):
    path = data.root / name
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def put(index, value):
    """A change that sets one element."""

    def change(array):
        array[index] = value
        return array

    return change


def test_centre_boxes_become_corners_in_original_pixels(data):
    expected = [data.boxes[i] for i, image in enumerate(data.images) if image['split'] == 'test']
    for item, boxes in zip(data.dataset(split='test').data_list, expected, strict=True):
        np.testing.assert_allclose([o['bbox'] for o in item['instances']], boxes, atol=1e-3)


@pytest.mark.parametrize('key', ['boxes_1024', 'boxes_512'])
def test_integer_boxes_as_published_are_read_within_a_pixel(data, key):
    edit_h5(data, key, lambda boxes: np.round(boxes).astype(np.int32))
    if key == 'boxes_512':
        with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
            del file['boxes_1024']
    boxes = data.dataset(split='test').data_list.boxes
    np.testing.assert_allclose(boxes, np.concatenate(data.boxes[-2:]), atol=1)


def test_corners_may_be_cut_to_whole_pixels_as_the_reference_does(data):
    """Its arithmetic, on arrays of whole numbers."""
    with h5py.File(data.root / 'VG-SGG.h5', 'a') as file:
        boxes = np.round(file['boxes_1024'][:]).astype(np.int32)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
        low = boxes[:, :2] - boxes[:, 2:] // 2
        boxes[:, :2] += np.maximum(0, -low)  # stays within the image
        for key in ('boxes_1024', 'boxes_512'):
            del file[key]
        file['boxes_1024'] = boxes
    expected = boxes.copy()
    expected[:, :2] = expected[:, :2] - expected[:, 2:] / 2
    expected[:, 2:] = expected[:, :2] + expected[:, 2:]
    assert (boxes[:, 2:] % 2).any()
    own = data.dataset(split='test', integer_corners=True)
    others = data.dataset(split='test')
    sizes = [len(b) for b in data.boxes]
    start = sum(sizes[: -len(own)])
    differ = False
    for item, other in zip(own, others):
        scale = max(item['height'], item['width']) / 1024
        rows = expected[start : start + len(item['instances'])]
        start += len(rows)
        got = np.array([i['bbox'] for i in item['instances']])
        np.testing.assert_allclose(got, rows * scale, atol=1e-3)
        usual = np.array([i['bbox'] for i in other['instances']])
        assert np.abs(got - usual).max() <= scale / 2 + 1e-3
        differ |= not np.allclose(got, usual, atol=1e-3)
    assert differ


def test_cutting_corners_that_are_no_whole_pixels_is_refused(data):
    with pytest.raises(ValueError, match='VG-SGG.h5: row .* of boxes_1024 is .*integer_corners'):
        data.dataset(integer_corners=True)


def test_whole_pixels_stay_whole(data):
    data.boxes = [np.round(boxes) for boxes in data.boxes]
    boxes = data.write().dataset(split='test').data_list.boxes
    np.testing.assert_array_equal(boxes, np.concatenate(data.boxes[-2:]))


def test_box_without_area_is_widened_to_a_pixel(data):
    data.boxes[-1][0] = [10, 5, 10, 25]
    item = data.write().dataset(split='test').data_list[-1]
    assert item['instances'][0]['bbox'] == [9.5, 5, 10.5, 25]


def test_relation_of_an_object_with_itself_stays_as_annotated(data):
    relations = np.concatenate([[[1, 1, 1]], data.relations[-1]])
    data.relations[-1] = relations
    item = data.write().dataset(split='test').data_list[-1]
    np.testing.assert_array_equal(item['relations'], relations)


def test_keys_of_other_variants_are_tolerated(data):
    expected = list(data.dataset(split='test').data_list)
    with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
        file['attributes'] = np.zeros((3, 10))
    edit_h5(data, 'labels', np.ravel)  # flat, without the unit axis
    np.testing.assert_equal(list(data.dataset(split='test').data_list), expected)


def test_broken_images_without_a_row_are_dropped(data):
    broken = [dict(image_id=i, width=800, height=600) for i in (1592, 1722, 4616)]
    expected = list(data.dataset(split='test').data_list)
    edit_json(data, 'image_data.json', lambda images: images[:3] + broken + images[3:])
    np.testing.assert_equal(list(data.dataset(split='test').data_list), expected)


def test_id_of_a_broken_image_may_have_a_row(data):
    data.images[-1]['image_id'] = 1592
    assert data.write().dataset(split='test').data_list[-1]['img_id'] == 1592


def test_code_1_is_validation_and_num_val_images_has_no_effect(data):
    edit_h5(data, 'split', lambda split: np.where(np.arange(8) % 4 == 2, 1, split))
    ids = {s: data.dataset(split=s).data_list.image_ids.tolist() for s in ('train', 'val', 'test')}
    assert ids == dict(train=[1, 2, 4, 5, 6], val=[3, 7], test=[8])


def test_the_codes_of_indoorvg_have_another_key(data):
    with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
        file.move('split', 'split_rel')
    assert data.dataset(split='test').data_list.image_ids.tolist() == [7, 8]
    with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
        file['split'] = np.zeros(8, int)
    with pytest.raises(ValueError, match="both split and split_rel.*split_key='split'"):
        data.dataset(split='test')
    chosen = data.dataset(split='test', split_key='split_rel')
    assert chosen.data_list.image_ids.tolist() == [7, 8]


def test_ids_may_be_text(data):
    edit_json(data, 'image_data.json', lambda a: [dict(i, image_id=f'{i["image_id"]}') for i in a])
    assert data.dataset(split='test').data_list.image_ids.tolist() == [7, 8]
    edit_json(data, 'image_data.json', lambda a: [*a[:-1], dict(a[-1], image_id='x 8')])
    item = data.dataset(split='test').get_data_info(1)
    assert item['img_id'] == 'x 8'
    assert item['img_path'].endswith('images/x 8.jpg')


def test_file_names_have_any_suffix_and_folder(data):
    names = ['0007.png', 'sub/folder/é 8.webp']
    for image, name in zip(data.images[-2:], names):
        image['file_name'] = name
    dataset = data.write().dataset(split='test')
    paths = [dataset.get_data_info(index)['img_path'] for index in (0, 1)]
    assert paths == [f'{data.root}/images/{name}' for name in names]
    other = data.dataset().get_data_info(0)
    assert other['img_path'] == f'{data.root}/images/2.jpg'


def test_the_file_name_of_an_original_is_not_that_of_a_rendered_image(data):
    data.images[-1].update(file_name='a.png', original_width=640)
    assert data.write().dataset(split='test').get_data_info(1)['img_path'].endswith('/8.jpg')


def test_exact_boxes_are_read_to_the_last_bit(data):
    data.boxes = [boxes + 1 / 3 for boxes in data.boxes]
    data.write(exact_boxes=True)
    boxes = data.dataset().load_annotations().boxes
    np.testing.assert_array_equal(boxes, np.concatenate(data.boxes))
    edit_h5(data, 'boxes_xyxy', put((5, 0), 0))
    with pytest.raises(ValueError, match=r'the box \[0.0, .* of boxes_xyxy is'):
        data.dataset()


def test_an_exact_box_without_area_is_widened_like_others(data):
    data.boxes[-1][0] = [10, 5, 10, 25]
    data.write(exact_boxes=True)
    item = data.dataset(split='test').data_list[-1]
    assert item['instances'][0]['bbox'] == [9.5, 5, 10.5, 25]


@pytest.mark.parametrize(
    'key',
    [
        'split',
        'img_to_first_box',
        'img_to_last_box',
        'img_to_first_rel',
        'img_to_last_rel',
        'labels',
        'relationships',
        'predicates',
    ],
)
def test_missing_key_is_named(data, key):
    with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
        del file[key]
    with pytest.raises(ValueError, match=rf"VG-SGG.h5 has no key '{key}'"):
        data.dataset()


def test_missing_boxes_are_named(data):
    with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
        del file['boxes_1024'], file['boxes_512']
    with pytest.raises(ValueError, match="has no key 'boxes_1024'"):
        data.dataset()


@pytest.mark.parametrize(
    'key, change, message',
    [
        ('labels', put(2, 6), r'row 2 of labels is 6, but .* names 1 \.\. 5'),
        ('labels', put(0, 0), 'row 0 of labels is 0'),
        ('predicates', put(3, 5), r'row 3 of predicates is 5, but .* names 1 \.\. 4'),
        ('predicates', put(0, 0), 'row 0 of predicates is 0'),
        ('predicates', lambda a: a[:-1], 'predicates has .* but relationships'),
        ('relationships', put((0, 1), 10_000), 'image 1 has .* out of range'),
        ('relationships', put((0, 0), -1), 'image 1 has .* out of range'),
        ('relationships', lambda a: a[:, :1], r'must have the shape \(rows, 2\)'),
        ('img_to_last_box', put(-1, 10_000), 'row 7 .* img_to_last_box 10000'),
        ('img_to_first_box', put(3, 10_000), 'expected 0 <= first <= last'),
        ('img_to_last_rel', put(1, -1), 'row 1 .* img_to_last_rel -1'),
        ('img_to_first_rel', lambda a: a[:-1], 'has 7 rows, but split has 8'),
        ('boxes_1024', put((4, 2), -3), 'row 4 is .* in boxes_1024, but'),
        ('boxes_1024', put((4, 0), np.nan), 'row 4 of boxes_1024 is .nan'),
        ('boxes_1024', lambda a: a[:-1], 'boxes_1024 has .* but labels has'),
    ],
)
def test_impossible_number_is_named(data, key, change, message):
    edit_h5(data, key, change)
    with pytest.raises(ValueError, match=message):
        data.dataset()


def test_relation_between_images_is_an_error(data):
    other_image = len(data.boxes[0])
    edit_h5(data, 'relationships', put((0, 0), other_image))
    with pytest.raises(ValueError, match=r'image \d+ has \d+ boxes, .*relationships'):
        data.dataset()


def test_boxes_shifted_by_a_unit_are_noticed_at_the_border(data):
    image = data.images[-1]
    data.boxes[-1][0] = [0, 0, image['width'], image['height']]
    data.write()
    with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
        del file['boxes_512']
    edit_h5(data, 'boxes_1024', np.round)
    data.dataset()
    edit_h5(data, 'boxes_1024', lambda boxes: boxes + np.int32([1, 0, 0, 0]))
    with pytest.raises(ValueError, match='of boxes_1024 is .* within 0 and 1024'):
        data.dataset()


def test_boxes_of_two_scales_must_be_the_same(data):
    edit_h5(data, 'boxes_512', lambda boxes: boxes + np.float32([0.5, 0, 0, 0]))
    with pytest.raises(ValueError, match='row 0 is .* in boxes_1024, but .* boxes_512'):
        data.dataset()


def test_sizes_of_other_data_are_noticed(data):
    edit_json(
        data,
        'image_data.json',
        lambda images: [
            dict(image, width=image['height'], height=image['width']) for image in images
        ],
    )
    with pytest.raises(ValueError, match=r'VG-SGG\.h5: \d+ of 34 boxes .* row'):
        data.dataset()


def test_a_box_beyond_the_shorter_side_is_reported_and_read(data, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmsgp.datasets.vg_sgg.checks.print_log', lambda message, **_: messages.append(message)
    )
    with h5py.File(data.root / 'VG-SGG.h5', 'r+') as file:
        for scale in (1024, 512):
            file[f'boxes_{scale}'][0] = np.array([0.5, 0.5, 0.2, 1]) * scale
    assert len(data.dataset()) == 5
    assert messages and all(
        '1 of 34 boxes' in message and 'row 0' in message for message in messages
    )


def test_rows_of_two_images_are_an_error(data):
    edit_h5(data, 'img_to_last_box', lambda last: last + (np.arange(8) == 2))
    with pytest.raises(ValueError, match='rows 2 and 3 of img_to_first_box .* overlap'):
        data.dataset()


def test_a_split_code_without_a_meaning_is_listed(data):
    edit_h5(data, 'split', put(2, 3))
    with pytest.raises(ValueError, match=r'codes 0 \(5 .*, 2 \(2 .*, 3 \(1 .*split_ids'):
        data.dataset()


@pytest.mark.parametrize(
    'key, value',
    [
        ('image_id', 10**19),
        ('image_id', 10**30),
        ('width', 10**19),
        ('height', True),
        ('image_id', -1),
        ('width', '64'),
        ('height', 48.0),
        ('image_id', None),
    ],
)
def test_an_impossible_id_or_size_is_named(data, key, value):
    edit_json(
        data,
        'image_data.json',
        lambda images: [*images[:3], dict(images[3], **{key: value}), *images[4:]],
    )
    with pytest.raises(ValueError, match=f'image_data.json: image 3 .* the {key}'):
        data.dataset()


def test_an_image_listed_twice_is_named(data):
    edit_json(data, 'image_data.json', lambda images: [images[0], *images[:-1]])
    with pytest.raises(ValueError, match='image_data.json lists the image 1 twice'):
        data.dataset()


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda a: a[:-1], 'lists 7 images, but .* has 8 rows'),
        (lambda a: a + a[:1], 'lists 9 images, but .* has 8 rows'),
        (lambda a: [dict(image_id=1, width=4)] * 8, "no 'height'"),
        (
            lambda a: [dict(a[0], image_id=' ')] + a[1:],
            "the image_id ' ', expected a whole number of 0 to .* or a text",
        ),
        (lambda a: [dict(a[0], width=0)] + a[1:], 'image_id 1. has the width 0'),
        (lambda a: dict(images=a), 'must hold a list'),
        (lambda a: [dict(a[0], file_name=5)] + a[1:], 'image_id 1. has the file_name 5'),
        (lambda a: [dict(a[0], image_id='2')] + a[1:], 'lists the image 2 twice'),
    ],
)
def test_wrong_image_data_is_explained(data, change, message):
    edit_json(data, 'image_data.json', change)
    with pytest.raises(ValueError, match=message):
        data.dataset()


def without(key):
    return lambda dicts: {k: v for k, v in dicts.items() if k != key}


def renamed(key, **names):
    return lambda dicts: {**dicts, key: {**dicts[key], **names}}


@pytest.mark.parametrize(
    'change, message',
    [
        (without('idx_to_label'), "no key 'idx_to_label'"),
        (without('predicate_to_idx'), "no key 'predicate_to_idx'"),
        (renamed('idx_to_label', **{'7': 'seventh'}), "'6' is missing"),
        (
            renamed('idx_to_label', **{'1': 'other'}),
            "not each other's inverse; they differ in .*'class 0', 1",
        ),
        (renamed('idx_to_label', **{'6': 'class 0'}), "not each other's inverse"),
        (lambda dicts: [dicts], 'must hold an object'),
        (lambda dicts: None, 'must hold an object'),
        (lambda dicts: {**dicts, 'idx_to_label': None}, 'idx_to_label must'),
        (lambda dicts: {**dicts, 'label_to_idx': []}, 'label_to_idx must'),
        (renamed('idx_to_label', **{'2': ['dog']}), "idx_to_label .*'2'"),
        (renamed('idx_to_label', **{'2': 'a\nb'}), "idx_to_label .*'2'"),
        (renamed('label_to_idx', **{'class 0': True}), "True at 'class 0'"),
    ],
)
def test_contradicting_dicts_are_explained(data, change, message):
    edit_json(data, 'VG-SGG-dicts.json', change)
    with pytest.raises(ValueError, match=message):
        data.dataset()


def test_dicts_of_other_data_are_noticed(data):

    def keep_two(dicts):
        dicts['label_to_idx'] = {'class 0': 1, 'class 1': 2}
        dicts['idx_to_label'] = {'1': 'class 0', '2': 'class 1'}
        return dicts

    edit_json(data, 'VG-SGG-dicts.json', keep_two)
    with pytest.raises(ValueError, match=r'row \d+ of labels is [3-9], .* 1 \.\. 2'):
        data.dataset()


@pytest.mark.parametrize('name', ['VG-SGG.h5', 'VG-SGG-dicts.json', 'image_data.json'])
def test_missing_file_is_named(data, name):
    (data.root / name).unlink()
    with pytest.raises(FileNotFoundError, match=f'{name} does not exist'):
        data.dataset()


@pytest.mark.parametrize(
    'name, message',
    [
        ('VG-SGG.h5', 'is not an HDF5 file'),
        ('VG-SGG-dicts.json', 'is not valid JSON'),
        ('image_data.json', 'is not valid JSON'),
    ],
)
def test_damaged_file_is_named(data, name, message):
    path = data.root / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f'{name} {message}'):
        data.dataset()
