"""Frames of videos and cameras."""

import time
import tracemalloc

import cv2
import numpy as np
import pytest

from mmsgp.streams import LatestFrames, VideoFrames


def test_all_frames_come_with_their_times(clip):
    frames = list(VideoFrames(clip))
    assert [frame.index for frame in frames] == [*range(6)]
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(6) / 10, atol=1e-3)
    assert {frame.image.shape for frame in frames} == {(64, 96, 3)}
    greys = [frame.image[60, 90].mean() for frame in frames]
    np.testing.assert_allclose(greys, 5 * np.arange(6), atol=4)


def test_one_of_several_frames_is_read_at_its_time(make_clip):
    video = VideoFrames(make_clip(frames=8), every=3)
    assert video.total == 3 and video.rate == 10
    found = [(frame.index, round(frame.time, 2)) for frame in video]
    assert found == [(0, 0.0), (3, 0.3), (6, 0.6)]


def test_a_missing_video_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone\.mp4: this video does not exist'):
        VideoFrames(tmp_path / 'gone.mp4')


@pytest.mark.parametrize('data', [b'', b'no video'])
def test_a_broken_video_is_named(tmp_path, data):
    (tmp_path / 'broken.mp4').write_bytes(data)
    with pytest.raises(ValueError, match=r'broken\.mp4 is empty, damaged or not a video'):
        list(VideoFrames(tmp_path / 'broken.mp4'))


def test_a_video_that_ends_early_is_named(tmp_path):
    whole, cut = tmp_path / 'whole.avi', tmp_path / 'cut.avi'
    video = cv2.VideoWriter(str(whole), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    for _ in range(30):
        video.write(np.random.default_rng(0).integers(256, size=(48, 64, 3), dtype=np.uint8))
    video.release()
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    read = []
    with pytest.raises(ValueError, match=r'cut\.avi is damaged: frame \d+ of 30 cannot be read'):
        read.extend(VideoFrames(cut))
    assert len(list(VideoFrames(whole))) == 30


def test_too_large_frames_are_refused(clip):
    with pytest.raises(ValueError, match='clip.mp4 has 96 x 64 pixels'):
        VideoFrames(clip, max_pixels=96 * 64 - 1)


def test_a_camera_gives_its_latest_frame(make_clip):
    """A file is read as a camera: at its rate, whatever the reader does."""
    camera = LatestFrames(str(make_clip(frames=20, rate=20.0)))
    found = []
    for frame in camera:
        found.append(frame)
        time.sleep(0.2)  # four frames
    assert 3 <= len(found) <= 8
    indices = np.array([frame.index for frame in found])
    assert np.diff(indices)[:-1].min() >= 2, 'frames in between were kept'
    assert indices[-1] == 19
    for frame in found:
        assert frame.time == pytest.approx(frame.index / 20, abs=0.2)
        assert frame.image[60, 90].mean() == pytest.approx(5 * frame.index, abs=4)


def test_a_fast_reader_sees_each_frame_of_a_camera(make_clip):
    assert [f.index for f in LatestFrames(str(make_clip(frames=5)))] == [*range(5)]


def test_a_camera_that_is_not_there_is_named():
    with pytest.raises(ValueError, match='camera 97 cannot be opened'):
        LatestFrames('97')


@pytest.mark.parametrize('source', [VideoFrames, LatestFrames])
def test_frames_are_not_kept(make_clip, source):
    size = (640, 480)
    path = make_clip(frames=30, size=size, rate=100.0, name='large.mp4')
    tracemalloc.start()
    for _ in source(str(path)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * size[0] * size[1] * 3
