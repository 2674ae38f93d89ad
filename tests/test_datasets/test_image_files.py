"""Images are refused by their headers, before they are decoded."""

import io
import struct
import sys
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile, PngImagePlugin

from helpers.mutations import claim_size, special_paths
from mmsgp.datasets.image_files import check_image, read_image

KINDS = {
    'png': 'PNG',
    'jpg': 'JPEG',
    'bmp': 'BMP',
    'gif': 'GIF',
    'tif': 'TIFF',
    'webp': 'WEBP',
    'ppm': 'PPM',
    'jp2': 'JPEG2000',
    'avif': 'AVIF',
}
SIZE = (61, 47)


def write(folder, suffix, size=SIZE, **options):
    path = folder / f'image.{suffix}'
    Image.new('RGB', size, (10, 20, 30)).save(path, KINDS[suffix], **options)
    return path


@pytest.fixture
def no_decoding(monkeypatch):
    def refuse(*_):
        raise AssertionError('decoded')

    monkeypatch.setattr(cv2, 'imdecode', refuse)


@pytest.mark.parametrize('suffix', KINDS)
def test_an_image_within_the_limit_is_read(tmp_path, suffix):
    path = write(tmp_path, suffix)
    image = read_image(path, max_pixels=61 * 47)
    assert image.shape == (47, 61, 3)
    np.testing.assert_allclose(image.mean(axis=(0, 1)), (30, 20, 10), atol=3)


@pytest.mark.parametrize('suffix', KINDS)
def test_a_larger_image_is_refused_with_its_size_before_decoding(tmp_path, suffix, no_decoding):
    path = write(tmp_path, suffix)
    with pytest.raises(ValueError, match=rf'{suffix} has 61 x 47 pixels, .*max_pixels'):
        read_image(path, max_pixels=61 * 47 - 1)


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'bmp', 'gif', 'ppm'])
def test_a_bomb_is_refused_by_the_default(tmp_path, suffix, no_decoding):
    """Also images that Pillow itself calls a bomb."""
    path = write(tmp_path, suffix)
    path.write_bytes(claim_size(path.read_bytes(), SIZE, (30000, 29999)))
    with pytest.raises(ValueError, match='has 30000 x 29999 pixels'):
        read_image(path)


def test_a_limit_may_be_above_pillows_own(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    assert read_image(write(tmp_path, 'png'), max_pixels=3000).shape == (47, 61, 3)


def test_a_size_given_twice_is_refused(tmp_path, no_decoding):
    """Pillow reads the last one, and libtiff the first."""
    path = write(tmp_path, 'tif')
    content = path.read_bytes()
    (start,) = struct.unpack('<I', content[4:8])
    (number,) = struct.unpack('<H', content[start : start + 2])
    entries = content[start + 2 : start + 2 + 12 * number]
    path.write_bytes(
        content[:4]
        + struct.pack('<I', len(content))
        + content[8:]
        + struct.pack('<H', number + 1)
        + entries[:12]
        + struct.pack('<HHII', 256, 4, 1, 5)
        + entries[12:]
        + bytes(4)
    )
    assert Image.open(path).size == (5, 47)
    with pytest.raises(ValueError, match=r'image\.tif .*twice'):
        read_image(path)


def test_a_text_that_unpacks_to_much_is_named(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text('comment', 'x' * 2**21, zip=True)
    path = write(tmp_path, 'png', pnginfo=text)
    with pytest.raises(ValueError, match=r'image\.png .*too large'):
        read_image(path)


def test_the_first_frame_of_an_animation_is_read(tmp_path):
    frames = [Image.new('L', SIZE, value % 256) for value in range(300)]
    for suffix in ('gif', 'webp', 'png'):
        path = tmp_path / f'film.{suffix}'
        Image.new('L', SIZE, 200).save(path, save_all=True, append_images=frames)
        np.testing.assert_allclose(read_image(path).mean(), 200, atol=3)


def test_a_file_too_large_for_its_limit_is_not_read(tmp_path):
    path = write(tmp_path, 'png')
    with path.open('r+b') as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=r'image\.png has 1048576 MiB'):
        read_image(path)


def test_special_files_are_named_and_not_read(tmp_path):
    for path in special_paths(tmp_path):
        with pytest.raises((OSError, ValueError), match=str(path)):
            read_image(path)


@given(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b'',
            b'\x89PNG\r\n\x1a\n',
            b'\xff\xd8\xff',
            b'BM',
            b'GIF89a',
            b'II*\0',
            b'MM\0*',
            b'RIFF\0\0\0\0WEBP',
            b'P6 ',
            b'\0\0\0\x0cjP  \r\n\x87\n',
            b'II+\0',
        ]
    ),
)
def test_bytes_are_an_image_or_refused_by_name(content, start):
    try:
        check_image(io.BytesIO(start + content), 'a.bin', 10**6)
    except ValueError as error:
        assert 'a.bin' in str(error) and '\n' not in str(error)


@pytest.mark.parametrize('cut', [0, 1, 20, 40])
@pytest.mark.parametrize('suffix', ['png', 'webp', 'gif', 'tif'])
def test_a_file_that_is_cut_off_is_named(tmp_path, suffix, cut):
    path = write(tmp_path, suffix)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=rf'image\.{suffix} .*damaged'):
        read_image(path)


def test_a_real_bomb_takes_no_memory(tmp_path):
    rows = zlib.compress(bytes(751 * 6000), 9)  # of 6,000 x 6,000 bits

    def chunk(kind, content):
        return (
            struct.pack('>I', len(content))
            + kind
            + content
            + struct.pack('>I', zlib.crc32(kind + content))
        )

    path = tmp_path / 'bomb.png'
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', struct.pack('>IIBBBBB', 6000, 6000, 1, 0, 0, 0, 0))
        + chunk(b'IDAT', rows)
        + chunk(b'IEND', b'')
    )
    assert path.stat().st_size < 6000
    with pytest.raises(ValueError, match='bomb.png has 6000 x 6000 pixels'):
        read_image(path, max_pixels=16_000_000)
    assert read_image(path).shape == (6000, 6000, 3)


def test_a_heic_image_names_the_package_that_reads_it(tmp_path, monkeypatch):
    (tmp_path / 'a.heic').write_bytes(b'\0\0\0\x18ftypheic' + bytes(100))
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)
    with pytest.raises(ValueError, match='a.heic is a HEIC image: pip install pillow-heif'):
        read_image(tmp_path / 'a.heic')


def test_a_heic_image_is_read_by_the_package(tmp_path, monkeypatch):
    class Heif(ImageFile.ImageFile):
        """Stands in for the package: an image of one colour."""

        format = 'HEIF'

        def _open(self):
            self._size, self._mode, self.tile = SIZE, 'RGB', []

        def load(self):
            self.im = Image.new('RGB', SIZE, (10, 20, 30)).im

    def register():
        Image.register_open('HEIF', Heif, lambda prefix: prefix[4:12] == b'ftypheic')

    monkeypatch.setattr(Image, 'OPEN', dict(Image.OPEN))
    monkeypatch.setattr(Image, 'ID', list(Image.ID))
    monkeypatch.setitem(sys.modules, 'pillow_heif', SimpleNamespace(register_heif_opener=register))
    (tmp_path / 'a.heic').write_bytes(b'\0\0\0\x18ftypheic' + bytes(100))
    image = read_image(tmp_path / 'a.heic')
    assert image.shape == (47, 61, 3) and image[0, 0].tolist() == [30, 20, 10]
    with pytest.raises(ValueError, match='61 x 47 pixels'):
        read_image(tmp_path / 'a.heic', max_pixels=100)
