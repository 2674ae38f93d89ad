"""Image files with faults are refused by name before they fill the memory."""

import functools
import io

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.isolated import run_isolated, summary
from helpers.mutations import mutate_image
from mmsgp.apis import SceneGraphInferencer
from mmsgp.apis.image_inputs import ImageSource

SIZE = (61, 47)
SUFFIXES = ('png', 'jpg', 'bmp', 'gif', 'tif', 'webp', 'ppm')
MAX_PIXELS = 16_000_000
# One of this number of images is also parsed by a model.
PARSED = 25


@functools.cache
def whole(suffix):
    pixels = np.random.default_rng(0).integers(256, size=(*SIZE[::-1], 3), dtype=np.uint8)
    pixels[10:30] = 90
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, {'jpg': 'JPEG', 'tif': 'TIFF'}.get(suffix, suffix.upper()))
    return file.getvalue()


@functools.cache
def load(checkpoint):
    torch.set_num_threads(1)
    return SceneGraphInferencer(
        weights=checkpoint, device='cpu', show_progress=False, max_pixels=MAX_PIXELS
    )


def pixels_of(path):
    (image,) = ImageSource(path)
    return image['img']


def mutated(case, tmp_path, checkpoint):
    """Read an image with a fault as the inferencer does."""
    suffix = SUFFIXES[case % len(SUFFIXES)]
    path = tmp_path / f'case {case}.{suffix}'
    path.write_bytes(whole(suffix))
    original = pixels_of(path)
    path.write_bytes(mutate_image(whole(suffix), SIZE, np.random.default_rng(case)))
    inferencer = load(checkpoint)
    try:
        (image,), _ = next(inferencer.preprocess(ImageSource(path, MAX_PIXELS)))
        assert image['img'].dtype == np.uint8 and image['img'].shape[2:] == (3,)
        assert image['img'].size <= 3 * MAX_PIXELS
        if case % PARSED == 0:
            inferencer(path)
        return 'equal' if np.array_equal(image['img'], original) else 'other pixels'
    finally:
        path.unlink()


@pytest.mark.parametrize('number', [40, pytest.param(2000, marks=pytest.mark.faults)])
def test_every_fault_is_named_or_harmless(tmp_path, checkpoint, number):
    outcomes = run_isolated(
        functools.partial(mutated, tmp_path=tmp_path, checkpoint=checkpoint), number
    )
    kinds = summary(outcomes, 'case ')
    print(f'{number} mutated images: {kinds}')
    assert kinds['refused'] > number / 4
