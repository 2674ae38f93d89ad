"""Parse a video or a camera into graphs of tracked objects, as its frames come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmsgp.apis import SceneGraphInferencer
from mmsgp.structures import SceneGraph

from .frames import LatestFrames, VideoFrames
from .smoothing import RelationFilter, ShownRelation, relation_probabilities
from .tracking import UNTRACKED, ObjectTracker
from .writing import StreamWriter


@dataclass(frozen=True)
class StreamSettings:
    """How objects are tracked and relations smoothed.

    Args:
        time_constant: As the next two, see :class:`~.smoothing.RelationFilter`.
            Defaults to 0.5 seconds.
        show_thr: Defaults to 0.3.
        hide_thr: Defaults to 0.2.
        lost_seconds: A track ends when it is not detected for longer. Defaults to 1.
        new_track_thr: Lowest score of an object that starts a track. Defaults to 0.5.
        object_score_thr: Lowest score of objects that may continue a track. Defaults to 0.1.
        top_objects: Number of best objects to keep per frame. Defaults to None: all.
    """

    time_constant: float = 0.5
    show_thr: float = 0.3
    hide_thr: float = 0.2
    lost_seconds: float = 1.0
    new_track_thr: float = 0.5
    object_score_thr: float = 0.1
    top_objects: int | None = None


class GraphTracker:
    """Turns the graphs of single frames into one graph over time.

    Args:
        names: ``classes`` and ``predicates``.
        rate: Frames per second.
        settings: See :class:`StreamSettings`.
    """

    def __init__(self, names: dict, rate: float, settings: StreamSettings) -> None:
        self.names = names
        self._filter = RelationFilter(
            len(names['predicates']),
            settings.time_constant,
            settings.show_thr,
            settings.hide_thr,
            settings.lost_seconds,
        )
        self._tracker = ObjectTracker(rate, settings.lost_seconds, settings.new_track_thr)
        self._last_seen: dict[int, dict] = {}

    def update(self, time: float, graph: SceneGraph) -> dict:
        """Take in the graph that was parsed from a frame.

        Args:
            time: Seconds of the frame.
            graph: Predicted, with distributions.

        Returns:
            dict: ``objects`` and ``relations`` as :func:`parse_stream` describes them.
        """
        objects = graph.objects.cpu().numpy()
        tracks = self._tracker.update(time, objects.bboxes, objects.labels, objects.scores)
        rows = np.flatnonzero(tracks != UNTRACKED)
        measured = relation_probabilities(graph)[np.ix_(rows, rows)]
        shown = self._filter.update(time, tracks[rows], measured)
        for item in self._last_seen.values():
            item['detected'] = False
        for row in rows:
            self._last_seen[int(tracks[row])] = dict(
                label=int(objects.labels[row]),
                name=self.names['classes'][objects.labels[row]],
                bbox=[round(float(value), 2) for value in objects.bboxes[row]],
                score=round(float(objects.scores[row]), 6),
                detected=True,
            )
        living = self._filter.tracks.tolist()
        self._last_seen = {track: self._last_seen[track] for track in sorted(living)}
        return self._describe(shown)

    def _describe(self, shown: list[ShownRelation]) -> dict:
        place = {track: index for index, track in enumerate(self._last_seen)}
        return dict(
            objects=[
                dict(id=place[track], track=track, **item)
                for track, item in self._last_seen.items()
            ],
            relations=[
                dict(
                    subject=place[relation.subject],
                    object=place[relation.object],
                    label=relation.predicate,
                    predicate=self.names['predicates'][relation.predicate - 1],
                    score=round(relation.probability, 6),
                )
                for relation in shown
            ],
        )


def parse_stream(
    inferencer: SceneGraphInferencer,
    frames: VideoFrames | LatestFrames,
    out_dir: str | Path,
    name: str,
    settings: StreamSettings = StreamSettings(),
) -> Iterator[dict]:
    """Parse frames, and write ``NAME.jsonl``, ``NAME.mp4`` and ``NAME_timeline.png``.

    Only one frame at a time is in memory. The files are complete when the iterator ends, also
    after an error or when it is closed early; a line of ``NAME.jsonl`` is there as soon as its
    frame is parsed.

    Args:
        inferencer: The model; its ``show_progress`` should be False.
        frames: Where frames come from.
        out_dir: Folder to write to; files of an earlier run are replaced.
        name: NAME of the three files.
        settings: See :class:`StreamSettings`.

    Yields:
        dict: What is a line of ``NAME.jsonl``: ``video`` (its path, or the camera), ``frame``
        (from 0), ``time`` (seconds), ``width``, ``height``, ``task``; ``objects``, dicts of
        ``id`` (place in this list), ``track``, ``label``, ``name``, ``bbox``
        (``[x1, y1, x2, y2]`` in pixels), ``score`` and ``detected`` (else box and score are
        the last ones); and ``relations``, dicts of ``subject`` and ``object`` (ids),
        ``label``, ``predicate`` and ``score`` (the smoothed probability), best first.

    Raises:
        ValueError: If ``NAME.mp4`` is the video itself, or cannot be written; or a frame
            cannot be read or parsed.
    """
    names = inferencer.model.dataset_meta
    tracker = GraphTracker(names, frames.rate, settings)
    with StreamWriter(Path(out_dir), name, frames, names) as writer:
        for frame in frames:
            (result,) = inferencer.stream(
                frame.image,
                topk=1,
                return_datasamples=True,
                object_score_thr=settings.object_score_thr,
                top_objects=settings.top_objects,
            )
            (graph,) = result['predictions'].pred_scene_graphs.values()
            height, width = frame.image.shape[:2]
            line = dict(
                video=str(frames.path),
                frame=frame.index,
                time=round(frame.time, 4),
                width=width,
                height=height,
                task='sggen',
                **tracker.update(frame.time, graph),
            )
            writer.write(frame.image, line)
            yield line
