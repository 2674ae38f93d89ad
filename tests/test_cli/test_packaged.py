"""A wheel works in a fresh environment, without the repository."""

import os
import runpy
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import cv2
import numpy as np
import pytest
from setuptools import Distribution

from mmsgp.registry import find_config
from mmsgp.testing import make_vg_data

ROOT = Path(__file__).parents[2]
INDEX = 'model-index.yml'
CONFIG = 'mmsgp::motifnet_cce_scorer_minivg.py'


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """A fresh environment with the wheel, which borrows the libraries of this one."""
    folder = tmp_path_factory.mktemp('wheel')
    source, environment = folder / 'source', folder / 'environment'
    for name in ('mmsgp', 'configs', 'tools', 'requirements'):
        ignored = shutil.ignore_patterns('__pycache__', '.mim')
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE', INDEX):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '-q']
    options = ['--no-deps', '--no-build-isolation']
    subprocess.run([*pip, 'wheel', *options, '-w', folder, source], check=True)
    (wheel,) = folder.glob('mmsgp-*.whl')
    shutil.rmtree(source)
    venv.create(environment)
    python = environment / 'bin' / 'python'
    subprocess.run([*pip, '--python', python, 'install', '--no-deps', wheel], check=True)
    (packages,) = environment.glob('lib/python*/site-packages')
    # Links to editable installations in these folders are not followed.
    (packages / 'borrowed.pth').write_text('\n'.join(site.getsitepackages()))
    return environment


@pytest.fixture
def run(installed, tmp_path):
    """A function that runs a command of the wheel in an empty folder."""

    def run(command, *arguments):
        environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
        return subprocess.run(
            [str(installed / 'bin' / command), *map(str, arguments)],
            cwd=tmp_path,
            env={**environment, 'MMSGP_HOME': str(tmp_path / 'home')},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def run_python(run):
    """A function that runs code in the environment, and returns its words."""

    def run_python(code):
        process = run('python', '-c', code)
        assert process.returncode == 0, process.stderr[-2000:]
        return process.stdout.split()

    return run_python


def test_the_package_is_that_of_the_wheel(run_python, installed):
    (path,) = run_python('import mmsgp; print(mmsgp.__file__)')
    assert Path(path).is_relative_to(installed)


def test_mmengine_finds_the_configs_of_the_wheel(run_python, installed, tmp_path):
    (tmp_path / 'mine.py').write_text(
        f"_base_ = '{CONFIG}'\nmodel = dict(relation_head=dict(scorer=None))\ndata_root = 'd'\n"
    )
    printed = run_python(
        'import mmsgp.registry\n'
        'from mmengine.config import Config\n'
        f'own, mine = map(Config.fromfile, ({CONFIG!r}, "mine.py"))\n'
        'print(own.filename, own.model.relation_head.scorer.type)\n'
        'print(mine.model.relation_head.type, mine.model.relation_head.scorer)\n'
        'from mmsgp.engine.config_file import read_config_file\n'
        'print(read_config_file("mine.py").test_dataloader.dataset.data_root)'
    )
    assert Path(printed[0]).is_relative_to(installed)
    assert printed[1:] == ['Scorer', 'MotifNetHead', 'None', 'd']


def test_an_image_is_parsed_from_the_wheel(run, tmp_path, checkpoint):
    image = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    arguments = ['a.png', '--model', 'motifnet_cce_scorer_minivg', '--out', 'parsed']
    process = run('mmsgp-infer', *arguments, '--checkpoint', checkpoint)
    assert process.returncode == 0, process.stderr[-2000:]
    assert (tmp_path / 'parsed/preds/a.json').is_file()
    assert (tmp_path / 'parsed/vis/a.png').is_file()


def test_a_model_without_its_weights_is_told_in_a_line(run):
    process = run('mmsgp-infer', 'a.png', '--model', 'motifnet_cce_scorer_minivg', '--out', 'o')
    assert process.returncode != 0
    assert 'make demo makes them' in process.stderr.strip().splitlines()[-1]
    assert 'Traceback' not in process.stderr


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
    for output in (trained.stdout + trained.stderr, tested.stdout + tested.stderr):
        for noise in (
            'FileClient',
            'HardDiskBackend',
            'faster_coco_eval',
            'OneDL',
            'be deprecated',
        ):
            assert noise not in output, noise
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


def test_an_editable_installation_has_links_in_place_of_copies(tmp_path, monkeypatch):
    setup = runpy.run_path(str(ROOT / 'setup.py'))
    command = setup['BuildWithMim'](Distribution())
    monkeypatch.setitem(command.run.__globals__, 'ROOT', tmp_path)
    for name in ('configs', 'tools', 'mmsgp'):
        (tmp_path / name).mkdir()
    (tmp_path / INDEX).touch()
    command.ensure_finalized()
    command.editable_mode = True
    for _ in range(2):
        command.run()
    mim = tmp_path / 'mmsgp' / '.mim'
    assert {path.name for path in mim.iterdir()} == {'configs', 'tools', INDEX}
    assert (mim / 'configs').readlink() == Path('../../configs')
    assert (mim / INDEX).samefile(tmp_path / INDEX)
