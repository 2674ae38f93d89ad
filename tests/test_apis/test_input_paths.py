"""What a user's paths stand for."""

from pathlib import Path

import pytest
from PIL import Image

from mmsgp.apis.image_inputs import ImageSource
from mmsgp.apis.input_paths import find_files


@pytest.fixture
def folder(tmp_path):
    names = ['b.JPG', 'a.gif', 'sub/deep/c.avif', 'sub/a.webp', '.hidden/d.png', '.e.png']
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (8, 6)).save(path)
    return tmp_path


def test_sub_folders_are_searched_and_name_the_outputs(folder):
    files = find_files(folder)
    assert [file.name for file in files] == ['a', 'b', 'sub/a', 'sub/deep/c']
    assert [image['ori_shape'] for image in ImageSource(folder)] == [(6, 8)] * 4


def test_a_folder_of_outputs_is_left_out(folder):
    names = [file.name for file in find_files(folder, [folder / 'sub' / 'deep', folder / 'none'])]
    assert names == ['a', 'b', 'sub/a']


def test_what_is_no_image_is_counted_and_named(folder, capfd):
    for name in ('notes.txt', 'more.txt', 'sub/clip.MPG', 'README', '.DS_Store'):
        (folder / name).write_text('')
    assert len(find_files(folder)) == 4
    printed = ''.join(capfd.readouterr())
    assert '4 of 8 files are no images and are left out' in printed
    assert '2 .txt (e.g. more.txt)' in printed and '1 without suffix (README)' in printed
    assert '1 .mpg (clip.MPG: give videos by name)' in printed


def test_a_folder_of_images_only_says_nothing(folder, capfd):
    find_files(folder)
    assert 'left out' not in ''.join(capfd.readouterr())


def test_a_folder_without_images_says_what_it_has(tmp_path):
    (tmp_path / 'clip.mov').write_text('')
    with pytest.raises(ValueError, match=r'no images; .*\.heic.* It has 1 .mov \(clip.mov: give'):
        find_files(tmp_path)


@pytest.mark.parametrize('kind', [str, Path])
def test_an_address_is_refused_in_words(kind):
    with pytest.raises(ValueError, match='https:.*cat.jpg is an address: download'):
        find_files(kind('https://example.org/cat.jpg'))


def test_a_video_of_any_suffix_is_named_as_a_video(tmp_path):
    (tmp_path / 'clip.MPG').write_text('no video')
    with pytest.raises(ValueError, match='clip.MPG is empty, damaged or not a video'):
        list(ImageSource(tmp_path / 'clip.MPG'))


def test_an_image_that_is_finished_is_not_read(folder):
    (folder / 'b.JPG').write_text('damaged')
    seen = []
    images = list(
        ImageSource(folder, is_finished=lambda image: seen.append(image) or image['name'] == 'b')
    )
    assert [image.get('finished', False) for image in images] == [False, True, False, False]
    assert images[1]['img_path'] == str(folder / 'b.JPG')
    assert [image['name'] for image in seen] == ['a', 'b', 'sub/a', 'sub/deep/c']
