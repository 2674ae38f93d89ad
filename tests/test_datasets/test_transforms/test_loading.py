import collections

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import LoadImageFromFile
from mmdet.structures.bbox import HorizontalBoxes
from PIL import Image

from mmsgp.apis.image_inputs import ImageSource
from mmsgp.datasets import LoadImage, LoadRelations
from mmsgp.testing import make_vg_data


@pytest.fixture
def image_file(tmp_path):
    path = tmp_path / '5.jpg'
    cv2.imwrite(str(path), np.full((20, 30, 3), 128, np.uint8))
    return path


def load(path, **annotated):
    return LoadImage()(dict(img_path=str(path), img_id=5, **annotated))


def test_image_is_loaded_as_annotated(image_file):
    results = load(image_file, width=30, height=20)
    assert results['img'].shape == (20, 30, 3)
    assert results['img_shape'] == results['ori_shape'] == (20, 30)


def test_image_without_annotated_size_is_loaded(image_file):
    assert load(image_file)['img_shape'] == (20, 30)


def test_grey_image_gets_three_channels(image_file):
    cv2.imwrite(str(image_file), np.full((20, 30), 77, np.uint8))
    image = load(image_file)['img']
    assert image.shape == (20, 30, 3)
    assert (image[..., 0] == image[..., 2]).all()


@pytest.fixture
def turned_file(tmp_path):
    """A photo of 30 x 20 pixels, to be shown upright: turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.kron(np.arange(6).reshape(2, 3) * 40, np.ones((10, 10))).astype(np.uint8)
    Image.fromarray(pixels).convert('RGB').save(tmp_path / '6.jpg', exif=exif, quality=100)
    return tmp_path / '6.jpg', pixels


def test_an_image_is_turned_upright_as_it_is_when_it_is_parsed(turned_file):
    path, pixels = turned_file
    (parsed,) = ImageSource(str(path))
    for annotated in (dict(width=20, height=30), {}):
        image = load(path, **annotated)['img']
        np.testing.assert_array_equal(image, parsed['img'])
        np.testing.assert_array_equal(image, LoadImageFromFile()(dict(img_path=str(path)))['img'])
        np.testing.assert_allclose(image[..., 0], np.rot90(pixels, -1), atol=3)


def test_boxes_on_the_pixels_as_they_lie_stay_on_them(turned_file):
    """The annotated size says where they are."""
    path, pixels = turned_file
    image = load(path, width=30, height=20)
    assert image['ori_shape'] == (20, 30)
    np.testing.assert_allclose(image['img'][..., 0], pixels, atol=3)
    with pytest.raises(ValueError, match='6.jpg is 20 x 30 pixels, but annotated as 31 x 20'):
        load(path, width=31, height=20)
    lying = LoadImage(color_type='color_ignore_orientation')(dict(img_path=str(path)))
    np.testing.assert_array_equal(lying['img'], image['img'])


def test_missing_image_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'image 5 .*5\.jpg'):
        load(tmp_path / '5.jpg')


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('content', [b'', b'no image at all'])
def test_unreadable_image_is_named(image_file, content, backend):
    image_file.write_bytes(content)
    with pytest.raises(ValueError, match=r'5\.jpg .*damaged'):
        LoadImage(imdecode_backend=backend)(dict(img_path=str(image_file)))


def test_half_an_image_is_not_taken_for_one(image_file):
    content = image_file.read_bytes()
    image_file.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r'5\.jpg .*damaged'):
        load(image_file)


def test_image_of_too_many_pixels_is_named_and_not_decoded(image_file, monkeypatch):
    monkeypatch.setattr(cv2, 'imdecode', None)
    with pytest.raises(ValueError, match=r'5\.jpg has 30 x 20 pixels.*max_pixels'):
        LoadImage(max_pixels=599)(dict(img_path=str(image_file)))


def test_images_that_cannot_be_loaded_may_be_left_out(image_file):
    load_or_skip = LoadImage(ignore_empty=True, to_float32=True, max_pixels=600)
    assert load_or_skip(dict(img_path=str(image_file)))['img'].dtype == np.float32
    image_file.write_bytes(b'no image')
    assert load_or_skip(dict(img_path=str(image_file))) is None
    image_file.unlink()
    assert load_or_skip(dict(img_path=str(image_file))) is None


def test_image_of_another_size_is_named_with_both_sizes(image_file):
    with pytest.raises(ValueError, match=r'5\.jpg is 30 x 20 pixels, but .* 60 x 40'):
        load(image_file, width=60, height=40)


def test_all_relations_are_loaded_as_annotated():
    relations = [[0, 1, 3], [0, 1, 2], [1, 0, 2], [0, 1, 3]]
    results = LoadRelations()(dict(relations=np.array(relations)))
    np.testing.assert_array_equal(
        np.column_stack([results['gt_relation_pairs'], results['gt_relation_labels']]), relations
    )


def test_duplicates_are_drawn_at_random_each_time():
    relations = np.array([[0, 1, 3], [0, 1, 2], [1, 0, 2], [0, 1, 3]])
    transform = LoadRelations(sample_duplicates=True)
    drawn = collections.Counter()
    for _ in range(600):
        results = transform(dict(relations=relations))
        assert results['gt_relation_pairs'].tolist() == [[0, 1], [1, 0]]
        first, second = results['gt_relation_labels'].tolist()
        assert second == 2
        drawn[first] += 1
    assert set(drawn) == {2, 3}
    assert drawn[3] / 600 == pytest.approx(2 / 3, abs=0.1)


@pytest.mark.parametrize(
    'transform',
    [
        LoadRelations(),
        LoadRelations(sample_duplicates=True),
    ],
)
def test_no_relations_load_as_empty_arrays(transform):
    results = transform(dict(relations=[]))
    assert results['gt_relation_pairs'].shape == (0, 2)
    assert results['gt_relation_labels'].shape == (0,)


def test_relations_of_distant_boxes_are_left_out_for_refinement():
    boxes = HorizontalBoxes(torch.tensor([[0.0, 0, 9, 9], [5, 5, 12, 12], [9, 0, 12, 4]]))
    relations = np.array([[0, 1, 1], [0, 2, 2], [2, 1, 3], [1, 0, 4]])
    transform = LoadRelations(overlapping_only=True)
    results = transform(dict(relations=relations, gt_bboxes=boxes))
    assert results['gt_relation_pairs'].tolist() == [[0, 1], [1, 0]]
    assert results['gt_relation_labels'].tolist() == [1, 4]
    assert transform(dict(relations=relations[1:3], gt_bboxes=boxes)) is None


def test_image_without_overlapping_relations_is_replaced_in_training(tmp_path):
    data = make_vg_data(tmp_path, num_train=3)
    apart = np.array([[0, 0, 9, 9], [20, 20, 30, 30]])
    together = np.array([[0, 0, 9, 9], [5, 5, 30, 30]])
    data.boxes[1:3] = apart, together
    data.labels[1:3] = [0, 1], [2, 3]
    data.relations[1:3] = [[0, 1, 1]], [[0, 1, 2]]
    dataset = data.write().dataset(
        pipeline=[
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='LoadRelations', overlapping_only=True),
        ]
    )
    assert [dataset[i]['img_id'] for i in (0, 1)] == [3, 3]


def test_unseen_marks_stay_with_their_relations():
    boxes = HorizontalBoxes(torch.tensor([[0.0, 0, 9, 9], [5, 5, 12, 12], [9, 0, 12, 4]]))
    relations = np.array([[0, 2, 2], [0, 1, 1], [1, 0, 4]])
    results = dict(
        relations=relations, gt_bboxes=boxes, relations_unseen=np.array([False, True, False])
    )
    for transform, kept in (
        (LoadRelations(), [0, 1, 2]),
        (LoadRelations(overlapping_only=True), [1, 2]),
    ):
        loaded = transform(dict(results))
        assert loaded['gt_relation_labels'].tolist() == relations[kept, 2].tolist()
        assert loaded['gt_relation_unseen'].tolist() == results['relations_unseen'][kept].tolist()
