"""Models and inputs of exported parsers, and comparisons of their graphs."""

from __future__ import annotations

import numpy as np
import torch

from mmsgp.structures import SceneGraph
from mmsgp.testing.models import HEADS, small_parser

NUM_OBJECTS = 5
SIDE = 96  # of the images of an exported parser
NUM_DETECTED = 4  # its largest number of objects
SIZES = (0, 1, 2, NUM_OBJECTS)
SUPPORTED = ['FrequencyHead', 'LinkNetHead', 'TransformerHead', 'REACTHead', 'PENetHead']
TOLERANCES = dict(bboxes=1e-3, scores=1e-4)


def noisy_images():
    """Ten images of unlike shapes and contrasts, on which from 0 to all objects are found."""
    rng = np.random.default_rng(0)
    shapes = [(96, 96), (60, 96), (120, 80), (48, 90), (200, 200)]
    return [
        np.clip(110 + contrast * rng.standard_normal((*shape, 3)), 0, 255).astype(np.uint8)
        for contrast in (5, 8)
        for shape in shapes
    ]


def build(name, **settings):
    """A small parser with a Scorer, whose predicates differ from pair to pair."""
    cfg = {'type': name, 'scorer': dict(type='Scorer'), **HEADS[name], **settings}
    model = small_parser(**cfg).eval()
    for prior in (model.relation_head.frequency_prior, getattr(model.relation_head, 'prior', None)):
        if prior is not None:
            torch.nn.init.normal_(prior.table)
    return model


def given_inputs(model, samples, num_objects=NUM_OBJECTS):
    """Inputs of the relation part, padded with rows that must not matter."""
    maps = model.extract_feat(torch.randn(len(samples), 3, 96, 96))
    bboxes = [sample.gt_scene_graph.objects.bboxes for sample in samples]
    batch = model.detector_adapter.prepare(maps, samples)
    logits = model.detector_adapter.classify_boxes(batch, bboxes)
    sizes = [len(boxes) for boxes in bboxes]
    valid = torch.arange(num_objects) < torch.tensor(sizes)[:, None]
    padded = torch.tensor([3.0, 5.0, 60.0, 90.0]).repeat(len(samples), num_objects, 1)
    padded[valid] = torch.cat(bboxes)
    filled = torch.full((*valid.shape, logits.shape[1]), 2.0)
    filled[valid] = logits
    return maps, padded, filled, valid, torch.full((len(samples), 2), 96.0)


def predict_given(model, maps, samples):
    """Graphs of the parser from the same feature maps."""
    model.extract_feat = lambda inputs: maps
    model.test_tasks = ('sgcls',)
    predicted = model.predict(torch.zeros(len(samples), 3, 96, 96), samples, rescale=False)
    return [sample.pred_scene_graphs['sgcls'] for sample in predicted]


def assert_same_graph(expected: SceneGraph, outputs: dict, row: int, given: bool = False) -> None:
    """Check the outputs of a fixed number of objects against a graph of the parser.

    Relations of equal scores may have another order.

    Args:
        expected: The graph, in pixels of the network's input.
        outputs: Tensors by name, of a batch.
        row: Image in the batch.
        given: Whether boxes are given, and no output.
    """
    own = {name: torch.as_tensor(values)[row] for name, values in outputs.items()}
    objects, relations = expected.objects, expected.relations
    rows = slice(expected.num_objects)
    if not given:
        assert own['valid'].tolist() == [slot < rows.stop for slot in range(len(own['valid']))]
        assert_close(own['bboxes'][rows], objects.bboxes, TOLERANCES['bboxes'])
    assert own['labels'][rows].tolist() == objects.labels.tolist()
    assert_close(own['object_scores'][rows], objects.scores, TOLERANCES['scores'])

    number = expected.num_relations
    assert (own['scores'][number:] < 0).all()
    assert_close(own['scores'][:number], relations.scores, TOLERANCES['scores'])
    found = by_pair(own['pairs'][:number], own['predicates'])
    wanted = by_pair(relations.pairs, relations.labels)
    assert {pair: predicate for pair, (_, predicate) in found.items()} == {
        pair: predicate for pair, (_, predicate) in wanted.items()
    }
    order = [found[pair][0] for pair in wanted]
    fields = [('scores', 'scores'), ('predicate_scores', 'predicate_scores')]
    if 'significance' in relations:
        fields.append(('significance', 'significance'))
    for name, field in fields:
        assert_close(own[name][order], relations[field], TOLERANCES['scores'])


def by_pair(pairs, predicates) -> dict:
    """Rank and predicate of each pair."""
    pairs = map(tuple, pairs.tolist())
    return {pair: (rank, int(predicates[rank])) for rank, pair in enumerate(pairs)}


def assert_close(found, expected, tolerance: float) -> None:
    torch.testing.assert_close(
        found.double(), expected.double(), rtol=0, atol=tolerance, check_stride=False
    )
