"""Predictions of other code bases, as samples of :class:`SceneGraphMetric`, and back.

A sample is a dict as of ``SceneGraphDataSample.to_dict``: ``img_id``, ``gt_scene_graph``
and ``pred_scene_graphs``. Files are read as data, never as code.

Shape shorthand: N objects, M relations of an image, R predicates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmsgp.utils.json_files import read_json
from mmsgp.utils.text import in_a_line

MAX_BYTES = 1 << 32  # of a JSON file


class BoxList:
    """Stands in for the class of the same name in files of SGB and its forks."""


_BOX_LISTS = [
    (BoxList, f'{package}.structures.bounding_box.BoxList')
    for package in ('maskrcnn_benchmark', 'pysgg', 'sgg_benchmark')
]
_DAMAGE = (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError)


@contextmanager
def _naming(path: str | Path, kind: str) -> Iterator[None]:
    """Name the file in errors about its content."""
    try:
        yield
    except _DAMAGE as error:
        raise ValueError(f'{path} does not hold {kind}: {error!r:.200}') from error


def graph_of(
    bboxes, labels, pairs, predicates, object_scores=None, **relations: Tensor
) -> dict[str, dict[str, Tensor]]:
    """Build a graph from sequences or tensors.

    Args:
        bboxes: (N, 4), ``x1, y1, x2, y2``.
        labels: (N,), from 0 on.
        pairs: (M, 2), best first.
        predicates: (M,), from 1 on.
        object_scores: (N,), predictions only.
        **relations: Further fields (M, ...) of the relations.
    """
    objects = dict(
        bboxes=torch.as_tensor(bboxes, dtype=torch.float64).reshape(-1, 4),
        labels=torch.as_tensor(labels, dtype=torch.int64).reshape(-1),
    )
    if object_scores is not None:
        objects['scores'] = torch.as_tensor(object_scores, dtype=torch.float32).reshape(-1)
    if len(objects['labels']) != len(objects['bboxes']):
        raise ValueError(f'{len(objects["bboxes"])} boxes, but {len(objects["labels"])} classes')
    return dict(
        objects=objects,
        relations=dict(
            pairs=torch.as_tensor(pairs, dtype=torch.int64).reshape(-1, 2),
            labels=torch.as_tensor(predicates, dtype=torch.int64).reshape(-1),
            **relations,
        ),
    )


def ranked_graph(bboxes, labels, scores, pairs, distribution) -> dict[str, dict[str, Tensor]]:
    """Build a prediction from probabilities, relations by the product of all three.

    Args:
        bboxes: (N, 4).
        labels: (N,), from 0 on.
        scores: (N,).
        pairs: (M, 2).
        distribution: (M, R+1), unknown first.
    """
    scores = torch.as_tensor(scores, dtype=torch.float32).reshape(-1)
    pairs = torch.as_tensor(pairs, dtype=torch.int64).reshape(-1, 2)
    distribution = torch.as_tensor(distribution, dtype=torch.float32)
    if len(distribution) != len(pairs):
        raise ValueError(f'{len(pairs)} pairs, but probabilities of {len(distribution)}')
    distribution = distribution.reshape(len(pairs), -1)
    best, predicates = torch.zeros(0), torch.zeros(0, dtype=torch.int64)
    if len(pairs):
        best, predicates = distribution[:, 1:].max(dim=1)
    weights = scores[pairs].prod(dim=1)
    order = (weights.double() * best.double()).argsort(descending=True, stable=True)
    return graph_of(
        bboxes,
        labels,
        pairs[order],
        1 + predicates[order],
        scores,
        scores=(weights * best)[order],
        predicate_scores=best[order],
        weights=weights[order],
        distribution=distribution[order],
    )


def read_sgb_results(path: str | Path, task: str) -> Iterator[dict]:
    """Read SGB's ``eval_results.pytorch``: annotated and predicted graphs.

    An image's id is its place in the file.

    Args:
        path: The file.
        task: Task of the predictions.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it holds anything but lists of ``BoxList`` and tensors.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} not found')
    try:
        with torch.serialization.safe_globals(_BOX_LISTS):
            content = torch.load(path, weights_only=True, map_location='cpu')
    except Exception as error:  # bytes of other files can raise any error
        raise ValueError(
            f"{path} is not a file of SGB's evaluation, or holds code, which is not run: "
            f'{in_a_line(error, 150)}'
        ) from error
    with _naming(path, "SGB's results"):
        images = zip(content['groundtruths'], content['predictions'], strict=True)
        for number, (annotated, predicted) in enumerate(images):
            truth, fields = annotated.extra_fields, predicted.extra_fields
            relations = truth['relation_tuple']
            yield dict(
                img_id=number,
                gt_scene_graph=graph_of(
                    _corners(annotated), truth['labels'] - 1, relations[:, :2], relations[:, 2]
                ),
                pred_scene_graphs={
                    task: ranked_graph(
                        _corners(predicted),
                        fields['pred_labels'] - 1,
                        fields['pred_scores'],
                        fields['rel_pair_idxs'],
                        fields['pred_rel_scores'],
                    )
                },
            )


def _corners(boxes: BoxList) -> Tensor:
    """Return corners; SGB's widths count the last pixel."""
    if boxes.mode == 'xyxy':
        return boxes.bbox.double()
    if boxes.mode != 'xywh':
        raise ValueError(f'mode of boxes must be xyxy or xywh, got {boxes.mode!r}')
    corner, size = boxes.bbox.double().split(2, dim=1)
    return torch.cat([corner, corner + (size - 1).clamp(min=0)], dim=1)


def read_sgb_custom(
    path: str | Path, info_file: str | Path, task: str, annotated: Mapping[str, dict]
) -> tuple[dict, Iterator[dict]]:
    """Read SGB's predictions on own images, ``custom_prediction.json``.

    Args:
        path: The file.
        info_file: ``custom_data_info.json`` beside it.
        task: Task of the predictions.
        annotated: Annotated graphs by image file, of images that have some.

    Returns:
        tuple: Names of ``classes`` and ``predicates``, and the samples.
    """
    info, content = (read_json(file, MAX_BYTES) for file in (info_file, path))
    with _naming(info_file, "the names of SGB's custom_data_info.json"):
        names = {kind: tuple(info[f'ind_to_{kind}'][1:]) for kind in ('classes', 'predicates')}
        files = list(info['idx_to_files'])

    def samples() -> Iterator[dict]:
        with _naming(path, "SGB's custom_prediction.json"):
            for index, image in content.items():
                pred = ranked_graph(
                    image['bbox'],
                    np.asarray(image['bbox_labels'], np.int64) - 1,
                    image['bbox_scores'],
                    image['rel_pairs'],
                    image['rel_all_scores'],
                )
                name = files[int(index)]
                yield dict(
                    img_id=name,
                    img_path=name,
                    gt_scene_graph=annotated.get(name, graph_of([], [], [], [])),
                    pred_scene_graphs={task: pred},
                )

    return names, samples()


def read_sgbench(path: str | Path, task: str, annotated: Mapping[str, dict]) -> Iterator[dict]:
    """Read predictions in sgbench's JSON; scores are ``1 / (1 + rank)``.

    Args:
        path: The file.
        task: Task of the predictions.
        annotated: Annotated graphs by image id, of images that have some.

    Raises:
        ValueError: If it has another version or content.
    """
    content = read_json(path, MAX_BYTES)
    with _naming(path, "predictions of sgbench's version 1"):
        if content['version'] != 1:
            raise ValueError(f'version is {content["version"]!r}')
        for image in content['images']:
            if 'annotation' in image:  # as sgbench 1.0 reads it
                boxes = [box['bbox'][:4] for box in image['annotation']]
                classes = [box['category'] for box in image['annotation']]
            else:  # as its documentation says
                boxes, classes = image['bboxes'], image['categories']
            triplets = np.asarray(image['triplets'], np.int64).reshape(-1, 3)
            yield dict(
                img_id=str(image['id']),
                gt_scene_graph=annotated.get(str(image['id']), graph_of([], [], [], [])),
                pred_scene_graphs={
                    task: graph_of(
                        boxes,
                        classes,
                        triplets[:, :2],
                        triplets[:, 2] + 1,
                        np.ones(len(boxes)),
                        scores=1 / (1 + torch.arange(len(triplets))),
                    )
                },
            )


def read_psg_layout(path: str | Path) -> tuple[dict, dict[str, dict]]:
    """Read annotations as sgbench takes them: those of PSG, by boxes.

    Returns:
        tuple: Names of ``classes`` and ``predicates``, and graphs by image id.
    """
    content = read_json(path, MAX_BYTES)
    with _naming(path, 'annotations in the layout of PSG'):
        names = dict(
            classes=(*content['thing_classes'], *content.get('stuff_classes', ())),
            predicates=tuple(content['predicate_classes']),
        )
        graphs = {}
        for image in content['data']:
            relations = np.asarray(image['relations'], np.int64).reshape(-1, 3)
            graphs[str(image['image_id'])] = graph_of(
                [box['bbox'] for box in image['annotations']],
                [box['category_id'] for box in image['annotations']],
                relations[:, :2],
                relations[:, 2] + 1,
            )
    return names, graphs


def sgbench_prediction(sample: dict, task: str) -> dict:
    """Return a sample's prediction as an image of sgbench's JSON.

    Objects are there twice: as its documentation says, and as version 1.0 reads them.
    """
    graph = sample['pred_scene_graphs'][task]
    relations = graph['relations']
    boxes, classes = (graph['objects'][key].tolist() for key in ('bboxes', 'labels'))
    return dict(
        id=str(sample['img_id']),
        bboxes=boxes,
        categories=classes,
        annotation=[dict(bbox=box, category=label) for box, label in zip(boxes, classes)],
        triplets=[
            [*pair, label - 1]
            for pair, label in zip(relations['pairs'].tolist(), relations['labels'].tolist())
        ],
    )


def psg_annotation(sample: dict) -> dict:
    """Return a sample's annotation as an item of PSG's ``data``, by boxes."""
    graph = sample['gt_scene_graph']
    objects, relations = graph['objects'], graph['relations']
    return dict(
        image_id=str(sample['img_id']),
        annotations=[
            dict(bbox=box, category_id=label)
            for box, label in zip(objects['bboxes'].tolist(), objects['labels'].tolist())
        ],
        relations=[
            [*pair, label - 1]
            for pair, label in zip(relations['pairs'].tolist(), relations['labels'].tolist())
        ],
    )


def write_json_list(path: Path, head: dict, key: str, items: Iterator[dict]) -> None:
    """Write ``{**head, key: [items]}`` item by item."""
    with path.open('w', encoding='utf-8') as file:
        file.write(json.dumps(head)[:-1] + (', ' if head else '') + f'{json.dumps(key)}: [')
        for i, item in enumerate(items):
            file.write((',\n' if i else '\n') + json.dumps(item))
        file.write('\n]}\n')
