"""A video becomes JSON lines, an annotated video and a timeline."""

import json
import tracemalloc

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from PIL import Image

from mmsgp.streams import GraphTracker, StreamSettings, VideoFrames, parse_stream
from mmsgp.structures import SceneGraph, SceneGraphDataSample

pytest.importorskip('trackers', reason='pip install --no-deps trackers')

NAMES = dict(classes=('person', 'bike'), predicates=('on', 'riding'))


def graph(frame, *, person=True, riding=0.9):
    """A person that rides a bike, both moving to the right."""
    boxes = torch.tensor([[10.0, 5, 30, 50], [5, 30, 40, 60]]) + 2 * frame * torch.tensor(
        [1.0, 0, 1, 0]
    )
    kept = [0, 1] if person else [1]
    pairs = [[0, 1]] if person else []
    distribution = [[0.0, 1 - riding, riding]] if person else []
    return SceneGraph(
        objects=InstanceData(
            bboxes=boxes[kept], labels=torch.tensor(kept), scores=torch.ones(len(kept))
        ),
        relations=InstanceData(
            pairs=torch.tensor(pairs, dtype=torch.long).reshape(-1, 2),
            labels=torch.full((len(pairs),), 2),
            scores=torch.ones(len(pairs)),
            distribution=torch.tensor(distribution).reshape(-1, 3),
        ),
    )


class ScriptedInferencer:
    """Gives the graphs of a script, in the place of a model."""

    def __init__(self, graphs):
        self.graphs = iter(graphs)
        self.model = type('Model', (), dict(dataset_meta=NAMES))

    def stream(self, image, **kwargs):
        found = next(self.graphs)
        if isinstance(found, BaseException):
            raise found
        sample = SceneGraphDataSample()
        sample.pred_scene_graphs = dict(sggen=found)
        yield dict(predictions=sample)


def lines_of(folder, name='clip'):
    return [json.loads(line) for line in (folder / f'{name}.jsonl').read_text().splitlines()]


def frames_of(path):
    return [frame.image for frame in VideoFrames(path)]


def run(clip, out, graphs, *settings):
    inferencer = ScriptedInferencer(graphs)
    return list(parse_stream(inferencer, VideoFrames(clip), out, 'clip', *settings))


def test_a_graph_of_tracks_is_written_per_frame(clip, tmp_path):
    written = run(clip, tmp_path, map(graph, range(6)))
    assert lines_of(tmp_path) == written
    assert [line['frame'] for line in written] == [*range(6)]
    assert written[0]['objects'] == []  # tracks begin with the second detection
    last = written[-1]
    assert {key: last[key] for key in ('video', 'time', 'width', 'height', 'task')} == dict(
        video=str(clip), time=0.5, width=96, height=64, task='sggen'
    )
    assert last['objects'] == [
        dict(id=0, track=0, label=0, name='person', bbox=[20, 5, 40, 50], score=1, detected=True),
        dict(id=1, track=1, label=1, name='bike', bbox=[15, 30, 50, 60], score=1, detected=True),
    ]
    (relation,) = last['relations']
    assert relation == dict(
        subject=0, object=1, label=2, predicate='riding', score=pytest.approx(0.9)
    )


def test_an_object_that_is_missed_stays_with_its_relation(clip, tmp_path):
    script = [graph(frame, person=frame != 3) for frame in range(6)]
    missed = run(clip, tmp_path, script)[3]
    person, bike = missed['objects']
    assert (person['detected'], bike['detected']) == (False, True)
    assert person['bbox'] == [14, 5, 34, 50]  # of frame 2
    assert [relation['predicate'] for relation in missed['relations']] == ['riding']


def test_a_frame_that_misjudges_a_relation_does_not_hide_it(clip, tmp_path):
    script = [graph(frame, riding=0.1 if frame == 3 else 0.9) for frame in range(6)]
    shown = [[r['predicate'] for r in line['relations']] for line in run(clip, tmp_path, script)]
    assert shown == [[]] + [['riding']] * 5
    script = [graph(frame, riding=0.1 if frame == 3 else 0.9) for frame in range(6)]
    raw = run(clip, tmp_path, script, StreamSettings(time_constant=0))
    assert [r['predicate'] for r in raw[3]['relations']] == ['on']


def test_the_video_has_the_length_of_the_clip_and_shows_the_boxes(clip, tmp_path):
    run(clip, tmp_path, map(graph, range(6)))
    video = cv2.VideoCapture(str(tmp_path / 'clip.mp4'))
    assert (video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)) == (6, 10)
    frames = frames_of(tmp_path / 'clip.mp4')
    # 64 rows are enlarged to 480; the list of relations stands right of 720 columns.
    assert frames[0].shape == (480, 720 + 340, 3)
    first, last = frames[0].astype(int), frames[-1].astype(int)
    assert np.abs(last[:, 720:] - first[:, 720:]).max() > 100, 'no relation is listed'
    # The left edge of the bike's box, at 15 of 96 columns.
    edge = last[330:440, 110:116] - last[330:440, 90:96].mean()
    assert np.abs(edge).max() > 40


def test_with_one_of_several_frames_the_video_keeps_its_speed(clip, tmp_path):
    frames = VideoFrames(clip, every=2)
    lines = list(parse_stream(ScriptedInferencer(map(graph, (0, 2, 4))), frames, tmp_path, 'clip'))
    assert [line['frame'] for line in lines] == [0, 2, 4]
    assert len(frames_of(tmp_path / 'clip.mp4')) in (5, 6)


def test_lines_are_there_as_soon_as_their_frame_is_parsed(clip, tmp_path):
    stream = parse_stream(
        ScriptedInferencer(map(graph, range(6))), VideoFrames(clip), tmp_path, 'clip'
    )
    for number in (1, 2, 3):
        next(stream)
        assert len(lines_of(tmp_path)) == number
    stream.close()


@pytest.mark.parametrize('end', ['closed', 'stopped', 'failed'])
def test_what_is_written_can_be_read_after_a_stop(clip, tmp_path, end):
    error = dict(stopped=KeyboardInterrupt(), failed=ValueError('damaged'), closed=None)[end]
    script = [*map(graph, range(4)), error]
    stream = parse_stream(ScriptedInferencer(script), VideoFrames(clip), tmp_path, 'clip')
    for _ in range(4):
        next(stream)
    if error is None:
        stream.close()
    else:
        with pytest.raises(type(error)):
            next(stream)
    assert [line['frame'] for line in lines_of(tmp_path)] == [0, 1, 2, 3]
    assert len(frames_of(tmp_path / 'clip.mp4')) == 4
    with Image.open(tmp_path / 'clip_timeline.png') as picture:
        picture.load()


def test_a_video_is_not_replaced_by_its_own_picture(clip):
    before = clip.read_bytes()
    with pytest.raises(ValueError, match='choose another --out'):
        run(clip, clip.parent, map(graph, range(6)))
    assert clip.read_bytes() == before


def test_neither_frames_nor_pictures_are_kept(make_clip, tmp_path):
    clip = make_clip(frames=40, size=(640, 480), rate=100.0)
    script = ScriptedInferencer(map(graph, range(40)))
    stream = parse_stream(script, VideoFrames(clip), tmp_path, 'clip')
    tracemalloc.start()
    for _ in stream:
        pass
    left, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    frame = 640 * 480 * 3
    # A picture has the size of two frames and is copied some times; all would be 120.
    assert peak < 25 * frame and left < 4 * frame


def test_what_was_lost_is_forgotten():
    tracker = GraphTracker(NAMES, 10.0, StreamSettings(lost_seconds=0.5))
    for index in range(300):
        # Somewhere else every three frames, so that new tracks begin.
        moved = graph(index % 3)
        moved.objects.bboxes += 1000 * (index // 3)
        described = tracker.update(index / 10, moved)
        assert len(described['objects']) <= 8
    assert described['objects'][-1]['track'] >= 150
