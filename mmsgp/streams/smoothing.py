"""Smooth the relations of tracked objects over time.

Shape shorthand: T tracks, D of them detected in a frame; N objects, M relations, R predicates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from mmsgp.structures import SceneGraph

_LEAST = 0.01  # probability; one frame says neither never nor always


class ShownRelation(NamedTuple):
    """A relation that is shown in a frame.

    Args:
        subject: Track.
        object: Track.
        predicate: ``1 .. R``.
        probability: Smoothed over time.
    """

    subject: int
    object: int
    predicate: int
    probability: float


class RelationFilter:
    r"""Filters the log-odds of each (subject track, object track, predicate) over time.

    A parser gives a probability :math:`p_k` in frame :math:`k`. Take the log-odds
    :math:`L` of a relation for a random walk, and :math:`\operatorname{logit} p_k` for what a
    frame measures of it, with noise. The Kalman filter of this model has a constant gain
    once it is settled; as the solution of
    :math:`\tau\,\dot L = \operatorname{logit} p_k - L` between two measurements it is

    .. math::
        L \leftarrow L + \left(1 - e^{-\Delta t / \tau}\right)
        (\operatorname{logit} p_k - L),

    where :math:`\Delta t` is the time since the last measurement of this pair. Nothing is
    known before the first one, so that it counts fully (:math:`\Delta t = \infty`).

    * **Both tracks are detected:** this is a measurement. A pair of which the parser
      makes no relation has :math:`p_k = 0`.
    * **One of them is not detected:** this is no evidence. A random walk without a
      measurement keeps its mean, so :math:`L` stays, and only its uncertainty grows:
      the next measurement has a longer :math:`\Delta t` and counts for more.
    * **A track is lost:** when it was not detected for longer than ``lost_seconds``, its
      pairs end.

    Probabilities are held within 0.01 and 0.99, so that a single frame cannot decide alone.
    A relation is shown from :math:`p \ge` ``show_thr`` until :math:`p <` ``hide_thr``, where
    :math:`p = 1 / (1 + e^{-L})`; a probability that trembles around one threshold does not
    switch it on and off (hysteresis).

    Args:
        num_predicates: R.
        time_constant: Seconds after which a change of the probability has arrived at
            63 %; 0 uses the last measurement only. Defaults to 0.5.
        show_thr: Probability at which a relation appears. Defaults to 0.3, because words of like
            meaning (*on*, *standing on*) share it.
        hide_thr: Probability below which it disappears. Defaults to 0.2.
        lost_seconds: Time after which a track that is not detected ends. Defaults to 1.

    Attributes:
        tracks: (T,) ids of the tracks that are not lost.
        log_odds: (T, T, R), of each subject, object and predicate.

    Raises:
        ValueError: If a setting is out of its range.
    """

    def __init__(
        self,
        num_predicates: int,
        time_constant: float = 0.5,
        show_thr: float = 0.3,
        hide_thr: float = 0.2,
        lost_seconds: float = 1.0,
    ) -> None:
        if not _LEAST < hide_thr <= show_thr < 1 - _LEAST:
            raise ValueError(
                f'hide_thr must be above {_LEAST} and not above show_thr, and that below '
                f'{1 - _LEAST}, '
                f'got hide_thr={hide_thr} and show_thr={show_thr}'
            )
        for name, value in dict(time_constant=time_constant, lost_seconds=lost_seconds).items():
            if not 0 <= value < np.inf:
                raise ValueError(f'{name} must be a number of seconds, at least 0, got {value}')
        self.time_constant = time_constant
        self.lost_seconds = lost_seconds
        self._show, self._hide = _logit(show_thr), _logit(hide_thr)
        self.tracks = np.empty(0, dtype=np.int64)  # (T,)
        self._detected_at = np.empty(0)  # (T,)
        self._measured_at = np.empty((0, 0))  # (T, T)
        self.log_odds = np.empty((0, 0, num_predicates))  # (T, T, R)
        self._shown = np.empty((0, 0, num_predicates), dtype=bool)  # (T, T, R)

    def update(
        self, time: float, tracks: np.ndarray, probabilities: np.ndarray
    ) -> list[ShownRelation]:
        """Take in a frame.

        Args:
            time: Seconds.
            tracks: (D,) ids of the tracks that are detected in the frame, each once.
            probabilities: (D, D, R), of each predicate between each subject and object.

        Returns:
            list[ShownRelation]: The relations to show, the most probable first.
        """
        tracks = np.asarray(tracks, dtype=np.int64)
        lost = time - self._detected_at > self.lost_seconds
        self._keep(np.flatnonzero(~lost | np.isin(self.tracks, tracks)))
        self._add(tracks[~np.isin(tracks, self.tracks)])
        place = {track: index for index, track in enumerate(self.tracks.tolist())}
        rows = [place[track] for track in tracks.tolist()]
        self._detected_at[rows] = time
        pairs = np.ix_(rows, rows)
        if self.time_constant:
            gain = -np.expm1((self._measured_at[pairs] - time) / self.time_constant)  # (D, D)
        else:
            gain = np.ones((len(rows), len(rows)))
        measured = _logit(np.clip(probabilities, _LEAST, 1 - _LEAST))  # (D, D, R)
        self.log_odds[pairs] += gain[..., None] * (measured - self.log_odds[pairs])
        self._measured_at[pairs] = time
        threshold = np.where(self._shown[pairs], self._hide, self._show)
        self._shown[pairs] = self.log_odds[pairs] >= threshold
        return self._list_shown()

    def _keep(self, rows: np.ndarray) -> None:
        pairs = np.ix_(rows, rows)
        self.tracks, self._detected_at = self.tracks[rows], self._detected_at[rows]
        self._measured_at, self.log_odds = self._measured_at[pairs], self.log_odds[pairs]
        self._shown = self._shown[pairs]

    def _add(self, tracks: np.ndarray) -> None:
        more = (0, len(tracks))
        self.tracks = np.concatenate([self.tracks, tracks])
        self._detected_at = np.pad(self._detected_at, more)
        self._measured_at = np.pad(self._measured_at, (more, more), constant_values=-np.inf)
        self.log_odds = np.pad(self.log_odds, (more, more, (0, 0)))
        self._shown = np.pad(self._shown, (more, more, (0, 0)))

    def _list_shown(self) -> list[ShownRelation]:
        subjects, objects, predicates = self._shown.nonzero()
        values = 1 / (1 + np.exp(-self.log_odds[subjects, objects, predicates]))
        return [
            ShownRelation(
                int(self.tracks[subjects[row]]),
                int(self.tracks[objects[row]]),
                int(predicates[row]) + 1,
                float(values[row]),
            )
            for row in np.argsort(-values, kind='stable')
        ]


def relation_probabilities(graph: SceneGraph) -> np.ndarray:
    """Compute the probability of each predicate between all objects.

    It is P(subject) x P(object) x P(predicate | objects). With a Scorer the last factor
    is the significance of the pair (the probability that it has a relation at all)
    times the distribution over the known predicates; without one, the distribution
    itself says so by its entry *unknown*.

    Args:
        graph: Predicted, with scores and distributions.

    Returns:
        ndarray: (N, N, R) float64; 0 where the graph has no relation.
    """
    relations, scores = graph.relations, graph.objects.scores.double()
    predicates = relations.distribution[:, 1:].double()  # (M, R)
    weights = scores[relations.pairs].prod(dim=1)  # (M,)
    if 'significance' in relations:
        predicates = predicates / predicates.sum(dim=1, keepdim=True).clamp(min=1e-12)
        weights = weights * relations.significance.double()
    dense = torch.zeros(graph.num_objects, graph.num_objects, predicates.shape[1]).double()
    subjects, objects = relations.pairs.cpu().unbind(1)
    dense[subjects, objects] = (weights[:, None] * predicates).cpu()
    return dense.numpy()


def _logit(probability: np.ndarray | float) -> np.ndarray | float:
    return np.log(probability) - np.log1p(-probability)
