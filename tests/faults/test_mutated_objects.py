"""Files of given objects with faults are refused by name, or are valid."""

import functools
import json

import numpy as np
import pytest

from helpers.isolated import run_isolated, summary
from helpers.mutations import mutate_json
from mmsgp.apis.given_objects import given_graph
from mmsgp.apis.objects_file import read_objects

CLASSES = [f'class {number}' for number in range(12)]
ITEMS = [
    dict(id=0, bbox=[1, 2, 30, 40.5], name='class 3', score=0.5),
    dict(id=1, bbox=[10, 2, 60, 45], name='class 11'),
]


def mutated(case, tmp_path):
    """Read a file with a fault, and check its objects for an image."""
    rng = np.random.default_rng(case)
    path = tmp_path / f'case {case}.json'
    content = dict(objects=ITEMS) if case % 2 else [dict(objects=ITEMS)]
    path.write_bytes(mutate_json(json.dumps(content), rng))
    given = read_objects(path)
    graphs = [
        given_graph(boxes, names, CLASSES, (48, 64), f'case {case}.png')
        for boxes, names in zip(given['bboxes'], given['labels'] or [None] * len(given['bboxes']))
    ]
    for graph in graphs:
        for x1, y1, x2, y2 in graph.objects.bboxes.tolist():
            assert -1 <= x1 < x2 <= 65 and -1 <= y1 < y2 <= 49
        assert all(0 <= label < len(CLASSES) for label in graph.objects.labels)
    expected = dict(
        bboxes=[[item['bbox'] for item in ITEMS]], labels=[[item['name'] for item in ITEMS]]
    )
    return 'equal' if given == expected else 'possible'


@pytest.mark.parametrize('number', [60, pytest.param(500, marks=pytest.mark.faults)])
def test_every_fault_is_named_or_harmless(tmp_path, number):
    outcomes = run_isolated(functools.partial(mutated, tmp_path=tmp_path), number)
    kinds = summary(outcomes, 'case ')
    print(f'{number} mutated files of objects: {kinds}')
    assert kinds['refused'] > number / 3
