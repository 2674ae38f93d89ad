"""Serve a web page that parses images and videos into boxes and scene graphs.

    python demo/app.py                 # the models of `make demo`
    python demo/app.py CHECKPOINT ...  # other checkpoints of training

Without --host, only this machine can reach it. It sends no data anywhere. Models run
in another process, because a request may crash it or take too long.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from functools import partial
from pathlib import Path

import gradio as gr
import numpy as np
from guard import Guard, give_memory_back, own_folder
from parsing import check_model, parse
from rich.console import Console
from shown import AS_TRAINED, COLUMNS, WELCOME, Parsed, Settings, draw, hide_paths, show
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from video import add_video

from mmsgp.apis.worker import Worker
from mmsgp.datasets import image_files
from mmsgp.reporting.run_names import distinct_tails
from mmsgp.structures.ranking import RANKINGS

WORK_DIRS = Path(__file__).resolve().parents[1] / 'work_dirs'
DEMO_MODELS = ('motifnet_cce_scorer_minivg', 'motifnet_ce_minivg')
MAX_DRAWN = 30
# More than most cameras have. Larger images take long and fill the memory.
MAX_PIXELS = 16_000_000
MAX_WAITING = 32
MAX_SESSIONS = 50  # sessions whose images are kept
KEEP_SECONDS = 3600
LOOPBACK = ('127.0.0.1', 'localhost')


def find_demo_models() -> list[Path]:
    """List the last checkpoints of the models of `make demo`."""
    found = []
    for name in DEMO_MODELS:
        epochs = sorted(
            (WORK_DIRS / name).glob('epoch_*.pth'),
            key=lambda path: int(path.stem.removeprefix('epoch_')),
        )
        found += epochs[-1:]
    return found


def name_models(checkpoints: list[Path]) -> dict[str, Path]:
    """Name checkpoints for the page by their folders and file."""
    names = distinct_tails(
        [str(path.resolve()).removesuffix('.pth') for path in checkpoints], least=2
    )
    return dict(zip(names, checkpoints))


def check_image(path: str, max_pixels: int) -> None:
    """Check the header of a visitor's file; errors show the visitor's file name.

    Raises:
        ValueError: If it is not an image, or has too many pixels.
    """
    with open(path, 'rb') as file:
        image_files.check_image(file, Path(path).name, max_pixels)


def refuse_addresses(component: gr.File | gr.Video) -> None:
    """Make a component accept only uploads; Gradio would also download URLs."""
    take = component.async_move_resource_to_block_cache

    async def take_upload(path: str | Path | None) -> str | None:
        if '://' in str(path):
            raise gr.Error('upload the file itself', print_exception=False)
        return await take(path)

    component.async_move_resource_to_block_cache = take_upload


def make_page(
    models: dict[str, Path], worker: Worker, device: str | None = None, max_pixels: int = MAX_PIXELS
) -> gr.Blocks:
    """Build the page.

    Args:
        models: Checkpoints by their names on the page.
        worker: Process that runs the models.
        device: Device of the models. Defaults to None: a GPU if there is one.
        max_pixels: Largest number of pixels of an image. Defaults to 16 million.
    """

    def on_image(path: str | None, model: str, *settings) -> tuple:
        if path is None:
            return None, *show(None)
        try:
            check_image(path, max_pixels)
            parsed = Parsed(**worker(parse, path, models[model], device))
        except TimeoutError as error:
            message = f'{Path(path).name}: {error}; try a smaller image'
        except (OSError, ValueError) as error:
            message = hide_paths(str(error), models)
        else:
            return parsed, *show(parsed, *settings)
        return None, f'**{message}**', *show(None)[1:]

    def on_row(
        parsed: Parsed,
        topk: int,
        score_thr: float,
        rank_by: str,
        per_pair: int,
        object_thr: float,
        event: gr.SelectData,
    ) -> np.ndarray:
        settings = Settings(topk, score_thr, rank_by, per_pair, object_thr)
        # The row contains its rank, even if the table is sorted.
        return draw(parsed, settings, highlight=int(event.row_value[0]) - 1)

    with gr.Blocks(
        title='MMSGP', analytics_enabled=False, fill_width=True, delete_cache=(600, KEEP_SECONDS)
    ) as page:
        gr.Markdown('# MMSGP: images to scene graphs')
        parsed = gr.State(time_to_live=KEEP_SECONDS)
        with gr.Tab('Image'), gr.Row():
            with gr.Column(scale=1, min_width=280):
                image = gr.File(label='Image', file_types=['image'], height=140, elem_id='image')
                refuse_addresses(image)
                model = gr.Dropdown(
                    list(models), value=next(iter(models)), label='Model', elem_id='model'
                )
                topk = gr.Slider(
                    1, MAX_DRAWN, value=12, step=1, label='Relations (K)', elem_id='topk'
                )
                score_thr = gr.Slider(
                    0, 1, value=0, step=0.01, label='Least score', elem_id='score-thr'
                )
                rank_by = gr.Dropdown(
                    [AS_TRAINED, *RANKINGS],
                    value=AS_TRAINED,
                    label='Score',
                    info='sorts the relations; the least score refers to it',
                    elem_id='rank-by',
                )
                per_pair = gr.Slider(
                    1, 5, value=1, step=1, label='Predicates per pair', elem_id='per-pair'
                )
                object_thr = gr.Slider(
                    0, 1, value=0, step=0.01, label='Least object score', elem_id='object-thr'
                )
                download = gr.DownloadButton('Download JSON', interactive=False, elem_id='download')
            with gr.Column(scale=3):
                status = gr.Markdown(WELCOME, elem_id='status')
                gr.Markdown('### Boxes and graph')
                # A label would cover a corner of the picture.
                picture = gr.Image(
                    label='Boxes and graph',
                    show_label=False,
                    interactive=False,
                    format='png',
                    buttons=['download', 'fullscreen'],
                    elem_id='picture',
                )
                table = gr.Dataframe(
                    headers=COLUMNS,
                    interactive=False,
                    type='array',
                    label='Relations: click one to see its boxes',
                    elem_id='table',
                )
        with gr.Tab('Video'):
            add_video(models, worker, device, max_pixels, KEEP_SECONDS, refuse_addresses)
        shown = [status, picture, table, download]
        settings = [topk, score_thr, rank_by, per_pair, object_thr]
        for event in (image.upload, image.clear, model.change):
            event(on_image, [image, model, *settings], [parsed, *shown])
        for slider in settings:
            slider.change(show, [parsed, *settings], shown, trigger_mode='always_last')
        table.select(on_row, [parsed, *settings], picture)
    return page.queue(max_size=MAX_WAITING)


def launch(page: gr.Blocks, max_size: int, hosts: list[str], **kwargs) -> str:
    """Serve the page from threads of this process only.

    Args:
        page: The page.
        max_size: Largest file in bytes.
        hosts: Accepted host names of requests; ``'*'`` accepts any. Other names
            may be an attack through a visitor's browser (DNS rebinding).
        **kwargs: Arguments of Gradio's ``launch``.

    Returns:
        str: Address of the page.
    """
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(Guard, max_size=max_size),
    ]
    return page.launch(
        share=False,
        ssr_mode=False,
        enable_monitoring=False,
        footer_links=[],
        quiet=True,
        prevent_thread_lock=True,
        max_file_size=max_size,
        state_session_capacity=MAX_SESSIONS,
        app_kwargs=dict(middleware=middleware),
        **kwargs,
    )[1]


def size_in_bytes(text: str) -> int:
    """Parse a size such as ``10mb`` or ``800kb``.

    Raises:
        argparse.ArgumentTypeError: If it is not a size.
    """
    match = re.fullmatch(r'(\d+) ?(kb|mb|gb)', text.lower())
    if match is None:
        raise argparse.ArgumentTypeError(f'{text} is not a size such as 10mb')
    return int(match[1]) * dict(kb=2**10, mb=2**20, gb=2**30)[match[2]]


# One statement per argument.
# fmt: off
def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'checkpoints', nargs='*', type=Path,
        help='checkpoints of scene graph parsers for the page '
        '(default: those of `make demo`)')
    parser.add_argument(
        '--host', default='127.0.0.1',
        help='address to listen at (default: 127.0.0.1, for this machine only)')
    parser.add_argument(
        '--port', type=int, help='(default: the first free one from 7860)')
    parser.add_argument(
        '--hosts', nargs='+', metavar='NAME',
        help='accepted host names of requests, behind a proxy or with --host '
        "(default: this machine's own at 127.0.0.1, any with another --host)")
    parser.add_argument(
        '--max-size', type=size_in_bytes, default='10mb',
        help='largest size of a file (default: 10mb)')
    parser.add_argument(
        '--time-limit', type=float, default=60,
        help='largest number of seconds per image (default: 60)')
    parser.add_argument(
        '--max-pixels', type=int, default=MAX_PIXELS,
        help='images with more pixels are refused (default: %(default)s)')
    parser.add_argument('--device', help='e.g. cpu or cuda:1')
    return parser.parse_args()
# fmt: on


def main() -> None:
    args = parse_args()
    checkpoints = args.checkpoints or find_demo_models()
    if not checkpoints:
        sys.exit(
            f'{WORK_DIRS / DEMO_MODELS[0]} has no checkpoint: train one with '
            '`make demo`, or give another: python demo/app.py CHECKPOINT'
        )
    missing = [str(path) for path in checkpoints if not path.is_file()]
    if missing:
        sys.exit(f'demo/app.py: checkpoint does not exist: {", ".join(missing)}')
    models = name_models(checkpoints)
    # So that SIGTERM, too, ends the worker and removes the folder.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    first = partial(check_model, next(iter(models.values())), args.device)
    with own_folder(), Worker(args.time_limit, prepare=first) as worker:
        try:
            worker.start()
        except (OSError, ValueError) as error:
            sys.exit(f'demo/app.py: {error}')
        page = make_page(models, worker, args.device, args.max_pixels)
        hosts = args.hosts or (LOOPBACK if args.host in LOOPBACK else ['*'])
        give_memory_back()
        address = launch(
            page, args.max_size, list(hosts), server_name=args.host, server_port=args.port
        )
        Console().print(f'The page is at {address}', soft_wrap=True)
        page.block_thread()


if __name__ == '__main__':
    main()
