"""Follow detected objects through the frames of a video."""

from __future__ import annotations

import numpy as np

#: Id of an object that is no track (yet).
UNTRACKED = -1


class ObjectTracker:
    """Gives the detected objects of each frame the ids of their tracks.

    ByteTrack [1]_ of the package ``trackers``: boxes are matched with the predictions
    of Kalman filters; boxes of low scores only continue tracks. It knows no classes, so
    that a rider could become the horse. Here boxes of unlike classes are moved apart
    before they are matched, as batched non-maximum suppression does; a track has one class.

    An object becomes a track in the second frame in which it is detected.

    Args:
        frame_rate: Frames per second, by which the speed of objects is counted.
            Defaults to 25.
        lost_seconds: A track ends when it is not detected for longer. Defaults to 1.
        new_track_thr: Lowest score of an object that starts a track. Defaults to 0.5.

    Raises:
        ModuleNotFoundError: If ``trackers`` or ``supervision`` is not installed. The
            message tells how to install them.
        ValueError: If ``new_track_thr`` is not from 0 to 1.

    References:
        .. [1] Zhang et al., ByteTrack: Multi-Object Tracking by Associating Every
           Detection Box, ECCV 2022.
    """

    def __init__(
        self, frame_rate: float = 25.0, lost_seconds: float = 1.0, new_track_thr: float = 0.5
    ) -> None:
        if not 0 <= new_track_thr <= 1:
            raise ValueError(f'new_track_thr must be a number from 0 to 1, got {new_track_thr}')
        try:
            import supervision  # noqa: PLC0415 - optional
            from trackers import ByteTrackTracker  # noqa: PLC0415 - optional
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f'tracking needs {error.name}, which is not installed: '
                'pip install supervision, and then pip install --no-deps trackers'
            ) from error
        self._detections = supervision.Detections
        self._tracker = ByteTrackTracker(
            # The package counts these frames at 30 per second, whatever frame_rate is.
            lost_track_buffer=round(30 * lost_seconds),
            frame_rate=frame_rate,
            track_activation_threshold=new_track_thr,
            high_conf_det_threshold=new_track_thr,
            minimum_consecutive_frames=2,
            # Neighbours that hardly touch are no candidates.
            minimum_iou_threshold=0.2,
        )

    def update(
        self, time: float, bboxes: np.ndarray, labels: np.ndarray, scores: np.ndarray
    ) -> np.ndarray:
        """Find the tracks of a frame's objects.

        Args:
            time: Seconds of the frame; larger than that of the frame before.
            bboxes: (N, 4), ``x1, y1, x2, y2`` in pixels.
            labels: (N,), classes.
            scores: (N,), from 0 to 1.

        Returns:
            ndarray: (N,) int64, ids from 0, :data:`UNTRACKED` for objects without a track.
        """
        bboxes = np.asarray(bboxes, dtype=np.float64).reshape(-1, 4)
        apart = np.asarray(labels).reshape(-1, 1) * _DISTANCE
        found = self._tracker.update(
            self._detections(
                xyxy=bboxes + apart,
                confidence=np.asarray(scores, dtype=np.float64),
                data=dict(place=np.arange(len(bboxes))),
            ),
            timestamp=time,
        )
        tracks = np.full(len(bboxes), UNTRACKED, dtype=np.int64)
        if len(found):
            tracks[found.data['place']] = found.tracker_id
        return tracks


# Pixels between the boxes of two classes: more than any image is wide.
_DISTANCE = 100_000.0
