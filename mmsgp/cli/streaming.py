"""The part of mmsgp-infer that follows objects through videos and cameras."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console

from mmsgp.apis import SceneGraphInferencer
from mmsgp.apis.input_paths import is_video
from mmsgp.streams import GraphTracker, LatestFrames, StreamSettings, VideoFrames, parse_stream
from mmsgp.utils.progress import Progress

_OF_STREAMS = ('every', 'time_constant', 'show_thr', 'hide_thr', 'lost_seconds', 'new_track_thr')
_OF_IMAGES = (
    *('objects', 'batch_size', 'topk', 'score_thr', 'rank_by', 'predicates_per_pair', 'features'),
    *('overwrite', 'formats', 'max_objects', 'no_pictures'),
)


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    default = StreamSettings()
    group = parser.add_argument_group(
        'videos with tracks',
        'write the annotated video, a graph per frame as JSON lines, and a timeline of the '
        'relations: OUT/NAME.mp4, .jsonl and _timeline.png',
    )
    group.add_argument(
        '--track',
        action='store_true',
        help='follow the objects of videos, and smooth their relations over time '
        '(default: each frame is an image)',
    )
    group.add_argument(
        '--webcam',
        metavar='DEVICE',
        help='parse the latest frames of a camera, given by its number or file, '
        'until Ctrl-C; instead of inputs',
    )
    group.add_argument(
        '--every', type=int, default=1, metavar='N', help='parse one of N frames (default: 1)'
    )
    for option, text in (
        ('time-constant', 'seconds over which relations are smoothed'),
        ('show-thr', 'probability from which a relation is shown'),
        ('hide-thr', 'probability below which it is hidden again'),
        ('lost-seconds', 'time after which an object that is not detected is given up'),
        ('new-track-thr', 'lowest score of an object that is followed from now on'),
    ):
        group.add_argument(
            f'--{option}',
            type=float,
            default=getattr(default, option.replace('-', '_')),
            help=f'{text} (default: %(default)s)',
        )


def check_stream_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with the usage if options do not fit each other; fill in a default."""
    streams = args.track or args.webcam is not None
    without_effect = _OF_IMAGES if streams else _OF_STREAMS
    for name in without_effect:
        if getattr(args, name) != parser.get_default(name):
            option = f'--{name.replace("_", "-")}'
            parser.error(
                f'{option} has no effect with --track or --webcam: leave it out'
                if streams
                else f'{option} needs --track or --webcam'
            )
    if args.webcam is not None and (args.inputs or args.every != 1):
        parser.error('--webcam takes neither inputs nor --every')
    if args.webcam is None and not args.inputs:
        parser.error('give images, folders or videos, or --webcam DEVICE')
    if args.every < 1:
        parser.error(f'--every must be at least 1, got {args.every}')
    if args.object_score_thr is None:
        args.object_score_thr = StreamSettings().object_score_thr if streams else 0.0


def settings_of_images(settings: dict) -> dict:
    """Leave out the options of streams, which decide nothing about an image."""
    return {
        name: value
        for name, value in settings.items()
        if name not in (*_OF_STREAMS, 'track', 'webcam')
    }


def run_streams(
    args: argparse.Namespace, console: Console, report: Callable[[Exception], None]
) -> None:
    """Parse the videos, or the camera, of the command line.

    Args:
        args: The options.
        console: For messages.
        report: Called with the error of a video; the others are parsed.

    Raises:
        SystemExit: If a video could not be parsed, or was stopped.
    """
    settings = StreamSettings(
        **{name: getattr(args, name) for name in StreamSettings.__dataclass_fields__}
    )
    try:
        # Before the model is loaded: wrong settings, missing packages.
        GraphTracker(dict(classes=(), predicates=()), 25.0, settings)
    except ModuleNotFoundError as error:
        sys.exit(f'mmsgp-infer: {error}')
    inferencer = SceneGraphInferencer(
        args.model or args.config, args.checkpoint, args.device, show_progress=False
    )
    sources = [args.webcam] if args.webcam is not None else list(map(Path, args.inputs))
    names, failed = set(), 0
    for source in sources:
        name = _unused(f'webcam_{source}' if str(source).isdecimal() else Path(source).stem, names)
        number = 0
        try:
            frames = _open_frames(args, source)
            lines = parse_stream(inferencer, frames, args.out, name, settings)
            with (
                _stopped_by_signals(),
                Progress(f'parsing {name}', frames.total) as progress,
                closing(lines),
            ):
                for _ in lines:
                    number += 1
                    progress.advance()
        except KeyboardInterrupt:
            console.print(f'stopped: {_written(number, args.out, name)}', soft_wrap=True)
            sys.exit(130 if args.webcam is None else 0)
        except (OSError, ValueError) as error:
            report(error)
            failed += 1
        if number:
            console.print(_written(number, args.out, name), soft_wrap=True)
    if failed:
        sys.exit(f'mmsgp-infer: {failed} of {len(sources)} videos could not be parsed to their end')


def _open_frames(args: argparse.Namespace, source: Path | str) -> VideoFrames | LatestFrames:
    if args.webcam is not None:
        return LatestFrames(source, args.max_pixels)
    if source.is_file() and not is_video(source):
        raise ValueError(f'{source} is not a video: --track follows objects through videos')
    return VideoFrames(source, args.every, args.max_pixels)


def _written(number: int, folder: Path, name: str) -> str:
    frames = '1 frame' if number == 1 else f'{number} frames'
    return f'{frames} written into {folder / name}.mp4, .jsonl and _timeline.png'


def _unused(name: str, used: set[str]) -> str:
    """Number a name that was used before."""
    number, stem = 1, name
    while name in used:
        number += 1
        name = f'{stem}_{number}'
    used.add(name)
    return name


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM, too, end the block with a KeyboardInterrupt."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
