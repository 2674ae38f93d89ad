"""Annotation files with faults are refused by name, or do no harm."""

import functools
import logging
import shutil

import h5py
import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from helpers.isolated import run_isolated, summary
from helpers.mutations import BOXES, mutate_h5, mutate_json
from mmsgp.datasets.vg_sgg.reader import read_vg_annotations
from mmsgp.testing import make_vg_data

FILES = ('VG-SGG.h5', 'VG-SGG-dicts.json', 'image_data.json')


class Warnings(logging.Handler):
    """Keeps the logged messages."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []
        MMLogger.get_current_instance().addHandler(self)

    def emit(self, record):
        self.messages.append(record.getMessage())


@pytest.fixture
def sources(tmp_path):
    """The same data twice: with checksums as written, and as published files,
    which have whole numbers and no checksums."""
    init_default_scope('mmsgp')
    data = make_vg_data(tmp_path / 'own', num_train=4, num_test=2, with_images=False)
    published = tmp_path / 'published'
    shutil.copytree(data.root, published)
    with (
        h5py.File(data.root / 'VG-SGG.h5') as source,
        h5py.File(published / 'VG-SGG.h5', 'w') as target,
    ):
        for key in source:
            array = source[key][:]
            target[key] = np.round(array).astype(np.int32) if key in BOXES else array
    return data, {root: read(data, root) for root in (data.root, published)}


def read(data, root):
    """Read names and annotations of all images; compute the statistics, too."""
    dataset = data.dataset(data_root=str(root))
    dataset.statistics.frequency_prior()
    names = dataset.metainfo['classes'], dataset.metainfo['predicates']
    return names, read_vg_annotations(str(root / FILES[0]), str(root / FILES[2]), *names)


def are_equal(one, other):
    return one[0] == other[0] and all(
        np.array_equal(value, getattr(other[1], key)) for key, value in vars(one[1]).items()
    )


def assert_possible(names, annotations):
    """Check naively that annotations are possible."""
    classes, predicates = names
    for item in annotations:
        side = max(item['width'], item['height'])
        assert item['width'] > 0 and item['height'] > 0
        assert isinstance(item['img_id'], str) or item['img_id'] >= 0
        for instance in item['instances']:
            x1, y1, x2, y2 = instance['bbox']
            margin = 1 + side / 512
            assert -margin < x1 < x2 < side + margin
            assert -margin < y1 < y2 < side + margin
            assert 0 <= instance['bbox_label'] < len(classes)
        for subject, object_, predicate in item['relations'].tolist():
            assert 0 <= subject < len(item['instances'])
            assert 0 <= object_ < len(item['instances'])
            assert 1 <= predicate <= len(predicates)
    assert set(annotations.splits.tolist()) <= {0, 2}


def mutated(case, name, data, sources, tmp_path):
    """Read files, one with a fault; return how the fault was noticed."""
    rng = np.random.default_rng([case, FILES.index(name)])
    source, expected = list(sources.items())[case % 2]
    root = tmp_path / f'case {case}'
    shutil.copytree(source, root)
    if name == FILES[0]:
        mutate_h5(root / name, rng)
    else:
        (root / name).write_bytes(mutate_json((root / name).read_text(), rng))
    warnings = Warnings()
    try:
        found = read(data, root)
        if are_equal(found, expected):
            return 'equal'
        assert_possible(*found)
        is_reported = any(str(root) in message for message in warnings.messages)
        return 'reported' if is_reported else 'possible'
    finally:
        MMLogger.get_current_instance().removeHandler(warnings)
        shutil.rmtree(root)


@pytest.mark.parametrize(
    'name, number',
    [
        (FILES[0], 40),
        (FILES[1], 20),
        (FILES[2], 20),
        *(
            pytest.param(name, number, marks=pytest.mark.faults)
            for name, number in zip(FILES, (2000, 1000, 1000))
        ),
    ],
)
def test_every_fault_is_named_or_harmless(sources, tmp_path, name, number):
    data, expected = sources
    outcomes = run_isolated(
        functools.partial(mutated, name=name, data=data, sources=expected, tmp_path=tmp_path),
        number,
    )
    # A fault in one file may appear in another, which the message then names.
    kinds = summary(outcomes, 'case ')
    print(f'{number} mutated {name}: {kinds}')
    assert kinds['refused'] > number / 3
