"""The check of a data set as a command, at the start of training and in the report."""

import json

import pytest

from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.config_variables import merge_options
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import CONFIGS

CONFIG = CONFIGS / 'motifnet_ce_minivg.py'


@pytest.fixture
def data(tmp_path):
    return make_vg_data(tmp_path / 'data', num_train=12, num_test=4)


def options(data):
    return ['--cfg-options', f'data_root={data.root}', 'num_val_images=4']


def test_findings_are_printed_and_written(data, tmp_path, run_tool, capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '120')
    (data.root / 'images' / '3.jpg').unlink()
    out = tmp_path / 'check.json'
    figure = tmp_path / 'predicates.png'
    with pytest.raises(SystemExit, match='1'):
        run_tool(
            'misc/check_dataset', CONFIG, '--images', '--workers', 1, '--json', out,
            '--figure', figure, *options(data),
        )  # fmt: skip
    printed = capsys.readouterr().out
    assert 'error missing_images: 1 of 16 image files do not exist' in printed
    assert 'predicate 1' in printed and '█' in printed
    assert figure.stat().st_size > 1000
    content = json.loads(out.read_text())
    (missing,) = [f for f in content['findings'] if f['check'] == 'missing_images']
    assert missing['examples'] == [str(data.root / 'images' / '3.jpg')]
    images = content['facts']['splits']
    assert [images[split]['images'] for split in ('train', 'val', 'test')] == [8, 4, 4]
    num_boxes = sum(map(len, data.boxes))
    assert sum(facts['boxes'] for facts in images.values()) == num_boxes
    run_tool('misc/check_dataset', CONFIG, '--skip-missing', *options(data))
    assert 'warning missing_images' in capsys.readouterr().out


def test_numbers_of_the_config_are_checked_too(data, run_tool, capsys):
    with pytest.raises(SystemExit):
        run_tool('misc/check_dataset', CONFIG, *options(data), 'num_classes=7')
    printed = capsys.readouterr().out
    assert 'config_sizes: ' in printed and '--cfg-options num_classes=5' in printed


def test_a_config_that_does_not_exist_is_named(run_tool):
    with pytest.raises(SystemExit, match='none.py'):
        run_tool('misc/check_dataset', 'none.py')


def test_training_begins_with_the_check(data, tmp_path):
    from helpers.tools import load_tool

    cfg = read_config_file(CONFIG)
    merge_options(cfg, dict(data_root=str(data.root), num_val_images=4))
    data.predicates = ('left of', 'None', *data.predicates[2:])
    data.write()
    cfg.work_dir = str(tmp_path / 'run')
    (tmp_path / 'run').mkdir()
    load_tool('train').look_at_data(cfg)
    content = json.loads((tmp_path / 'run' / 'dataset_check.json').read_text())
    found = {finding['check'] for finding in content['findings']}
    assert {'one_sided_predicates', 'no_relation_predicate'} <= found
