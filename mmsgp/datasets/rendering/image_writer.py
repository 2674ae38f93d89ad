"""Render the images of a data set into a folder, in parallel, once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mmsgp.utils.files import replacing
from mmsgp.utils.hashing import hash_arrays
from mmsgp.utils.progress import Progress

from .renderer import LayoutRenderer

#: File beside the images with a fingerprint of their layouts.
MARKER = '.rendered.json'
JPEG_QUALITY = 92
_CHUNK = 25


class Layout(NamedTuple):
    """Arguments of :meth:`LayoutRenderer.render` for an image."""

    image_id: int
    width: int
    height: int
    boxes: np.ndarray
    labels: np.ndarray
    depths: np.ndarray | None = None


def render_images(
    renderer: LayoutRenderer,
    layouts: Sequence[Layout],
    image_dir: str | os.PathLike,
    num_workers: int = 2,
) -> int:
    """Render layouts as ``<image_id>.jpg``, with a progress bar.

    Images of the same layouts and the same renderer stay, so that an interrupted
    call can continue; other images of an earlier call are removed first. Images
    that were not rendered here are never replaced.

    Args:
        renderer: The renderer.
        layouts: One per image.
        image_dir: Folder of the images; created if it does not exist.
        num_workers: Number of processes; the images do not depend on it.

    Returns:
        int: Number of images rendered by this call.

    Raises:
        ValueError: If ``num_workers`` is below 1.
        FileExistsError: If the folder holds images that were not rendered.
    """
    if num_workers < 1:
        raise ValueError(f'num_workers must be at least 1, got {num_workers}')
    image_dir = Path(image_dir)
    image_dir.mkdir(parents=True, exist_ok=True)
    _prepare_folder(image_dir, _fingerprint(renderer, layouts))
    missing = [layout for layout in layouts if not (image_dir / f'{layout.image_id}.jpg').is_file()]
    # One chunk per task: less data for the workers.
    chunks = [missing[i : i + _CHUNK] for i in range(0, len(missing), _CHUNK)]
    render = partial(_render_chunk, renderer, image_dir)
    # OpenCV's threads do not survive a fork, and the threads of all workers
    # would compete for the cores.
    threads = cv2.getNumThreads()
    with ExitStack() as stack:
        stack.callback(cv2.setNumThreads, threads)
        cv2.setNumThreads(1)
        progress = stack.enter_context(Progress('rendering images', len(missing), bool(missing)))
        run = map if num_workers == 1 else stack.enter_context(Pool(num_workers)).imap_unordered
        for number in run(render, chunks):
            progress.advance(number)
    return len(missing)


def _render_chunk(renderer: LayoutRenderer, image_dir: Path, layouts: Sequence[Layout]) -> int:
    for layout in layouts:
        image = renderer.render(*layout)
        _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        path = image_dir / f'{layout.image_id}.jpg'
        with replacing(path) as draft:
            draft.write_bytes(data.tobytes())
    return len(layouts)


def _fingerprint(renderer: LayoutRenderer, layouts: Sequence[Layout]) -> str:
    arrays = (
        np.asarray(-1 if value is None else value, dtype=np.float64)
        for layout in layouts
        for value in layout
    )
    return hash_arrays(arrays, prefix=repr(renderer).encode())


def _prepare_folder(image_dir: Path, fingerprint: str) -> None:
    """Remove the images of other layouts."""
    marker = image_dir / MARKER
    images = [p for p in image_dir.glob('*.jpg') if p.stem.isdigit()]
    if marker.is_file():
        if json.loads(marker.read_text())['fingerprint'] == fingerprint:
            return
        for path in images:
            path.unlink()
    elif images:
        raise FileExistsError(
            f'{image_dir} holds {len(images)} images (e.g. {images[0].name}) '
            f'that were not rendered: it has no {MARKER}. Give another '
            'folder, or move the images away'
        )
    with replacing(marker) as draft:
        draft.write_text(json.dumps({'fingerprint': fingerprint}))
