"""Videos and cameras of the command mmsgp-infer."""

import json
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from mmsgp.cli.infer import main
from mmsgp.streams import VideoFrames, open_video

pytest.importorskip('trackers', reason='pip install --no-deps trackers')

# Scores of a model with random weights are low.
LOW = ('--new-track-thr', 0.01, '--object-score-thr', 0)


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """A video of eight equal frames, at five per second."""
    path = tmp_path_factory.mktemp('clip') / 'street.mp4'
    image = np.random.default_rng(0).integers(256, size=(12, 16, 3), dtype=np.uint8)
    image = cv2.resize(image, (64, 48), interpolation=cv2.INTER_NEAREST)
    video = open_video(path, 5.0, image.shape)
    for _ in range(8):
        video.write(image)
    video.release()
    return path


@pytest.fixture
def command(checkpoint, tmp_path):
    return ['mmsgp-infer', *map(str, ('--checkpoint', checkpoint, '--device', 'cpu'))] + [
        *('--out', str(tmp_path / 'out'))
    ]


@pytest.fixture
def infer(command, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', command + [str(argument) for argument in arguments])
        main()
        return capsys.readouterr().out

    return run


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_video_is_tracked(infer, clip, tmp_path):
    printed = infer(clip, '--track', *LOW)
    out = tmp_path / 'out'
    assert {path.name for path in out.iterdir()} == {
        *('street.mp4', 'street.jsonl', 'street_timeline.png')
    }
    lines = lines_of(out / 'street.jsonl')
    assert [line['frame'] for line in lines] == [*range(8)]
    ids = [{item['track'] for item in line['objects']} for line in lines]
    assert ids[0] == set() and len(ids[1]) >= 2
    assert all(ids[1] <= found for found in ids[2:]), 'equal frames have the same tracks'
    assert len(list(VideoFrames(out / 'street.mp4'))) == 8
    assert '8 frames written into' in printed


def test_without_the_option_a_frame_is_an_image(infer, clip, tmp_path):
    infer(clip, '--no-pictures')
    assert len(list((tmp_path / 'out' / 'preds').iterdir())) == 8


def test_one_of_several_frames_is_parsed(infer, clip, tmp_path):
    infer(clip, '--track', '--every', 3)
    lines = lines_of(tmp_path / 'out' / 'street.jsonl')
    assert [(line['frame'], line['time']) for line in lines] == [(0, 0.0), (3, 0.6), (6, 1.2)]


def test_a_file_is_read_as_a_camera(infer, clip, tmp_path):
    infer('--webcam', clip, *LOW)
    frames = [line['frame'] for line in lines_of(tmp_path / 'out' / 'street.jsonl')]
    assert frames == sorted(set(frames)) and frames[-1] == 7


def test_a_broken_video_does_not_stop_the_others(infer, clip, tmp_path, capsys):
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(b'no video')
    with pytest.raises(SystemExit, match='1 of 2 videos could not be parsed'):
        infer(broken, clip, '--track', '--every', 4)
    (told,) = [line for line in capsys.readouterr().err.splitlines() if 'broken' in line]
    assert told == f'mmsgp-infer: {broken} is empty, damaged or not a video'
    assert len(lines_of(tmp_path / 'out' / 'street.jsonl')) == 2
    assert not (tmp_path / 'out' / 'broken.jsonl').exists()


def test_videos_of_one_name_have_files_of_their_own(infer, clip, tmp_path):
    infer(clip, clip, '--track', '--every', 8)
    found = sorted(path.name for path in (tmp_path / 'out').glob('*.jsonl'))
    assert found == ['street.jsonl', 'street_2.jsonl']


@pytest.mark.parametrize(
    'arguments, fact',
    [
        (('x.mp4', '--track', '--topk', 5), '--topk has no effect with --track or --webcam'),
        (('x.mp4', '--every', 2), '--every needs --track or --webcam'),
        (('x.mp4', '--time-constant', 2), '--time-constant needs --track or --webcam'),
        (('x.mp4', '--track', '--every', 0), '--every must be at least 1'),
        (('x.mp4', '--webcam', 0), '--webcam takes neither inputs nor --every'),
        ((), 'give images, folders or videos, or --webcam DEVICE'),
    ],
)
def test_options_that_do_not_fit_are_refused(infer, capsys, arguments, fact):
    with pytest.raises(SystemExit, match='2'):
        infer(*arguments)
    assert fact in capsys.readouterr().err


@pytest.mark.parametrize(
    'arguments, fact',
    [
        (('--hide-thr', 0.9), 'hide_thr must be above 0.01 and not above show_thr'),
        (('--lost-seconds', -1), 'lost_seconds must be a number of seconds'),
        (('--new-track-thr', 2), 'new_track_thr must be a number from 0 to 1'),
    ],
)
def test_impossible_settings_end_in_one_line(infer, clip, arguments, fact):
    with pytest.raises(SystemExit, match=f'^mmsgp-infer: {fact}.*$'):
        infer(clip, '--track', *arguments)


def test_an_image_cannot_be_tracked(infer, tmp_path, capsys):
    Image.new('RGB', (32, 32)).save(tmp_path / 'a.png')
    with pytest.raises(SystemExit):
        infer(tmp_path / 'a.png', '--track')
    assert 'a.png is not a video' in capsys.readouterr().err


def test_a_missing_tracker_is_told_before_the_model_is_loaded(infer, clip, monkeypatch):
    monkeypatch.setitem(sys.modules, 'trackers', None)
    with pytest.raises(SystemExit, match='^mmsgp-infer: tracking needs trackers, which is not'):
        infer(clip, '--track')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_camera_leaves_readable_files(command, tmp_path, number):
    long = tmp_path / 'long.mp4'
    video = open_video(long, 5.0, (48, 64, 3))
    for _ in range(3000):
        video.write(np.zeros((48, 64, 3), np.uint8))
    video.release()
    program = 'from mmsgp.cli.infer import main; main()'
    process = subprocess.Popen(
        [sys.executable, '-c', program, *command[1:], '--webcam', str(long)],
        stdout=subprocess.PIPE,
        text=True,
    )
    lines, end = tmp_path / 'out' / 'long.jsonl', time.monotonic() + 240
    while not (lines.exists() and lines.read_text().count('\n') >= 3):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and 'stopped: ' in printed
    frames = [line['frame'] for line in lines_of(lines)]
    assert len(frames) >= 3
    shown = len(list(VideoFrames(tmp_path / 'out' / 'long.mp4')))
    assert shown >= frames[-1] - 1, 'the video runs at the speed of the camera'
    with Image.open(tmp_path / 'out' / 'long_timeline.png') as picture:
        picture.load()
