"""A wheel holds configs and tools, and works without the repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmsgp.registry import find_config
from mmsgp.testing import make_vg_data

ROOT = Path(__file__).parents[2]
CONFIG = 'mmsgp::motifnet_cce_scorer_minivg.py'


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """Where the wheel is installed: a folder away from the repository."""
    source = tmp_path_factory.mktemp('source')
    for name in ('mmsgp', 'configs', 'tools', 'requirements'):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'MANIFEST.in'):
        shutil.copy(ROOT / name, source)
    target = tmp_path_factory.mktemp('installed')
    pip = [sys.executable, '-m', 'pip']
    subprocess.run(
        [
            *pip,
            'wheel',
            '-q',
            '--no-deps',
            '--no-build-isolation',
            '--wheel-dir',
            str(target),
            str(source),
        ],
        check=True,
    )
    (wheel,) = target.glob('mmsgp-*.whl')
    subprocess.run(
        [*pip, 'install', '-q', '--no-deps', '--target', str(target), str(wheel)], check=True
    )
    return target


@pytest.fixture
def run(installed, tmp_path):
    """A function that runs a command of the wheel in an empty folder."""

    def run(command, *arguments):
        return subprocess.run(
            [sys.executable, str(installed / 'bin' / command), *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, 'PYTHONPATH': str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_training_and_a_test_run_from_the_wheel(run, tmp_path):
    data = make_vg_data(tmp_path / 'data', num_classes=24, num_predicates=18)
    options = ['--cfg-options']
    for split in ('train', 'val', 'test'):
        options += [
            f'{split}_dataloader.dataset.data_root={data.root}',
            f'{split}_dataloader.num_workers=0',
            f'{split}_dataloader.persistent_workers=False',
            f'{split}_dataloader.dataset.num_val_images=3',
        ]
    trained = run(
        'mmsgp-train',
        CONFIG,
        '--work-dir',
        'runs',
        *options,
        'model.detector.init_cfg=None',
        'train_cfg.max_epochs=1',
    )
    assert trained.returncode == 0, trained.stderr[-2000:]
    tested = run('mmsgp-test', CONFIG, 'runs/epoch_1.pth', '--work-dir', 'tested', *options)
    assert tested.returncode == 0, tested.stderr[-2000:]
    assert 'mR' in tested.stdout
    assert (tmp_path / 'tested/metrics.json').exists()


def test_an_unknown_config_is_named_in_a_line(run):
    process = run('mmsgp-train', 'mmsgp::no_such_model.py')
    assert process.returncode != 0
    (line,) = process.stderr.strip().splitlines()[-1:]
    assert 'mmsgp::no_such_model.py' in line and 'motifnet_cce_scorer_vg.py' in line
    assert 'Traceback' not in process.stderr


def test_a_source_tree_has_its_own_configs():
    assert Path(find_config(CONFIG)) == ROOT / 'configs/motifnet_cce_scorer_minivg.py'
    assert find_config('configs/mine.py') == 'configs/mine.py'
