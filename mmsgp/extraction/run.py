"""Parse millions of images with Ray Data."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from mmsgp.engine.folder_lock import locked
from mmsgp.utils.files import clear_drafts, make_folder, replacing

from .blocks import Block, list_blocks
from .extractor import GraphExtractor, is_done
from .schema import SCHEMA_VERSION

PLAN = 'plan.json'
# Ray divides its work into so many tasks at most; a task is some blocks.
_MAX_TASKS = 2000
# No report to Ray's makers, no warnings of its C++ part, and workers that get as much
# of the processor as other processes (Ray's default is niceness 15).
_SETTINGS = dict(
    RAY_USAGE_STATS_ENABLED='0', RAY_BACKEND_LOG_LEVEL='fatal', RAY_worker_niceness='0'
)


def extract_graphs(
    inputs: Sequence[str | Path],
    output: str | Path,
    weights: str | Path,
    *,
    block_size: int = 1000,
    image_column: str | None = None,
    workers: int | None = None,
    gpus_per_worker: float = 0,
    address: str | None = None,
    on_progress: Callable[[int, int, int, int], None] | None = None,
    **extractor,
) -> dict[str, int]:
    """Parse images and write their graphs as Parquet.

    ``output`` gets ``graphs/part-*.parquet`` (:data:`~mmsgp.extraction.GRAPHS`) and, where
    images could not be parsed, ``failures/part-*.parquet``
    (:data:`~mmsgp.extraction.FAILURES`). Called again after a stop, it does the blocks that
    are not done.

    Args:
        inputs: See :func:`list_blocks`. On a cluster, all machines must see the same files.
        output: Folder of the results.
        weights: Checkpoint of training.
        block_size: Image files per block. Defaults to 1000.
        image_column: Column of images in Parquet files. Defaults to None: by its name.
        workers: Number of processes with a model. Defaults to None: as many as Ray has
            cores, or GPUs.
        gpus_per_worker: GPUs per process, e.g. 0.5. Defaults to 0: parse on the CPU.
        address: Address of a Ray cluster. Defaults to None: this machine alone.
        on_progress: Called as ``on_progress(blocks_done, blocks, parsed, failed)`` when a
            block is done. Defaults to None.
        **extractor: Other arguments of :class:`GraphExtractor`.

    Returns:
        dict: ``blocks``, ``parsed`` and ``failed``, of this call.

    Raises:
        BlockingIOError: If another process on this machine writes to ``output``.
        ValueError: If ``output`` was begun with other inputs or settings.
        OSError: If a file cannot be read or written.
    """
    output = Path(output).absolute()
    blocks = list_blocks([Path(path).absolute() for path in inputs], block_size, image_column)
    extractor.update(
        output=str(output), weights=str(Path(weights).absolute()), image_column=image_column
    )
    if not Path(weights).is_file():
        raise FileNotFoundError(f'{weights}: this checkpoint does not exist')
    with locked(output):
        _check_plan(output, _plan(blocks, extractor))
        for folder in ('graphs', 'failures', 'working'):
            make_folder(output / folder)
            clear_drafts(output / folder)
        todo = [block for block in blocks if not is_done(output, block)]
        done, total = len(blocks) - len(todo), dict(parsed=0, failed=0)
        if todo:
            with _ray(address):
                for counts in _parse(todo, extractor, workers, gpus_per_worker):
                    done += 1
                    total = {key: total[key] + counts[key] for key in total}
                    if on_progress is not None:
                        on_progress(done, len(blocks), *total.values())
    return dict(blocks=len(todo), **total)


def _parse(
    blocks: list[Block], extractor: dict, workers: int | None, gpus: float
) -> Iterator[dict[str, int]]:
    """Yield the counts of each block, as they are done."""
    import ray

    if workers is None:
        resources = ray.cluster_resources()
        number = resources.get('GPU', 0) / gpus if gpus else resources['CPU']
        workers = max(1, min(int(number), len(blocks)))
    rows = [dict(block=json.dumps(asdict(block))) for block in blocks]
    dataset = ray.data.from_items(rows, override_num_blocks=min(len(rows), _MAX_TASKS)).map(
        _BlockTask,
        fn_constructor_kwargs=dict(on_gpu=bool(gpus), **extractor),
        concurrency=workers,
        num_cpus=1,
        num_gpus=gpus,
    )
    try:
        yield from dataset.iter_rows()
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        raise cause if isinstance(cause, (OSError, ValueError)) else error from error


class _BlockTask:
    """What a worker of Ray calls with a row."""

    def __init__(self, on_gpu: bool, **extractor) -> None:
        device = extractor.pop('device', None) or ('cuda' if on_gpu else 'cpu')
        self._extract = GraphExtractor(device=device, **extractor)

    def __call__(self, row: dict) -> dict[str, int]:
        block = json.loads(row['block'])
        return self._extract(Block(**dict(block, files=tuple(block['files']))))


@contextmanager
def _ray(address: str | None) -> Iterator[None]:
    """Connect to a cluster, or start Ray on this machine; leave it at the end."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import ray

    local = {} if address else dict(include_dashboard=False)
    ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **local)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # Blocks end in any order, and a worker that died is replaced.
    context.execution_options.preserve_order = False
    logging.getLogger('ray.data').setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _plan(blocks: Sequence[Block], extractor: dict) -> dict:
    """What a run that goes on must have in common with the one that was stopped."""
    content = hashlib.sha256()
    for block in blocks:
        content.update(json.dumps(asdict(block)).encode())
    settings = {key: extractor.get(key) for key in ('topk', 'score_thr', 'image_column')}
    weights = Path(extractor['weights'])
    return dict(
        schema_version=SCHEMA_VERSION,
        blocks=len(blocks),
        inputs=content.hexdigest(),
        weights=str(weights),
        weights_bytes=weights.stat().st_size,
        config=extractor.get('config') and str(extractor['config']),
        **settings,
    )


def _check_plan(output: Path, plan: dict) -> None:
    path = output / PLAN
    if not path.exists():
        with replacing(path) as draft:
            draft.write_text(json.dumps(plan, indent=1) + '\n')
        return
    try:
        begun = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f'{path} is damaged: remove {output} and begin anew') from error
    changed = [key for key in plan if begun.get(key) != plan[key]]
    if changed:
        changes = ', '.join(f'{key} ({begun.get(key)}, now {plan[key]})' for key in changed)
        raise ValueError(
            f'{output} was begun with other settings: {changes}. Repeat them, or give '
            'another --output'
        )
