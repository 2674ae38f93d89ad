"""The grid of models, its tools replaced by ones that take no time."""
import csv
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = """
import json, sys
from pathlib import Path
folder = Path(sys.argv[sys.argv.index('--work-dir') + 1])
with open('calls.txt', 'a') as file:
    cached = 'default_hooks.feature_cache.root=maps' in sys.argv
    file.write(f'{NAME} {folder.parent.name} {folder.name}'
               f'{" cached" * cached}\\n')
if NAME == 'train':
    if 'linknet_cce_minivg' in str(folder) and Path('broken').exists():
        sys.exit('no luck')
    (folder / 'epoch_4.pth').touch()
else:
    value = len(folder.parent.name) + int(folder.name[-1])
    (folder / 'metrics.json').write_text(json.dumps({
        f'{task}/mR@{k}': value for task in ('predcls', 'sgcls', 'sggen')
        for k in (20, 50, 100, 'all')}))
"""


@pytest.fixture
def ablation(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location(
        'ablation', ROOT / 'tools' / 'analysis_tools' / 'ablation.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    for name in ('train', 'test'):
        path = tmp_path / 'root' / 'tools' / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'NAME = {name!r}\n{TOOL}')
    (tmp_path / 'root' / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.setattr(module, 'ROOT', tmp_path / 'root')

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['ablation', '--data', 'minivg',
                                          *map(str, arguments)])
        module.main()
        path = tmp_path / 'calls.txt'
        calls = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return calls

    return run


@pytest.fixture
def paper(tmp_path):
    path = tmp_path / 'paper'
    path.mkdir()
    (path / 'table2.csv').write_text(
        'method,predcls_mR@20,sgcls_mR@20\nLinkNet+CCE,9.07,5.38\n')
    return path


METHODS = ('--grid', 'table2', '--methods', 'LinkNet+CCE', 'MotifNet')


def read(tmp_path):
    path = tmp_path / 'work_dirs' / 'ablation' / 'table2_minivg.csv'
    with path.open() as file:
        return {row['method']: row for row in csv.DictReader(file)}


def test_cells_are_trained_and_tested_once_and_cheap_ones_first(
        ablation, tmp_path, paper):
    calls = ablation(*METHODS, '--seeds', 1, 3, '--paper', paper)
    assert calls == [f'{tool} {config}_minivg seed_{seed}'
                     for config in ('motifnet_ce', 'linknet_cce')
                     for seed in (1, 3) for tool in ('train', 'test')]
    row = read(tmp_path)['LinkNet+CCE']
    # the name has 18 letters: 19 and 21, so 20 with a deviation of 1.41
    assert row['PredCls mR@20'] == '20.00 ± 1.41 (9.07)'
    assert row['PredCls mR@all'] == '20.00 ± 1.41'
    assert row['seeds'] == '2'
    text = (tmp_path / 'work_dirs/ablation/table2_minivg.md').read_text()
    assert '| LinkNet+CCE | 2 |' in text
    assert ablation(*METHODS, '--seeds', 1, 3, '--paper', paper) == []


def test_what_failed_is_done_again_and_nothing_else(ablation, tmp_path):
    (tmp_path / 'broken').touch()
    with pytest.raises(SystemExit, match='1 of 2 cells failed'):
        ablation(*METHODS, '--jobs', 2)
    assert read(tmp_path)['LinkNet+CCE']['SGCls mR@50'] == '-'
    assert read(tmp_path)['MotifNet']['SGCls mR@50'] == '20.00'
    (tmp_path / 'calls.txt').unlink()
    (tmp_path / 'broken').unlink()
    assert ablation(*METHODS) == ['train linknet_cce_minivg seed_42',
                                  'test linknet_cce_minivg seed_42']


def test_unknown_rows_are_refused(ablation):
    with pytest.raises(SystemExit, match=r"not \['VGG'\]"):
        ablation('--grid', 'table1', '--methods', 'VGG')


def test_feature_maps_may_be_kept(ablation):
    calls = ablation('--grid', 'table2', '--methods', 'MotifNet',
                     '--feature-cache', 'maps')
    assert calls == [f'{tool} motifnet_ce_minivg seed_42 cached'
                     for tool in ('train', 'test')]
