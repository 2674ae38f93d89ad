"""Table, numbers and pictures that the page shows for a parsed image."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import gradio as gr
import numpy as np

from mmsgp.apis import GraphSelection, describe_graph, save_graph, tabulate_relations
from mmsgp.structures import SceneGraph
from mmsgp.visualization import draw_scene_graph

NUMBERS = ('score', 'probability', 'significance')
COLUMNS = ['rank', 'subject', 'predicate', 'object', *NUMBERS]
WELCOME = 'Drop an image: its boxes and relations appear here.'
AS_TRAINED = 'as the model'


class Settings(NamedTuple):
    """Choices of the visitor, in the order of the controls."""

    topk: int
    score_thr: float
    rank_by: str = AS_TRAINED
    predicates_per_pair: int = 1
    object_score_thr: float = 0.0

    def select(self, graph: SceneGraph) -> SceneGraph:
        """The graph with the objects, predicates and scores that were chosen."""
        rank_by = None if self.rank_by == AS_TRAINED else self.rank_by
        return GraphSelection(rank_by, self.predicates_per_pair, self.object_score_thr)(graph)


@dataclass
class Parsed:
    """An image and its graph, kept for a visitor.

    Attributes:
        image: (H, W, 3) uint8, RGB, not larger than needed for drawing.
        graph: Its best relations; boxes are in the pixels of the file.
        drawn: The same; boxes are in the pixels of ``image``.
        meta: ``classes``, ``predicates`` and, optionally, ``palette``.
        info: Name, size and task of the image, for JSON.
        seconds: Seconds of parsing.
        folder: Folder of the file to download; removed with this object.
    """

    image: np.ndarray
    graph: SceneGraph
    drawn: SceneGraph
    meta: dict
    info: dict
    seconds: float
    folder: tempfile.TemporaryDirectory = field(default_factory=tempfile.TemporaryDirectory)


def hide_paths(message: str, models: dict[str, Path]) -> str:
    """Replace the paths of checkpoints, which visitors should not see, by their names."""
    for name, checkpoint in models.items():
        message = message.replace(str(checkpoint), name)
    return message


def describe(parsed: Parsed, settings: Settings) -> dict:
    """Describe the graph for JSON, with the relations that the page shows."""
    graph = describe_graph(
        settings.select(parsed.graph),
        parsed.meta['classes'],
        parsed.meta['predicates'],
        settings.topk,
        settings.score_thr,
    )
    return parsed.info | graph


def draw(parsed: Parsed, settings: Settings, highlight: int | None = None) -> np.ndarray:
    return draw_scene_graph(
        parsed.image,
        settings.select(parsed.drawn),
        parsed.meta['classes'],
        parsed.meta['predicates'],
        palette=parsed.meta.get('palette'),
        topk=settings.topk,
        score_thr=settings.score_thr,
        highlight=highlight,
    )


def table_of(graph: dict) -> list[list]:
    """Make a row per relation."""
    return [
        [rank, *words, *(f'{relation[key]:.3f}' if key in relation else '' for key in NUMBERS)]
        for rank, ((*words, _), relation) in enumerate(
            zip(tabulate_relations(graph), graph['relations']), 1
        )
    ]


def show(parsed: Parsed | None, *settings) -> tuple:
    """Make status, picture, table and file to download."""
    if parsed is None:
        return WELCOME, None, [], gr.DownloadButton(interactive=False)
    settings = Settings(*settings)
    try:
        graph = describe(parsed, settings)
    except ValueError as error:  # e.g. a score that this model does not have
        return f'**{error}**', None, [], gr.DownloadButton(interactive=False)
    file = Path(parsed.folder.name, 'scene_graph.json')
    save_graph(graph, file)
    status = (
        f'{len(graph["objects"])} objects, {len(graph["relations"])} relations shown; parsed '
        f'in {parsed.seconds:.2f} s'
    )
    return (
        status,
        draw(parsed, settings),
        table_of(graph),
        gr.DownloadButton(value=str(file), interactive=True),
    )
