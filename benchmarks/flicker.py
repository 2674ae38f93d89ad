"""How often relations flicker in videos, with and without the filter.

Scenes of MiniVG's test split become videos: objects sway, and each frame has noise of its own.
A trained parser of MiniVG parses each frame once; objects are tracked once. A relation is a
predicate between two tracks. It flickers if it vanishes for one or two frames and comes back.
The share is that of the relations that were ever shown. "each frame alone" shows what has the
probability --show-thr in this very frame.

    python benchmarks/flicker.py CHECKPOINT [--scenes 8] [--frames 50]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from mmsgp.apis import SceneGraphInferencer
from mmsgp.datasets.minivg.generate import annotated_scene
from mmsgp.datasets.minivg.scene import SIDE
from mmsgp.datasets.minivg.tables import CLASSES
from mmsgp.datasets.rendering.renderer import LayoutRenderer
from mmsgp.streams import (
    UNTRACKED,
    ObjectTracker,
    RelationFilter,
    StreamSettings,
    relation_probabilities,
)

RATE = 10.0
NOISE = 6.0  # grey levels, as in MiniVG's images
LONGEST_GAP = 2


def moving_scene(place: int, frames: int) -> Iterator[np.ndarray]:
    """Render a scene whose objects sway by up to 10 pixels."""
    scene = annotated_scene(0, 'test', place)
    renderer = LayoutRenderer(len(CLASSES), appearances=list(CLASSES.values()), noise=0)
    rng = np.random.default_rng([0, place])
    phase = rng.uniform(0, 2 * np.pi, (len(scene.boxes), 2))
    speed = rng.uniform(0.5, 1.5, (len(scene.boxes), 1))
    for frame in range(frames):
        sway = np.array([5, 1.5]) * (np.sin(phase + speed * frame / RATE) - np.sin(phase))
        boxes = scene.boxes + np.tile(sway, 2)
        image = renderer.render(place, SIDE, SIDE, boxes, scene.labels, scene.depths)
        noisy = image + NOISE * rng.standard_normal(image.shape)
        yield np.clip(noisy + 0.5, 0, 255).astype(np.uint8)


def measure(inferencer: SceneGraphInferencer, images: Iterator[np.ndarray]) -> Iterator[tuple]:
    """Yield the detected tracks, (D,), and the probabilities, (D, D, R), of each frame."""
    settings = StreamSettings()
    tracker = ObjectTracker(RATE, settings.lost_seconds, settings.new_track_thr)
    for index, image in enumerate(images):
        (result,) = inferencer.stream(
            image, topk=1, return_datasamples=True, object_score_thr=settings.object_score_thr
        )
        (graph,) = result['predictions'].pred_scene_graphs.values()
        objects = graph.objects.numpy()
        tracks = tracker.update(index / RATE, objects.bboxes, objects.labels, objects.scores)
        rows = np.flatnonzero(tracks != UNTRACKED)
        yield tracks[rows], relation_probabilities(graph)[np.ix_(rows, rows)]


def shown_alone(measured: list[tuple], show_thr: float) -> Iterator[list[tuple]]:
    for tracks, probabilities in measured:
        yield [
            (tracks[subject], tracks[object_], predicate + 1)
            for subject, object_, predicate in np.argwhere(probabilities >= show_thr)
        ]


def shown_filtered(measured: list[tuple], **settings: float) -> Iterator[list[tuple]]:
    smoother = RelationFilter(measured[0][1].shape[2], **settings)
    for index, (tracks, probabilities) in enumerate(measured):
        yield [relation[:3] for relation in smoother.update(index / RATE, tracks, probabilities)]


def count(shown: Iterator[list[tuple]]) -> np.ndarray:
    """Count the relations ever shown, those that flicker, and all over all frames."""
    frames = defaultdict(list)
    for index, relations in enumerate(shown):
        for relation in relations:
            frames[relation].append(index)
    gaps = [np.diff(indices) - 1 for indices in frames.values()]
    flickering = sum(bool(((gap >= 1) & (gap <= LONGEST_GAP)).any()) for gap in gaps)
    return np.array([len(frames), flickering, sum(map(len, frames.values()))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('checkpoint', type=Path, help='of a parser that was trained on MiniVG')
    parser.add_argument('--scenes', type=int, default=8)
    parser.add_argument('--frames', type=int, default=50, help='per scene')
    args = parser.parse_args()
    inferencer = SceneGraphInferencer(weights=args.checkpoint, device='cpu', show_progress=False)
    start = time.perf_counter()
    videos = [
        list(measure(inferencer, moving_scene(place, args.frames))) for place in range(args.scenes)
    ]
    seconds = time.perf_counter() - start
    show, hide = StreamSettings().show_thr, StreamSettings().hide_thr
    ways = {
        'each frame alone': lambda video: shown_alone(video, show),
        'missed detections are no evidence': lambda video: shown_filtered(
            video, time_constant=0, show_thr=show, hide_thr=show
        ),
        '+ two thresholds': lambda video: shown_filtered(
            video, time_constant=0, show_thr=show, hide_thr=hide
        ),
        '+ log-odds over time (the default)': lambda video: shown_filtered(video),
    }
    table = Table('shown by', title=f'{args.scenes} videos of {args.frames} frames')
    for header in ('relations', 'flickering', 'share', 'shown per frame'):
        table.add_column(header, justify='right')
    results = {}
    for name, way in ways.items():
        relations, flickering, total = sum(count(way(video)) for video in videos)
        share = flickering / max(relations, 1)
        per_frame = total / (args.scenes * args.frames)
        results[name] = dict(
            relations=int(relations), flickering=int(flickering), shown_per_frame=per_frame
        )
        table.add_row(
            name, str(relations), str(flickering), f'{100 * share:.1f} %', f'{per_frame:.1f}'
        )
    console = Console()
    console.print(table)
    print(json.dumps(dict(results=results, seconds_of_parsing=round(seconds, 1))))


if __name__ == '__main__':
    main()
