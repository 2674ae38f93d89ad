"""Relations smoothed over time."""

import math

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmsgp.streams import RelationFilter, relation_probabilities
from mmsgp.structures import SceneGraph


def pair(probability):
    """Of one predicate from the first track to the second."""
    return np.array([[0, probability], [0, 0]])[..., None]


def feed(smoother, frames, step=0.1):
    """Whether the relation is shown, per frame; None is a frame without the object."""
    shown = []
    for index, probability in enumerate(frames):
        tracks = [7] if probability is None else [7, 9]
        measured = np.zeros((1, 1, 1)) if probability is None else pair(probability)
        shown.append(bool(smoother.update(index * step, tracks, measured)))
    return shown


def naive(times, tracks, probabilities, time_constant):
    """The recursion of one relation after the other, in plain numbers."""
    log_odds, measured_at = {}, {}
    for time, present, values in zip(times, tracks, probabilities):
        for i, subject in enumerate(present):
            for j, object_ in enumerate(present):
                for r, p in enumerate(values[i][j]):
                    key, p = (subject, object_, r), min(max(p, 0.01), 0.99)
                    target = math.log(p / (1 - p))
                    if key in log_odds:
                        kept = math.exp(-(time - measured_at[key]) / time_constant)
                        log_odds[key] = kept * log_odds[key] + (1 - kept) * target
                    else:
                        log_odds[key] = target
                    measured_at[key] = time
    return log_odds


def test_log_odds_are_those_of_the_naive_recursion():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.2, 30))
    tracks = [rng.permutation(6)[: rng.integers(0, 7)].tolist() for _ in times]
    probabilities = [rng.random((len(t), len(t), 4)) for t in tracks]
    smoother = RelationFilter(4, 0.3, lost_seconds=100)
    for time, present, values in zip(times, tracks, probabilities):
        smoother.update(time, present, values)
    expected = naive(times, tracks, probabilities, 0.3)
    assert len(expected) > 100
    place = smoother.tracks.tolist().index
    for (subject, object_, predicate), value in expected.items():
        found = smoother.log_odds[place(subject), place(object_), predicate]
        assert found == pytest.approx(value, abs=1e-9)


def test_half_a_time_constant_moves_the_log_odds_by_two_fifths():
    smoother = RelationFilter(1, time_constant=1.0, show_thr=0.3, hide_thr=0.1)
    smoother.update(0.0, [7, 9], pair(0.9))
    (shown,) = smoother.update(0.5, [7, 9], pair(0.5))
    # logit(0.9) = ln 9 goes towards logit(0.5) = 0 by 1 - exp(-0.5) = 0.393
    assert shown.probability == pytest.approx(1 / (1 + 9**-0.60653), abs=1e-5)
    assert shown[:3] == (7, 9, 1)


def test_a_missed_detection_is_no_evidence():
    smoother = RelationFilter(1)
    before = smoother.update(0.0, [7, 9], pair(0.8))
    assert smoother.update(0.1, [7], np.zeros((1, 1, 1))) == before
    assert smoother.update(0.2, [], np.zeros((0, 0, 1))) == before


def test_a_detected_pair_without_a_relation_is_evidence_against_it():
    frames = [0.8] + [0.0] * 9
    shown = feed(RelationFilter(1, time_constant=0.5), frames)
    assert shown[0] and not shown[-1]


def test_a_relation_hides_below_another_threshold_than_it_shows_from():
    smoother = RelationFilter(1, time_constant=0, show_thr=0.5, hide_thr=0.3)
    assert feed(smoother, [0.4, 0.5, 0.4, 0.31, 0.29, 0.4, 0.49, 0.6]) == [
        *(False, True, True, True, False, False, False, True)
    ]


def test_one_bad_frame_does_not_hide_a_relation():
    frames = [0.6, 0.6, 0.6, 0.05, 0.6, 0.6]
    assert all(feed(RelationFilter(1, time_constant=0.5), frames))
    assert not all(feed(RelationFilter(1, time_constant=0), frames))


def test_a_pair_ends_when_a_track_is_lost_for_long():
    shown = feed(RelationFilter(1, lost_seconds=0.25), [0.8, None, None, None, None])
    assert shown == [True, True, True, False, False]


def test_a_track_that_comes_back_after_its_end_starts_anew():
    smoother = RelationFilter(1, time_constant=10, lost_seconds=0.25)
    assert feed(smoother, [0.9, None, None, None, 0.05]) == [True, True, True, False, False]


def test_memory_holds_living_tracks_only():
    smoother = RelationFilter(3, lost_seconds=0.5)
    for frame in range(200):
        smoother.update(frame / 10, [2 * frame, 2 * frame + 1], np.zeros((2, 2, 3)))
    assert len(smoother.tracks) <= 12


@pytest.mark.parametrize(
    'settings, word',
    [
        (dict(show_thr=0.2, hide_thr=0.3), 'hide_thr'),
        (dict(show_thr=1.0), 'show_thr'),
        (dict(time_constant=-1.0), 'time_constant'),
        (dict(lost_seconds=float('nan')), 'lost_seconds'),
    ],
)
def test_impossible_settings_are_named(settings, word):
    with pytest.raises(ValueError, match=word):
        RelationFilter(1, **settings)


def graph(**more):
    return SceneGraph(
        objects=InstanceData(labels=torch.tensor([0, 1, 0]), scores=torch.tensor([0.5, 1.0, 0.8])),
        relations=InstanceData(
            pairs=torch.tensor([[0, 1], [2, 0]]),
            labels=torch.tensor([1, 2]),
            distribution=torch.tensor([[0.2, 0.6, 0.2], [0.5, 0.125, 0.375]]),
            **more,
        ),
    )


def test_a_probability_is_that_of_objects_and_predicate():
    found = relation_probabilities(graph())
    assert found.shape == (3, 3, 2)
    np.testing.assert_allclose(found[0, 1], [0.3, 0.1], atol=1e-7)
    np.testing.assert_allclose(found[2, 0], [0.4 * 0.125, 0.4 * 0.375], atol=1e-7)
    assert np.count_nonzero(found) == 4


def test_significance_stands_for_what_is_unknown():
    found = relation_probabilities(graph(significance=torch.tensor([0.9, 0.5]).double()))
    np.testing.assert_allclose(found[0, 1], [0.5 * 0.9 * 0.75, 0.5 * 0.9 * 0.25], atol=1e-7)
    np.testing.assert_allclose(found[2, 0], [0.4 * 0.5 * 0.25, 0.4 * 0.5 * 0.75], atol=1e-7)
