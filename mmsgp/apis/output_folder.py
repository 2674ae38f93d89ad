"""The files that a parsed image becomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmsgp.structures import SceneGraphDataSample
from mmsgp.utils.unwritten import may_be_unwritten

from .feature_file import FeatureFile
from .graph_export import WRITERS, save_graph


@dataclass(frozen=True)
class OutputFolder:
    """A folder with pictures in ``vis/`` and graphs in ``preds/``.

    Args:
        out_dir: The folder; ``''`` if nothing is written.
        formats: File formats of graphs, keys of :data:`~.graph_export.WRITERS`.
        graphs: Whether graphs are written. Defaults to True.
        pictures: Whether pictures are written. Defaults to True.
        features: The file of features. Defaults to None: none are written.

    Raises:
        ValueError: If a format is unknown.
    """

    out_dir: str | Path
    formats: Sequence[str]
    graphs: bool = True
    pictures: bool = True
    features: FeatureFile | None = None

    def __post_init__(self) -> None:
        unknown = set(self.formats) - set(WRITERS)
        if unknown:
            raise ValueError(f'formats must be some of {tuple(WRITERS)}, got {sorted(unknown)}')

    @property
    def path(self) -> Path | None:
        """The folder, None if nothing is written."""
        return None if self.out_dir == '' else Path(self.out_dir)

    @property
    def folders(self) -> list[Path]:
        """The folder and those of pictures and graphs, none if nothing is written."""
        return [self.path, self.path / 'vis', self.path / 'preds'] if self.path else []

    def picture(self, name: str) -> Path | None:
        """File of an image's picture, None if none is written."""
        return self.path / 'vis' / f'{name}.png' if self.path and self.pictures else None

    def graph_files(self, name: str) -> list[Path]:
        """Files of an image's graph."""
        suffixes = self.formats if self.path and self.graphs else ()
        return [self.path / 'preds' / f'{name}.{suffix}' for suffix in suffixes]

    def save(self, name: str, graph: dict, sample: SceneGraphDataSample) -> None:
        """Write the graph and the features of an image.

        Args:
            name: Name of the image.
            graph: Result of :func:`describe_sample`.
            sample: The prediction that it describes.
        """
        for path in self.graph_files(name):
            with may_be_unwritten(path):
                save_graph(graph, path)
        if self.features is not None:
            (predicted,) = sample.pred_scene_graphs.values()
            # Relations are sorted by score, so that the described ones are the first.
            self.features.save(name, predicted.top(len(graph['relations'])), graph)

    def hold(self, image: dict) -> bool:
        """Whether all files of an image are there, and are that image's.

        Args:
            image: ``name`` and, as far as they are known, ``img_path``, ``video`` and
                ``frame``.
        """
        if self.features is not None and not self.features.holds(image['name']):
            return False
        picture = self.picture(image['name'])
        files = self.graph_files(image['name']) + ([picture] if picture else [])
        if not files or not all(path.is_file() for path in files):
            return False
        origin = {key: image.get(key) for key in ('video', 'frame')}
        origin['image'] = image.get('img_path')
        if set(origin.values()) == {None}:  # an array could be any image
            return False
        described = [path for path in files if path.suffix == '.json']
        return all(_is_graph_of(path, origin) for path in described)


def _is_graph_of(path: Path, origin: dict) -> bool:
    try:
        graph = json.loads(path.read_text(encoding='utf-8'))
        return all(graph.get(key) == value for key, value in origin.items())
    except (OSError, ValueError, AttributeError):  # damaged, or of something else
        return False
