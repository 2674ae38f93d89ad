"""The page of formats says what the catalogue says."""

import re
from pathlib import Path

import pytest

from mmsgp.datasets import format_datasets
from mmsgp.datasets.formats import FORMATS
from mmsgp.registry import DATASETS

PAGE = Path(__file__).parents[3] / 'docs/user_guides/formats.md'


@pytest.mark.parametrize('name', FORMATS)
def test_each_format_is_a_row_with_its_class_and_whether_it_is_written(name):
    (row,) = re.findall(rf'^\| `{name}` \| .*yes.*$', PAGE.read_text(), re.MULTILINE)
    dataset, read, written = (cell.strip() for cell in row.split('|')[3:6])
    assert dataset.strip('`') in DATASETS.module_dict
    assert (read, written) == ('yes', 'yes' if FORMATS[name].write else '')
    assert f'--from {name} ' in PAGE.read_text()


@pytest.mark.parametrize('name', FORMATS)
def test_what_is_not_read_is_told(name):
    expected = FORMATS[name].not_read or 'nothing'
    assert re.search(rf'^\| .*`{name}`.* \| {expected} \|$', PAGE.read_text(), re.MULTILINE)


def test_each_class_reads_a_format_that_exists():
    classes = [
        value
        for value in vars(format_datasets).values()
        if isinstance(value, type) and 'FORMAT' in vars(value)
    ]
    assert len(classes) == 7 and {c.FORMAT for c in classes} < set(FORMATS)
