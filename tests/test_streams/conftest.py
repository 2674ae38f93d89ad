"""Small videos."""

import cv2
import numpy as np
import pytest

from mmsgp.streams import open_video


@pytest.fixture(scope='session')
def make_clip(tmp_path_factory):
    """Write a video whose frame k is grey of 5 k, with a box that moves."""

    def make(frames=6, size=(96, 64), rate=10.0, name='clip.mp4'):
        path = tmp_path_factory.mktemp('clips') / name
        video = open_video(path, rate, (size[1], size[0], 3))
        for index in range(frames):
            image = np.full((size[1], size[0], 3), 5 * index, np.uint8)
            cv2.rectangle(image, (5 + 2 * index, 10), (40 + 2 * index, 50), (40, 200, 90), -1)
            video.write(image)
        video.release()
        return path

    return make


@pytest.fixture(scope='session')
def clip(make_clip):
    return make_clip()
