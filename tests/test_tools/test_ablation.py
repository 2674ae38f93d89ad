"""The grid of models, its tools replaced by ones that take no time."""

import csv
import os
import signal
import sys
from pathlib import Path

import pytest

from helpers.tools import load_tool
from mmsgp.engine.folder_lock import locked

ROOT = Path(__file__).parents[2]
TOOL = """
import json, os, signal, sys, time
from pathlib import Path
folder = Path(sys.argv[sys.argv.index('--work-dir') + 1])
with open('calls.txt', 'a') as file:
    cached = 'default_hooks.feature_cache.root=maps' in sys.argv
    file.write(f'{NAME} {folder.parent.name} {folder.name}'
               f'{" cached" * cached}\\n')
adjusted = 'model.relation_head.debiasing.tau=0.3' in sys.argv
assert adjusted == (folder.name == 'logit_adjusted'), sys.argv
if NAME == 'train':
    detector = Path('work_dirs/faster_rcnn_vgg16_minivg/detector.pth')
    together = Path('together').exists()
    if (together or Path('alone').exists()) and not detector.exists():
        detector.parent.mkdir(parents=True)
        detector.touch()
        deadline = time.monotonic() + 20
        while together and len(
                Path('calls.txt').read_text().splitlines()) < 2:
            if time.monotonic() > deadline:
                sys.exit('the next cell waits for this one')
            time.sleep(0.02)
    start = [a for a in sys.argv if a.startswith('load_from=')]
    if start:
        start = Path(start[0].removeprefix('load_from='))
        assert start.is_file() and start.parent.name == folder.name, start
        time.sleep(0.2)
    if 'linknet_cce_minivg' in str(folder) and Path('broken').exists():
        sys.exit('no luck')
    if Path('interrupt').exists():
        os.kill(os.getppid(), signal.SIGINT)
        sys.exit('interrupted')
    epochs = 1 if 'train_cfg.max_epochs=1' in sys.argv else 4
    (folder / f'epoch_{epochs}.pth').touch()
else:
    assert Path(sys.argv[2]).is_file(), sys.argv
    seed = folder.parent if adjusted else folder
    value = len(seed.parent.name) + int(seed.name[-1]) + 50 * adjusted
    (folder / 'metrics.json').write_text(json.dumps({
        f'{task}/{name}@{k}': value for task in ('predcls', 'sgcls', 'sggen')
        for name in ('R', 'mR', 'F')
        for k in (20, 50, 100, 'all')}))
"""


@pytest.fixture
def ablation(tmp_path, monkeypatch):
    module = load_tool('analysis_tools/ablation')
    monkeypatch.chdir(tmp_path)
    for name in ('train', 'test'):
        path = tmp_path / 'root' / 'tools' / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'NAME = {name!r}\n{TOOL}')
    (tmp_path / 'root' / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.setattr(module, 'ROOT', tmp_path / 'root')

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['ablation', '--data', 'minivg', *map(str, arguments)])
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
    (path / 'table2.csv').write_text('method,predcls_mR@20,sgcls_mR@20\nLinkNet+CCE,9.07,5.38\n')
    return path


METHODS = ('--grid', 'table2', '--methods', 'LinkNet+CCE', 'MotifNet')


def read(tmp_path):
    path = tmp_path / 'work_dirs' / 'ablation' / 'table2_minivg.csv'
    with path.open() as file:
        return {(row['method'], row['metric']): row for row in csv.DictReader(file)}


def test_cells_are_trained_and_tested_once_and_cheap_ones_first(ablation, tmp_path, paper):
    calls = ablation(*METHODS, '--seeds', 1, 3, '--paper', paper)
    assert calls == [
        f'{tool} {config}_minivg seed_{seed}'
        for config in ('motifnet_ce', 'linknet_cce')
        for seed in (1, 3)
        for tool in ('train', 'test')
    ]
    row = read(tmp_path)['LinkNet+CCE', 'PredCls mR@20']
    # the name has 18 letters: 19 and 21, so 20 with a deviation of 1.41
    assert float(row['mean']) == 20 and row['seeds'] == '2'
    assert float(row['std']) == pytest.approx(2**0.5)
    assert row['paper'] == '9.07'
    assert read(tmp_path)['LinkNet+CCE', 'PredCls mR@all']['paper'] == ''
    text = (tmp_path / 'work_dirs/ablation/table2_minivg.md').read_text()
    assert '| LinkNet+CCE | 2 |' in text
    assert ' 20.00 ± 1.41 (9.07) |' in text and ' 20.00 ± 1.41 |' in text
    assert '| KERN | 0 | - |' in text  # a row of the grid, not run
    assert ablation(*METHODS, '--seeds', 1, 3, '--paper', paper) == []


def test_a_variant_tests_the_model_of_its_config(ablation, tmp_path):
    """It is trained once, and has its own results; rows without configs are left out."""
    methods = ['MotifNet', 'MotifNet+logit adjustment']
    grid = ('--grid', 'methods', '--methods', *methods, '--seeds', 1)
    assert ablation(*grid) == [
        'train motifnet_ce_minivg seed_1',
        'test motifnet_ce_minivg seed_1',
        'test seed_1 logit_adjusted',
    ]
    lines = (tmp_path / 'work_dirs/ablation/methods_minivg.md').read_text().splitlines()
    assert '| PredCls R@50 | PredCls R@100 | PredCls mR@50 |' in lines[0]
    rows = {line.split('|')[1].strip(): line.split('|')[3].strip() for line in lines[2:]}
    assert [rows[method] for method in methods] == ['19.00', '69.00']
    assert rows['KERN+CCE+Scorer'] == '-'
    assert ablation(*grid) == []


def test_what_failed_is_done_again_and_nothing_else(ablation, tmp_path):
    (tmp_path / 'broken').touch()
    with pytest.raises(SystemExit, match='1 of 2 cells failed'):
        ablation(*METHODS, '--jobs', 2)
    assert read(tmp_path)['LinkNet+CCE', 'SGCls mR@50']['mean'] == ''
    assert float(read(tmp_path)['MotifNet', 'SGCls mR@50']['mean']) == 20
    (tmp_path / 'calls.txt').unlink()
    (tmp_path / 'broken').unlink()
    assert ablation(*METHODS) == [
        'train linknet_cce_minivg seed_42',
        'test linknet_cce_minivg seed_42',
    ]


@pytest.mark.parametrize('jobs', [1, 3])
def test_a_model_starts_from_the_one_of_its_seed(ablation, tmp_path, jobs):
    """Which is trained first, once, and not tested where nobody asks."""
    (tmp_path / 'alone').touch()
    calls = ablation(
        '--grid',
        'from_ce',
        '--seeds',
        1,
        2,
        '--jobs',
        jobs,
        '--methods',
        'MotifNet+CCE+Scorer from CE',
    )
    runs = [
        f'{tool} motifnet_{config}_minivg seed_{seed}'
        for seed in (1, 2)
        for tool, config in (
            ('train', 'ce'),
            ('train', 'cce_scorer_from_ce'),
            ('test', 'cce_scorer_from_ce'),
        )
    ]
    assert sorted(calls) == sorted(runs)
    # The row of cross-entropy finds its training done.
    calls = ablation('--grid', 'from_ce', '--seeds', 1, 2, '--jobs', jobs, '--methods', 'MotifNet')
    assert sorted(calls) == [f'test motifnet_ce_minivg seed_{seed}' for seed in (1, 2)]


def test_a_grid_in_a_folder_in_use_is_refused(ablation, tmp_path):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        with locked(tmp_path / 'work_dirs' / 'ablation'):
            os.write(writing, b'.')
            signal.pause()
        os._exit(0)
    os.read(reading, 1)
    try:
        with pytest.raises(SystemExit, match=f'ablation.*process {pid} '):
            ablation(*METHODS)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert not (tmp_path / 'calls.txt').exists()


def test_unknown_rows_are_refused(ablation):
    with pytest.raises(SystemExit, match=r"not \['VGG'\]"):
        ablation('--grid', 'table1', '--methods', 'VGG')


def test_feature_maps_may_be_kept(ablation):
    calls = ablation('--grid', 'table2', '--methods', 'MotifNet', '--feature-cache', 'maps')
    assert calls == [f'{tool} motifnet_ce_minivg seed_42 cached' for tool in ('train', 'test')]


def test_rows_of_earlier_runs_stay_in_the_table(ablation, tmp_path):
    ablation('--grid', 'table2', '--methods', 'MotifNet')
    ablation('--grid', 'table2', '--methods', 'LinkNet+CCE')
    rows = read(tmp_path)
    for method in ('MotifNet', 'LinkNet+CCE'):
        assert float(rows[method, 'PredCls mR@20']['mean']) == 20


def test_other_settings_are_not_mixed_with_earlier_results(ablation):
    epochs = ('--cfg-options', 'train_cfg.max_epochs=1')
    assert len(ablation(*METHODS, *epochs)) == 4
    assert ablation(*METHODS, *epochs) == []
    with pytest.raises(SystemExit, match='settings.json.*another --out-dir'):
        ablation(*METHODS)


def test_results_of_another_detector_are_not_mixed(ablation, tmp_path):
    """With the first cell's, too, which started before there was one."""
    weights = tmp_path / 'work_dirs/faster_rcnn_vgg16_minivg/detector.pth'
    (tmp_path / 'alone').touch()
    assert len(ablation(*METHODS)) == 4
    weights.write_bytes(b'others')
    with pytest.raises(SystemExit, match='settings.json.*detector'):
        ablation(*METHODS)


def test_no_detector_is_trained_beside_results_of_a_lost_one(ablation, tmp_path):
    """All rows of the table count; where all is done nobody asks for it."""
    weights = tmp_path / 'work_dirs/faster_rcnn_vgg16_minivg/detector.pth'
    (tmp_path / 'alone').touch()
    ablation(*METHODS)
    weights.unlink()
    with pytest.raises(SystemExit, match='settings.json.*detector.pth, is go'):
        ablation('--grid', 'table2', '--methods', 'KERN+CCE')
    assert not weights.exists()
    assert ablation(*METHODS) == []


def test_the_detector_of_an_interrupted_cell_is_known(ablation, tmp_path):
    weights = tmp_path / 'work_dirs/faster_rcnn_vgg16_minivg/detector.pth'
    (tmp_path / 'alone').touch()
    (tmp_path / 'broken').touch()
    with pytest.raises(SystemExit, match='1 of 1 cells failed'):
        ablation('--grid', 'table2', '--methods', 'LinkNet+CCE')
    weights.write_bytes(b'others')
    (tmp_path / 'broken').unlink()
    with pytest.raises(SystemExit, match='settings.json.*detector'):
        ablation('--grid', 'table2', '--methods', 'LinkNet+CCE')


def test_settings_that_cannot_be_read_are_reported(ablation, tmp_path):
    ablation(*METHODS)
    (path,) = tmp_path.glob('work_dirs/ablation/motifnet*/seed_42/settings.json')
    path.write_text('{"config": ')
    with pytest.raises(SystemExit, match='settings.json cannot be read'):
        ablation(*METHODS)


def test_a_refused_run_leaves_the_others_free(ablation):
    epochs = ('--cfg-options', 'train_cfg.max_epochs=1')
    ablation('--grid', 'table2', '--methods', 'MotifNet')
    with pytest.raises(SystemExit, match='motifnet_ce_minivg.*settings.json'):
        ablation('--grid', 'table2', '--methods', 'LinkNet+CCE', 'MotifNet', *epochs)
    assert len(ablation(*METHODS)) == 2


def test_rows_with_other_settings_are_left_out(ablation, tmp_path, capsys):
    ablation('--grid', 'table2', '--methods', 'MotifNet')
    ablation(
        '--grid', 'table2', '--methods', 'LinkNet+CCE', '--cfg-options', 'train_cfg.max_epochs=1'
    )
    rows = read(tmp_path)
    assert rows['MotifNet', 'PredCls mR@20']['seeds'] == '0'
    assert rows['LinkNet+CCE', 'PredCls mR@20']['seeds'] == '1'
    printed = ''.join(capsys.readouterr().out.split())
    assert 'motifnet_ce_minivg/seed_42hasothersettings' in printed


@pytest.mark.parametrize('content, mean', [('', ''), ('{"predcls/mR@20": 3}', '3.0')])
def test_odd_results_leave_the_rest_of_the_table(ablation, tmp_path, content, mean):
    ablation(*METHODS)
    (tmp_path / 'work_dirs/ablation/motifnet_ce_minivg/seed_42/metrics.json').write_text(content)
    ablation(*METHODS)
    rows = read(tmp_path)
    assert rows['MotifNet', 'PredCls mR@20']['mean'] == mean
    assert rows['MotifNet', 'SGGen mR@20']['mean'] == ''
    assert float(rows['LinkNet+CCE', 'SGGen mR@20']['mean']) == 20


def test_a_seed_counts_once(ablation, tmp_path):
    assert len(ablation('--grid', 'table2', '--methods', 'MotifNet', '--seeds', 1, 1)) == 2
    assert read(tmp_path)['MotifNet', 'PredCls mR@20']['seeds'] == '1'


@pytest.mark.parametrize(
    'arguments, message',
    [
        (('--jobs', 0), 'at least 1, got 0'),
        (('--cfg-options', 'nonsense'), "key=value, got 'nonsense'"),
    ],
)
def test_arguments_that_make_no_sense(ablation, capsys, arguments, message):
    with pytest.raises(SystemExit):
        ablation(*METHODS, *arguments)
    assert message in capsys.readouterr().err


def test_without_a_detector_no_other_cell_is_tried(ablation, tmp_path):
    (tmp_path / 'broken').touch()
    with pytest.raises(SystemExit, match='1 of 2 cells failed'):
        ablation('--grid', 'table2', '--methods', 'LinkNet+CCE', 'KERN')
    assert (tmp_path / 'calls.txt').read_text().split('\n')[:-1] == [
        'train linknet_cce_minivg seed_42'
    ]


def test_cells_go_on_side_by_side_once_the_detector_is_there(ablation, tmp_path):
    (tmp_path / 'together').touch()
    assert len(ablation(*METHODS, '--jobs', 2)) == 4


def test_a_detector_may_need_no_weights(ablation):
    assert len(ablation(*METHODS, '--cfg-options', 'model.detector.init_cfg=None')) == 4


def test_an_interrupt_stops_all(ablation, tmp_path):
    (tmp_path / 'interrupt').touch()
    # processes in the background may start with the signal ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            ablation('--grid', 'table2')
    finally:
        signal.signal(signal.SIGINT, before)
    assert len((tmp_path / 'calls.txt').read_text().splitlines()) <= 2


def test_missing_figures_of_the_paper_are_said(ablation, tmp_path, capsys):
    ablation('--grid', 'table2', '--methods', 'MotifNet', '--paper', tmp_path / 'nowhere')
    assert 'no published figures' in capsys.readouterr().out
