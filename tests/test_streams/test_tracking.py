"""Objects followed through frames."""

import sys

import numpy as np
import pytest

from mmsgp.streams import UNTRACKED, ObjectTracker

pytest.importorskip('trackers', reason='pip install --no-deps trackers')


def moving(frame, *kinds):
    """Boxes of 30 x 40 pixels that walk to the right, one per row."""
    boxes = [[10 + 3 * frame, 10 + 60 * row, 40 + 3 * frame, 50 + 60 * row] for row in kinds]
    return np.array(boxes, dtype=float).reshape(-1, 4)


def follow(frames, tracker=None):
    """Tracks per frame; a frame is a dict from row to class."""
    tracker = tracker or ObjectTracker(10.0)
    found = []
    for index, objects in enumerate(frames):
        tracks = tracker.update(
            index / 10, moving(index, *objects), [*objects.values()], np.full(len(objects), 0.9)
        )
        found.append(dict(zip(objects, tracks.tolist())))
    return found


def test_objects_keep_their_ids():
    found = follow([{0: 3, 1: 3, 2: 5}] * 8)
    assert set(found[0].values()) == {UNTRACKED}
    assert len(set(found[1].values())) == 3 and UNTRACKED not in found[1].values()
    assert all(frame == found[1] for frame in found[2:])


def test_an_id_is_kept_over_missed_frames():
    both, one = {0: 3, 1: 3}, {0: 3}
    found = follow([both, both, both, one, one, both])
    assert found[5] == found[2]


def test_a_track_ends_after_its_time():
    both, one = {0: 3, 1: 3}, {0: 3}
    found = follow([both] * 3 + [one] * 5 + [both] * 3, ObjectTracker(10.0, lost_seconds=0.3))
    assert found[-1][0] == found[2][0]
    assert found[-1][1] not in (UNTRACKED, found[2][1])


def test_an_object_does_not_become_one_of_another_class():
    found = follow([{0: 3}] * 3 + [{0: 4}] * 3)
    assert found[3][0] == UNTRACKED
    assert found[5][0] not in (UNTRACKED, found[2][0])


def test_a_low_score_continues_a_track_and_starts_none():
    tracker, found = ObjectTracker(10.0, new_track_thr=0.5), []
    for index, scores in enumerate([(0.9, 0.2), (0.9, 0.2), (0.2, 0.2), (0.2, 0.2)]):
        found.append(tracker.update(index / 10, moving(index, 0, 1), [3, 3], scores).tolist())
    assert found[1][0] == found[3][0] != UNTRACKED
    assert {second for _, second in found} == {UNTRACKED}


def test_frames_without_objects_are_fine():
    tracker = ObjectTracker()
    empty = np.empty((0, 4))
    assert tracker.update(0.0, empty, [], []).shape == (0,)
    tracker.update(0.1, moving(0, 0), [1], [0.9])
    assert tracker.update(0.2, empty, [], []).shape == (0,)


@pytest.mark.parametrize('name', ['trackers', 'supervision'])
def test_a_missing_package_is_named_in_one_line(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=f'needs {name}, which is not .*pip install') as e:
        ObjectTracker()
    assert '\n' not in str(e.value)
