"""A page that parses images: drop one, see its boxes and its scene graph.

    python demo/app.py                 # the models that `make demo` trained
    python demo/app.py CHECKPOINT ...  # any others that training wrote

It answers to this machine alone unless --host says otherwise, and sends nothing out.
"""
from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import gradio as gr
import mmcv
import numpy as np
from rich.console import Console

from mmsgp.apis import (
    SceneGraphInferencer,
    describe_graph,
    save_graph,
    tabulate_relations,
)
from mmsgp.structures import SceneGraph
from mmsgp.utils.path_names import distinct_tails
from mmsgp.visualization import draw_scene_graph

WORK_DIRS = Path(__file__).resolve().parents[1] / 'work_dirs'
DEMO_MODELS = ('motifnet_cce_scorer_minivg', 'motifnet_ce_minivg')
MAX_RELATIONS = 100
MAX_DRAWN = 30
# More than most cameras take; a visitor waits for larger ones and fills the memory.
MAX_PIXELS = 16_000_000
COLUMNS = ['rank', 'subject', 'predicate', 'object', 'score']
WELCOME = 'Drop an image: its boxes and relations appear here.'


@dataclass
class Parsed:
    """An image and its graph, kept for the visitor who looks at it.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        graph: Its best relations.
        meta: ``classes``, ``predicates`` and perhaps ``palette``.
        told: What the model said, for JSON.
        folder: Where the file to download is written; gone with this object.
        seconds: How long parsing took.
    """
    image: np.ndarray
    graph: SceneGraph
    meta: dict
    told: dict
    folder: tempfile.TemporaryDirectory
    seconds: float


def find_demo_models() -> list[Path]:
    """The last checkpoints of the models that `make demo` trains."""
    found = []
    for name in DEMO_MODELS:
        epochs = sorted((WORK_DIRS / name).glob('epoch_*.pth'),
                        key=lambda path: int(path.stem.removeprefix('epoch_')))
        found += epochs[-1:]
    return found


def name_models(checkpoints: list[Path]) -> dict[str, Path]:
    """Checkpoints by what they are called on the page: folders and file."""
    names = distinct_tails(
        [str(path.resolve()).removesuffix('.pth') for path in checkpoints], least=2)
    return dict(zip(names, checkpoints))


@lru_cache(maxsize=4)
def load_model(checkpoint: Path, device: str | None,
               max_pixels: int) -> SceneGraphInferencer:
    return SceneGraphInferencer(weights=checkpoint, device=device, show_progress=False,
                                max_pixels=max_pixels)


def parse(path: str, inferencer: SceneGraphInferencer) -> Parsed:
    """Parse the image of a file.

    Raises:
        ValueError: If it is no image, too large, or too thin to be parsed.
    """
    start = time.perf_counter()
    try:
        result = inferencer(path, return_datasamples=True, return_vis=False)
    except ValueError as error:
        # Where the server keeps the file is not the visitor's business.
        raise ValueError(str(error).replace(path, Path(path).name)) from error
    seconds = time.perf_counter() - start
    sample, = result['predictions']
    graph = sample.pred_scene_graphs['sggen'].top(MAX_RELATIONS).cpu()
    height, width = sample.ori_shape
    return Parsed(
        image=mmcv.imread(path, flag='color', channel_order='rgb'),
        graph=graph,
        meta=inferencer.model.dataset_meta,
        told=dict(image=Path(path).name, width=width, height=height, task='sggen'),
        folder=tempfile.TemporaryDirectory(),
        seconds=seconds)


def tell(parsed: Parsed, topk: int, score_thr: float) -> dict:
    """The graph for JSON, with the relations that the page shows."""
    names = parsed.meta['classes'], parsed.meta['predicates']
    return parsed.told | describe_graph(parsed.graph, *names, topk, score_thr)


def draw(parsed: Parsed, topk: int, score_thr: float,
         highlight: int | None = None) -> np.ndarray:
    return draw_scene_graph(
        parsed.image, parsed.graph, parsed.meta['classes'],
        parsed.meta['predicates'], palette=parsed.meta.get('palette'), topk=topk,
        score_thr=score_thr, highlight=highlight)


def table_of(told: dict) -> list[list]:
    """A row for each relation."""
    return [[rank, *words, f'{score:.3f}']
            for rank, (*words, score) in enumerate(tabulate_relations(told), 1)]


def show(parsed: Parsed | None, topk: int, score_thr: float) -> tuple:
    """Status, picture, table and file to download."""
    if parsed is None:
        return WELCOME, None, [], gr.DownloadButton(interactive=False)
    told = tell(parsed, topk, score_thr)
    file = Path(parsed.folder.name, 'scene_graph.json')
    save_graph(told, file)
    number = len(told['relations'])
    status = (f"{len(told['objects'])} objects, {number} relations shown; parsed "
              f'in {parsed.seconds:.2f} s')
    return (status, draw(parsed, topk, score_thr), table_of(told),
            gr.DownloadButton(value=str(file), interactive=True))


def make_page(models: dict[str, Path], device: str | None = None,
              max_pixels: int = MAX_PIXELS) -> gr.Blocks:
    """The page.

    Args:
        models (dict[str, Path]): Checkpoints by the names on the page.
        device (str, optional): Where they run. Defaults to None: a GPU if there
            is one.
        max_pixels (int): Images of more are refused. Defaults to 16 million.
    """

    def on_image(path: str | None, model: str, topk: int, score_thr: float) -> tuple:
        if path is None:
            return None, *show(None, topk, score_thr)
        try:
            parsed = parse(path, load_model(models[model], device, max_pixels))
        except (OSError, ValueError) as error:
            # Where the server keeps the model is not the visitor's business.
            told = str(error).replace(str(models[model]), model)
            return None, f'**{told}**', *show(None, topk, score_thr)[1:]
        return parsed, *show(parsed, topk, score_thr)

    def on_row(parsed: Parsed, topk: int, score_thr: float,
               event: gr.SelectData) -> np.ndarray:
        # The row tells its rank, however the table is sorted.
        return draw(parsed, topk, score_thr, highlight=int(event.row_value[0]) - 1)

    with gr.Blocks(title='MMSGP', analytics_enabled=False, fill_width=True,
                   delete_cache=(600, 3600)) as page:
        gr.Markdown('# MMSGP: images to scene graphs')
        parsed = gr.State()
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                image = gr.File(label='Image', file_types=['image'], height=140,
                                elem_id='image')
                model = gr.Dropdown(list(models), value=next(iter(models)),
                                    label='Model', elem_id='model')
                topk = gr.Slider(1, MAX_DRAWN, value=12, step=1, label='Relations (K)',
                                 elem_id='topk')
                score_thr = gr.Slider(0, 1, value=0, step=0.01, label='Least score',
                                      elem_id='score-thr')
                download = gr.DownloadButton('Download JSON', interactive=False,
                                             elem_id='download')
            with gr.Column(scale=3):
                status = gr.Markdown(WELCOME, elem_id='status')
                gr.Markdown('### Boxes and graph')
                # A label would cover the picture's corner.
                picture = gr.Image(label='Boxes and graph', show_label=False,
                                   interactive=False,
                                   format='png', buttons=['download', 'fullscreen'],
                                   elem_id='picture')
                table = gr.Dataframe(
                    headers=COLUMNS, interactive=False, type='array',
                    label='Relations: click one to see its boxes', elem_id='table')
        shown = [status, picture, table, download]
        settings = [topk, score_thr]
        for event in (image.upload, image.clear, model.change):
            event(on_image, [image, model, *settings], [parsed, *shown])
        for slider in settings:
            slider.change(show, [parsed, *settings], shown, trigger_mode='always_last')
        table.select(on_row, [parsed, *settings], picture)
    return page


def launch(page: gr.Blocks, **kwargs) -> str:
    """Serve the page from threads of this process, and from nowhere else.

    Args:
        page (gr.Blocks): The page.
        **kwargs: Arguments of Gradio's ``launch``.

    Returns:
        str: Its address.
    """
    return page.launch(share=False, ssr_mode=False, enable_monitoring=False,
                       footer_links=[], quiet=True, prevent_thread_lock=True,
                       **kwargs)[1]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'checkpoints', nargs='*', type=Path,
        help='checkpoints of scene graph parsers, to choose among '
        '(default: those of `make demo`)')
    parser.add_argument(
        '--host', default='127.0.0.1',
        help='address to answer at (default: 127.0.0.1, this machine alone)')
    parser.add_argument(
        '--port', type=int, help='(default: the first free one from 7860)')
    parser.add_argument(
        '--max-size', default='10mb', help='largest file (default: 10mb)')
    parser.add_argument(
        '--max-pixels', type=int, default=MAX_PIXELS,
        help='images of more are refused (default: %(default)s)')
    parser.add_argument('--device', help='such as cpu or cuda:1')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    checkpoints = args.checkpoints or find_demo_models()
    if not checkpoints:
        sys.exit(f'no model: {WORK_DIRS / DEMO_MODELS[0]} has no checkpoint. `make '
                 'demo` trains one, or name one that you have: python demo/app.py '
                 'CHECKPOINT')
    missing = [str(path) for path in checkpoints if not path.is_file()]
    if missing:
        sys.exit(f'demo/app.py: no such checkpoint: {", ".join(missing)}')
    models = name_models(checkpoints)
    try:
        load_model(next(iter(models.values())), args.device, args.max_pixels)
    except (OSError, ValueError) as error:
        sys.exit(f'demo/app.py: {error}')
    page = make_page(models, args.device, args.max_pixels)
    address = launch(page, server_name=args.host, server_port=args.port,
                     max_file_size=args.max_size)
    Console().print(f'The page is at {address}', soft_wrap=True)
    page.block_thread()


if __name__ == '__main__':
    main()
