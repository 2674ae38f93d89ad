from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmsgp.apis.image_inputs import ImageSource


@pytest.fixture
def folder(tmp_path):
    """Three images of different grey, out of order, and a text file."""
    for name, value in (('b.png', 20), ('a.jpg', 10), ('c.BMP', 30)):
        Image.new('RGB', (8, 6), (value, value, value)).save(tmp_path / name)
    (tmp_path / 'notes.txt').write_text('no image')
    return tmp_path


def greys(source):
    return [int(image['img'].mean()) for image in source]


def write_video(path, num_frames):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 10, (64, 48))
    assert writer.isOpened()
    for index in range(num_frames):
        writer.write(np.full((48, 64, 3), 40 * index, np.uint8))
    writer.release()


def test_a_folder_gives_its_images_by_name(folder):
    source = ImageSource(folder)
    assert greys(source) == [10, 20, 30]
    assert [image['name'] for image in source] == ['a', 'b', 'c']
    assert source.total == 3 and not source.is_single


def test_a_video_gives_its_frames(tmp_path):
    write_video(tmp_path / 'clip.mp4', 5)
    source = ImageSource(str(tmp_path / 'clip.mp4'))
    images = list(source)
    assert source.total == len(images) == 5
    assert images[3]['name'] == 'clip_000003' and images[3]['ori_shape'] == (48, 64)
    np.testing.assert_allclose(greys(images), [0, 40, 80, 120, 160], atol=3)


def test_lists_mix_files_arrays_and_folders(folder):
    array = np.full((6, 8, 3), 99, np.uint8)
    source = ImageSource([folder / 'c.BMP', array, str(folder)])
    assert greys(source) == [30, 99, 10, 20, 30]
    assert source.total == 5


def test_images_of_the_same_name_get_different_names(folder):
    source = ImageSource([folder / 'a.jpg', folder / 'a.jpg', folder / 'b.png'])
    assert [image['name'] for image in source] == ['a', 'a_2', 'b']


def test_a_new_name_differs_from_those_of_other_images(tmp_path):
    for name in ('a.jpg', 'a.png', 'a_2.jpg', 'a_3.jpg'):
        Image.new('RGB', (8, 6)).save(tmp_path / name)
    names = [image['name'] for image in ImageSource([tmp_path, tmp_path / 'a.jpg'])]
    assert names[:2] == ['a', 'a_2'] and len(set(names)) == 5


def test_one_image_is_single(folder):
    assert ImageSource(folder / 'a.jpg').is_single
    assert ImageSource(np.zeros((4, 4, 3), np.uint8)).is_single
    assert not ImageSource([folder / 'a.jpg']).is_single
    assert ImageSource(folder / 'none.jpg').is_single


def test_an_image_is_rotated_by_its_exif_data(tmp_path):
    image = Image.new('RGB', (8, 4))
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was rotated by 90 degrees
    image.save(tmp_path / 'portrait.jpg', exif=exif)
    (item,) = ImageSource(tmp_path / 'portrait.jpg')
    assert item['ori_shape'] == (8, 4)


def test_an_array_is_taken_as_it_is():
    array = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    (item,) = ImageSource(array)
    np.testing.assert_array_equal(item['img'], array)
    assert item['img_path'] is None


def test_a_missing_or_damaged_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.jpg'):
        list(ImageSource(tmp_path / 'nothing.jpg'))
    with pytest.raises(ValueError, match=f'{tmp_path} .*\\.jpg'):
        list(ImageSource(tmp_path))
    for name in ('broken.jpg', 'empty.png'):
        (tmp_path / name).write_text('no image' * (name != 'empty.png'))
        with pytest.raises(ValueError, match=f'{name} .*damaged'):
            list(ImageSource(tmp_path / name))
    (tmp_path / 'broken.mp4').write_text('no video')
    with pytest.raises(ValueError, match='broken.mp4 .*damaged'):
        list(ImageSource(tmp_path / 'broken.mp4'))


@pytest.mark.parametrize(
    'array',
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_anything_but_a_colour_image_is_refused(array):
    with pytest.raises(ValueError, match=r'BGR.*\(H, W, 3\)'):
        list(ImageSource(array))


@pytest.mark.parametrize('wrong', [3, [3], [None]])
def test_anything_but_paths_and_arrays_is_refused(wrong):
    with pytest.raises(TypeError, match='path.*array'):
        ImageSource(wrong)


def test_paths_may_be_given_by_a_generator(folder):
    source = ImageSource(path for path in (folder / 'a.jpg', Path(folder)))
    assert source.total is None
    assert greys(source) == [10, 10, 20, 30]


@pytest.mark.parametrize('given', [list, iter, lambda inputs: map(Path, inputs)])
def test_images_after_one_that_cannot_be_read_are_read(folder, given):
    for path in (folder / 'empty', folder / 'sub'):
        path.mkdir()
    (folder / 'broken.mp4').write_text('no video')
    (folder / 'broken.jpg').write_text('no image')
    bad = ['none.jpg', 'empty', 'broken.mp4', 'broken.jpg', 'none.mp4']
    source = ImageSource(given([folder / name for name in [*bad, 'a.jpg', *bad, 'b.png']]))
    assert source.total in (12, None)
    values, errors, images = [], [], iter(source)
    for _ in range(12):
        try:
            values.append(int(next(images)['img'].mean()))
        except (OSError, ValueError) as error:
            errors.append(str(error))
    assert values == [10, 20] and next(images, None) is None
    for name, message in zip(2 * bad, errors, strict=True):
        assert str(folder / name) in message


def test_an_iterable_may_fail_for_one_of_its_items(folder):
    def path(name):
        if name is None:
            raise OSError('gone')
        return folder / name

    images = iter(ImageSource(map(path, ['a.jpg', None, 'b.png'])))
    assert next(images)['name'] == 'a'
    with pytest.raises(OSError, match='gone'):
        next(images)
    assert next(images)['name'] == 'b'


def test_an_image_or_video_of_too_many_pixels_is_not_read(folder):
    write_video(folder / 'clip.mp4', 2)
    images = iter(ImageSource([folder / 'clip.mp4', folder / 'a.jpg'], max_pixels=48))
    with pytest.raises(ValueError, match='clip.mp4 has 64 x 48 pixels'):
        next(images)
    assert next(images)['name'] == 'a'
    with pytest.raises(ValueError, match='a.jpg has 8 x 6 pixels'):
        list(ImageSource(folder / 'a.jpg', max_pixels=47))


@pytest.mark.parametrize('path', ['/' + 5000 * 'a', 'a\0.jpg', '/proc/self/mem'])
def test_an_invalid_path_is_an_error_of_its_image(folder, path):
    images = iter(ImageSource([path, folder / 'a.jpg']))
    with pytest.raises((OSError, ValueError)) as caught:
        next(images)
    assert path in str(caught.value)
    assert next(images)['name'] == 'a'
