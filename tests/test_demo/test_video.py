"""The page's part for videos, in a headless Chromium."""

import json

import cv2
import numpy as np
import pytest

from helpers.page import import_demo
from mmsgp.streams import open_video

pytest.importorskip('gradio', reason='pip install -r requirements/demo.txt')
pytest.importorskip('trackers', reason='pip install --no-deps trackers')


@pytest.fixture(scope='module')
def clip(folder):
    """A video of a walking box: five frames at five per second."""
    path = folder / 'walk.mp4'
    video = open_video(path, 5.0, (96, 128, 3))
    for index in range(5):
        image = np.full((96, 128, 3), 90, np.uint8)
        cv2.rectangle(image, (10 + 5 * index, 20), (60 + 5 * index, 80), (40, 200, 90), -1)
        video.write(image)
    video.release()
    return path


@pytest.fixture
def tab(opened):
    opened.click('button[role=tab]:has-text("Video")')
    opened.wait_for_selector('#parse-video')
    return opened


def parse(page, path):
    page.set_input_files('#clip input[type=file]', path)
    page.wait_for_selector('#clip video')
    page.click('#parse-video')


def test_a_clip_becomes_a_video_that_plays_a_timeline_and_lines(tab, clip, tmp_path):
    parse(tab, clip)
    tab.wait_for_selector('#video-status:has-text("5 frames; parsed in")')
    tab.wait_for_function("document.querySelector('#shown-video video')?.readyState >= 2")
    width, height, seconds = tab.evaluate(
        '(({videoWidth, videoHeight, duration}) => [videoWidth, videoHeight, duration])'
        "(document.querySelector('#shown-video video'))"
    )
    # 96 rows are enlarged to 480; the list of relations is beside them.
    assert (width, height) == (640 + 340, 480)
    assert seconds == pytest.approx(1, abs=0.05)
    tab.wait_for_function("document.querySelector('#timeline img')?.naturalWidth > 500")
    with tab.expect_download() as download:
        tab.click('#download-lines')
    download.value.save_as(tmp_path / 'video.jsonl')
    lines = [json.loads(line) for line in (tmp_path / 'video.jsonl').read_text().splitlines()]
    assert [(line['frame'], line['time']) for line in lines] == [
        (index, pytest.approx(index / 5)) for index in range(5)
    ]
    assert tab.errors == []


def test_a_broken_clip_is_named_without_its_path(tab, clip, folder):
    broken = folder / 'broken.mp4'
    broken.write_bytes(clip.read_bytes()[:300])
    parse(tab, broken)
    tab.wait_for_selector('#video-status:has-text("broken.mp4 is empty, damaged or not a video")')
    assert tab.inner_text('#video-status').strip().startswith('broken.mp4 ')
    assert not tab.query_selector('#shown-video video')
    assert tab.is_disabled('#download-lines')


def test_of_a_long_clip_some_frames_are_parsed(app, checkpoints, worker, folder):
    video = import_demo('video')
    path = folder / 'long.mp4'
    written = open_video(path, 10.0, (32, 32, 3))
    for _ in range(video.MAX_FRAMES + 1):
        written.write(np.zeros((32, 32, 3), np.uint8))
    written.release()
    found = worker(
        video.parse_video, str(path), checkpoints[0], 'cpu', str(folder / 'long'), 10**6, 300
    )
    assert (found['frames'], found['every'], found['left_out']) == (31, 2, False)


def test_large_frames_are_refused(app, checkpoints, worker, folder, clip):
    parse_video = import_demo('video').parse_video
    with pytest.raises(ValueError, match=r'^walk.mp4 has 128 x 96 pixels'):
        worker(parse_video, str(clip), checkpoints[0], 'cpu', str(folder), 100, 300)


def test_what_takes_too_long_is_left_out_and_said(app, checkpoints, worker, folder, clip):
    parse_video = import_demo('video').parse_video
    found = worker(parse_video, str(clip), checkpoints[0], 'cpu', str(folder / 'cut'), 10**6, 0)
    assert (found['frames'], found['left_out']) == (1, True)
    assert len((folder / 'cut' / 'video.jsonl').read_text().splitlines()) == 1
