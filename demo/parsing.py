"""Functions for the worker process of the page."""

from __future__ import annotations

import copy
import time
from functools import lru_cache
from pathlib import Path

import mmcv

from mmsgp.apis import SceneGraphInferencer

MAX_RELATIONS = 1000  # from which the page chooses
MAX_SIDE = 1200  # pixels of the kept image, twice its size in the picture


@lru_cache(maxsize=4)
def load_model(checkpoint: Path, device: str | None) -> SceneGraphInferencer:
    return SceneGraphInferencer(weights=checkpoint, device=device, show_progress=False)


def parse(path: str, checkpoint: Path, device: str | None) -> dict:
    """Parse an image file; called in the worker.

    Returns:
        dict: Arguments of the page's ``Parsed``.

    Raises:
        OSError: If the checkpoint does not exist.
        ValueError: If the file is not an image, or too thin to be parsed.
    """
    inferencer = load_model(checkpoint, device)
    start = time.perf_counter()
    try:
        result = inferencer(path, return_datasamples=True, return_vis=False)
    except ValueError as error:
        # Do not show the server's paths to visitors.
        raise ValueError(str(error).replace(path, Path(path).name)) from error
    seconds = time.perf_counter() - start
    (sample,) = result['predictions']
    graph = sample.pred_scene_graphs['sggen'].top(MAX_RELATIONS).cpu()
    height, width = sample.ori_shape
    image = mmcv.imread(path, flag='color', channel_order='rgb')
    drawn = copy.deepcopy(graph)
    scale = MAX_SIDE / max(height, width)
    if scale < 1:
        image = mmcv.imrescale(image, scale)
        drawn.objects.bboxes *= scale
    return dict(
        image=image,
        graph=graph,
        drawn=drawn,
        meta=inferencer.model.dataset_meta,
        info=dict(image=Path(path).name, width=width, height=height, task='sggen'),
        seconds=seconds,
    )


def check_model(checkpoint: Path, device: str | None) -> None:
    """Load a model in the worker and cache it; called when the worker starts."""
    load_model(checkpoint, device)
