"""Parse a block of images and write its graphs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mmsgp.apis import SceneGraphInferencer
from mmsgp.datasets.image_files import MAX_PIXELS, decode_image, read_image
from mmsgp.utils.files import replacing

from .blocks import Block
from .items import Item, read_items
from .journal import Journal
from .schema import FAILURES, GRAPHS, graph_row


class GraphExtractor:
    """Holds a model; parses blocks of images and writes ``graphs/`` and ``failures/``.

    A block is done when its file in ``graphs/`` exists. This file appears last, and
    complete: a block that was stopped on its way is done again and leaves one file.

    Args:
        output: Folder of the results.
        weights: Checkpoint of training.
        config: Its config. Defaults to None: the one in the checkpoint.
        device: Device of the model. Defaults to None: a GPU if there is one.
        batch_size: Images per forward pass. Defaults to 1.
        topk: Relations to keep per image. Defaults to 100.
        score_thr: Lowest score of relations to keep. Defaults to 0.0.
        image_column: Column of images in Parquet files. Defaults to None: found by its
            name, see :func:`list_blocks`.
        max_pixels: Larger images are not decoded. Defaults to 64 million.
    """

    def __init__(
        self,
        output: str | Path,
        weights: str | Path,
        config: str | Path | None = None,
        device: str | None = None,
        batch_size: int = 1,
        topk: int = 100,
        score_thr: float = 0.0,
        image_column: str | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.output = Path(output)
        self.batch_size = batch_size
        self.image_column = image_column
        self.max_pixels = max_pixels
        self.kept = dict(topk=topk, pred_score_thr=score_thr)
        self.inferencer = SceneGraphInferencer(config, weights, device, show_progress=False)

    def __call__(self, block: Block) -> dict[str, int]:
        """Do a block, unless it is done.

        Returns:
            dict: ``parsed`` and ``failed``, numbers of images.
        """
        if is_done(self.output, block):
            return dict(parsed=0, failed=0)
        journal = Journal(self.output / 'working' / f'{block.name}.json')
        items = read_items(block, self.image_column)
        graphs, failures = [], []
        for batch in journal.batches(items, self.batch_size):
            for item, graph in zip(batch, self._parse_items(batch)):
                if isinstance(graph, dict):
                    graphs.append(graph_row(item.name, graph))
                else:
                    failures.append(dict(image=item.name, error=graph))
        if failures:
            self._write('failures', block, failures, FAILURES)
        self._write('graphs', block, graphs, GRAPHS)
        journal.remove()
        return dict(parsed=len(graphs), failed=len(failures))

    def _parse_items(self, items: Sequence[Item]) -> list[dict | str]:
        """Graphs of a batch; a text for an image that has none."""
        found = list(map(self._read, items))
        readable = [index for index, image in enumerate(found) if isinstance(image, np.ndarray)]
        for index, graph in zip(readable, self._parse([found[index] for index in readable])):
            found[index] = graph
        return found

    def _read(self, item: Item) -> np.ndarray | str:
        """Decode an image, upright, or return why it cannot be."""
        if item.error is not None:
            return item.error
        try:
            if item.content is None:
                return read_image(item.name, 'color', self.max_pixels)
            return decode_image(item.content, item.name, 'color', self.max_pixels)
        except (OSError, ValueError) as error:
            return str(error)

    def _parse(self, images: Sequence[np.ndarray]) -> list[dict | str]:
        """Parse a batch; if it fails, its images one by one, to find the bad one."""
        if not images:
            return []
        try:
            results = self.inferencer.stream(list(images), batch_size=len(images), **self.kept)
            return [result['predictions'] for result in results]
        except (ValueError, RuntimeError, ArithmeticError) as error:
            if len(images) == 1:
                return [str(error)]
        return [graph for image in images for graph in self._parse([image])]

    def _write(self, folder: str, block: Block, rows: list[dict], schema: pa.Schema) -> None:
        with replacing(self.output / folder / f'{block.name}.parquet') as draft:
            table = pa.Table.from_pylist(rows, schema=schema)
            pq.write_table(table, draft, compression='zstd')


def is_done(output: Path, block: Block) -> bool:
    """Whether the graphs of a block are written."""
    return (output / 'graphs' / f'{block.name}.parquet').exists()
