"""The page's part for videos, and its function for the worker process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path

import gradio as gr
from parsing import load_model
from shown import hide_paths

from mmsgp.apis.worker import Worker
from mmsgp.streams import VideoFrames, parse_stream

MAX_FRAMES = 60  # frames that are parsed; of longer videos one of several
NAME = 'video'
WELCOME = 'Drop or record a video: its objects are followed, and their relations shown over time.'


def parse_video(
    path: str, checkpoint: Path, device: str | None, folder: str, max_pixels: int
) -> dict:
    """Parse a video file; called in the worker.

    Args:
        path: The file.
        checkpoint: The model.
        device: Its device.
        folder: Gets what :func:`~mmsgp.streams.parse_stream` writes.
        max_pixels: Largest number of pixels of a frame.

    Returns:
        dict: ``frames`` that were parsed, of which ``every`` so many one, in ``seconds``.

    Raises:
        OSError: If the checkpoint does not exist.
        ValueError: If the file is not a video, is damaged or too large.
        ModuleNotFoundError: If the packages of the tracker are not installed.
    """
    inferencer = load_model(checkpoint, device)
    start = time.perf_counter()
    try:
        every = -(-(VideoFrames(path, 1, max_pixels).total or 1) // MAX_FRAMES)
        frames = VideoFrames(path, every, max_pixels)
        with closing(parse_stream(inferencer, frames, folder, NAME)) as lines:
            number = sum(1 for _ in islice(lines, MAX_FRAMES))
    except ValueError as error:
        # Do not show the server's paths to visitors.
        raise ValueError(str(error).replace(path, Path(path).name)) from error
    return dict(frames=number, every=every, seconds=time.perf_counter() - start)


def add_video(
    models: dict[str, Path],
    worker: Worker,
    device: str | None,
    max_pixels: int,
    keep_seconds: int,
    refuse_addresses: Callable[[gr.Video], None],
) -> None:
    """Add the part for videos to the page that is being built.

    Args:
        models: Checkpoints by their names on the page.
        worker: Process that runs the models.
        device: Device of the models.
        max_pixels: Largest number of pixels of a frame.
        keep_seconds: Time for which a visitor's files are kept.
        refuse_addresses: Makes a component accept only uploads.
    """

    def on_video(path: str | None, model: str) -> tuple:
        if path is None:
            return None, WELCOME, None, None, gr.DownloadButton(interactive=False)
        # Removed with this object, when the visitor's session ends.
        folder = tempfile.TemporaryDirectory()
        try:
            parsed = worker(parse_video, path, models[model], device, folder.name, max_pixels)
        except TimeoutError as error:
            message = f'{Path(path).name}: {error}; try a shorter or smaller video'
        except (OSError, ValueError, ModuleNotFoundError) as error:
            message = hide_paths(str(error), models)
        else:
            files = [str(Path(folder.name, NAME + end)) for end in ('.mp4', '_timeline.png')]
            lines = gr.DownloadButton(
                value=str(Path(folder.name, f'{NAME}.jsonl')), interactive=True
            )
            which = '' if parsed['every'] == 1 else f', one of {parsed["every"]}'
            status = f'{parsed["frames"]} frames{which}; parsed in {parsed["seconds"]:.2f} s'
            return folder, status, *files, lines
        return None, f'**{message}**', None, None, gr.DownloadButton(interactive=False)

    kept = gr.State(time_to_live=keep_seconds)
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            clip = gr.Video(label='Video', sources=['upload', 'webcam'], height=260, elem_id='clip')
            refuse_addresses(clip)
            model = gr.Dropdown(
                list(models), value=next(iter(models)), label='Model', elem_id='video-model'
            )
            parse = gr.Button('Parse', variant='primary', elem_id='parse-video')
            download = gr.DownloadButton(
                'Download JSON lines', interactive=False, elem_id='download-lines'
            )
        with gr.Column(scale=3):
            status = gr.Markdown(WELCOME, elem_id='video-status')
            shown = gr.Video(
                label='Objects and relations', interactive=False, elem_id='shown-video'
            )
            timeline = gr.Image(
                label='Timeline of relations',
                interactive=False,
                format='png',
                buttons=['download', 'fullscreen'],
                elem_id='timeline',
            )
    outputs = [kept, status, shown, timeline, download]
    parse.click(on_video, [clip, model], outputs)
    clip.clear(on_video, [clip, model], outputs)
