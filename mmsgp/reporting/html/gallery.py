"""Test images with the best, median and worst results of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mmcv
import numpy as np

from mmsgp.datasets.image_files import read_as_annotated
from mmsgp.evaluation import PredictionFile
from mmsgp.evaluation.relation_ranks import RelationRanks
from mmsgp.structures import SceneGraph, SceneGraphDataSample
from mmsgp.visualization.scene_graph_visualizer import SceneGraphVisualizer

NUM_DRAWN = 12
"""Number of predictions in a picture; more would not be readable."""


@dataclass(frozen=True)
class Picture:
    """A parsed image.

    Attributes:
        image_id: The image.
        recall: Share of its relations that were found, percent.
        num_relations: Number of its relations.
        drawn: (H, W, 3) uint8, RGB; None if the image file does not exist.
        img_path: The image file.
    """

    image_id: str
    recall: float
    num_relations: int
    drawn: np.ndarray | None
    img_path: str


def choose_images(
    recall: np.ndarray, num_relations: np.ndarray, number: int
) -> dict[str, np.ndarray]:
    """Choose the best, median and worst images, none of them twice.

    Args:
        recall: (I,) of each image.
        num_relations: (I,); of images with equal recall, the one with more
            relations is chosen.
        number: Number of images of each kind.
    """
    best = np.lexsort((-num_relations, -recall))[:number]
    worst = np.lexsort((-num_relations, recall))
    worst = worst[~np.isin(worst, best)][:number]
    rest = np.argsort(-recall, kind='stable')
    rest = rest[~np.isin(rest, np.concatenate([best, worst]))]
    start = max(0, (len(rest) - number) // 2)
    return {'best': best, 'median': rest[start : start + number], 'worst': worst}


def gallery(
    predictions: PredictionFile, ranks: RelationRanks, task: str, k: int, number: int
) -> dict[str, list[Picture]]:
    """Draw the images with the highest, median and lowest recall@K.

    A picture shows up to K predictions, at most :data:`NUM_DRAWN`.

    Args:
        predictions: Predictions of a test run.
        ranks: Ranks of the same run.
        task: The task.
        k: The K of the recall.
        number: Pictures of each kind.

    Raises:
        ValueError: If predictions and ranks belong to different images.
    """
    places = {str(key['img_id']): i for i, key in enumerate(predictions.keys)}
    if set(ranks.image_ids.tolist()) != set(places):
        raise ValueError(
            'predictions.h5 and ranks.npz belong to different tests: '
            'test again, or score the predictions again with '
            'eval_predictions.py --out-dir'
        )
    images, num_relations = np.unique(ranks.images, return_counts=True)
    hits = ranks.tasks[task].triplet < k
    recall = 100 * np.bincount(ranks.images, hits)[images] / num_relations
    visualizer = SceneGraphVisualizer('gallery', topk=min(k, NUM_DRAWN), task=task)
    visualizer.dataset_meta = predictions.meta
    pictures = {}
    for kind, chosen in choose_images(recall, num_relations, number).items():
        pictures[kind] = []
        for i in chosen.tolist():
            image_id = str(ranks.image_ids[images[i]])
            sample = predictions[places[image_id]]
            pictures[kind].append(
                Picture(
                    image_id,
                    float(recall[i]),
                    int(num_relations[i]),
                    _draw(visualizer, sample),
                    sample['img_path'],
                )
            )
    return pictures


def _draw(visualizer: SceneGraphVisualizer, sample: dict) -> np.ndarray | None:
    if not Path(sample['img_path']).is_file():
        return None
    data_sample = SceneGraphDataSample(
        gt_scene_graph=SceneGraph.from_dict(sample['gt_scene_graph'])
    )
    data_sample.pred_scene_graphs = {
        task: SceneGraph.from_dict(graph) for task, graph in sample['pred_scene_graphs'].items()
    }
    image = read_as_annotated(sample['img_path'], None)
    boxes = data_sample.gt_scene_graph.objects.bboxes
    if len(boxes) and (boxes[:, 2:].amax(0) > boxes.new_tensor(image.shape[1::-1]) + 1).any():
        # its annotated size was that of the pixels as they lie
        image = read_as_annotated(sample['img_path'], None, 'color_ignore_orientation')
    visualizer.add_datasample('gallery', mmcv.bgr2rgb(image), data_sample)
    return visualizer.get_image()
