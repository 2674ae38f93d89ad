"""Results are written or printed, even with a full disk or an invalid folder."""

import errno
import io
import json
import os
import resource
import runpy
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmsgp.evaluation import PredictionFile
from mmsgp.testing import make_vg_data

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / 'motifnet_cce_scorer_minivg.py'


class Writes:
    """Counts the writes of a run to a folder, and lets one of them fail."""

    def __init__(self):
        self.folder = None
        sys.addaudithook(self)

    @contextmanager
    def failing(self, folder, number):
        self.folder, self.number, self.count = str(folder), number, 0
        try:
            yield self
        finally:
            self.folder = None

    def __call__(self, event, args):
        if self.folder is None:
            return
        path = str(args[1] if event == 'os.rename' else args[0]) if args else ''
        writes = event == 'os.rename' or (event == 'open' and set(str(args[1])) & set('wax+'))
        if writes and path.startswith(self.folder):
            self.count += 1
            if self.count == self.number:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


WRITES = Writes()


@contextmanager
def full_disk():
    """Forbid all writing, except when MMEngine reads a config through /tmp."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    read_config = Config.fromfile

    def read_with_room(*args, **kwargs):
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        try:
            return read_config(*args, **kwargs)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))

    with printed() as text, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, 'fromfile', read_with_room)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            yield text
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def printed():
    """Collect what is printed."""
    text = io.StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        yield text


def run(tool, *arguments):
    """Run a tool in this process, and return its exit status."""
    path, argv = str(ROOT / tool), sys.argv
    sys.argv = [path, *map(str, arguments)]
    try:
        runpy.run_path(path, run_name='__main__')
    except SystemExit as error:
        return error.code
    finally:
        sys.argv = argv
    return None


@pytest.fixture(scope='module')
def run_test(tmp_path_factory, checkpoint):
    """A function that tests a parser with random weights on two images."""
    data = make_vg_data(
        tmp_path_factory.mktemp('data'),
        num_train=4,
        num_test=2,
        num_classes=24,
        num_predicates=18,
        num_objects=(2, 3),
    )
    runs = iter(range(1000))

    def test(work_dir):
        settings = [
            f'test_dataloader.dataset.data_root={data.root}',
            'test_dataloader.dataset.num_val_images=1',
            'test_dataloader.num_workers=0',
            'model.detection_cfg.max_per_image=4',
            # runs of one name and second share a log
            f'experiment_name=run_{next(runs)}',
        ]
        return run(
            'tools/test.py',
            CONFIG,
            checkpoint,
            '--work-dir',
            work_dir,
            '--out',
            Path(work_dir) / 'predictions.h5',
            '--tasks',
            'predcls',
            '--cfg-options',
            *settings,
        )

    return test


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory, run_test):
    """Files and tables of a test with enough disk space."""
    work_dir = tmp_path_factory.mktemp('undisturbed')
    with printed() as text:
        assert run_test(work_dir) is None
    assert len(PredictionFile(work_dir / 'predictions.h5')) == 2
    return work_dir, tables(text.getvalue())


def tables(text):
    """Return the lines of the printed tables."""
    first = text.index('predcls: recall of each predicate')
    return text[first : text.index('Evaluated ', first)].splitlines()


def assert_whole_or_missing(work_dir, expected):
    """Check all results. Files of predictions may differ in their dates."""
    for path in expected.iterdir():
        found = work_dir / path.name
        if path.suffix == '.h5' and found.exists():
            assert len(PredictionFile(found)) == len(PredictionFile(path))
        elif path.is_file() and found.exists() and path.suffix != '.py':
            assert found.read_bytes() == path.read_bytes(), path.name
    assert not list(work_dir.glob('.*'))


def test_a_test_on_a_full_disk_prints_its_tables(tmp_path, run_test, undisturbed):
    expected, lines = undisturbed
    with full_disk() as text:
        status = run_test(tmp_path)
    assert tables(text.getvalue()) == lines
    for name in ('metrics.json', 'metrics_predcls.csv', 'ranks.npz', 'predictions.h5'):
        assert str(tmp_path / name) in status
        assert not (tmp_path / name).exists()
    assert_whole_or_missing(tmp_path, expected)
    assert run_test(tmp_path) is None  # the disk has room again
    assert json.loads((tmp_path / 'metrics.json').read_text()) == json.loads(
        (expected / 'metrics.json').read_text()
    )


def test_a_test_into_an_invalid_folder_prints_its_tables(tmp_path, run_test, undisturbed):
    (tmp_path / 'file').touch()
    with printed() as text:
        status = run_test(tmp_path / 'file' / 'work_dir')
    assert tables(text.getvalue()) == undisturbed[1]
    assert 'file/work_dir/metrics.json' in status


@pytest.mark.faults
def test_each_write_of_a_test_may_fail(tmp_path, run_test, undisturbed):
    """If one write fails, the others succeed and the tables are printed."""
    expected, lines = undisturbed
    for number in range(1, 200):
        work_dir = tmp_path / str(number)
        work_dir.mkdir()
        with printed() as text, WRITES.failing(work_dir, number) as writes:
            status = run_test(work_dir)
        if writes.count < number:  # no more writes
            break
        assert tables(text.getvalue()) == lines, number
        assert str(work_dir) in status, number
        assert_whole_or_missing(work_dir, expected)
        lost = [path.name for path in expected.glob('*.*') if not (work_dir / path.name).exists()]
        assert len(lost) <= 1, (number, lost)
    print(f'{number - 1} writes of tools/test.py failed, one in each run')
    assert number > 15


def test_training_on_a_full_disk_stops_before_it_begins(tmp_path):
    with full_disk():
        status = run('tools/train.py', CONFIG, '--work-dir', tmp_path / 'w')
    assert str(tmp_path / 'w') in status and '\n' not in status
    (tmp_path / 'file').touch()
    status = run('tools/train.py', CONFIG, '--work-dir', tmp_path / 'file' / 'w')
    assert 'file/w' in status and '\n' not in status


def test_a_report_on_a_full_disk_is_not_incomplete(tmp_path, undisturbed):
    out = tmp_path / 'report.html'
    with full_disk():
        status = run(
            'tools/analysis_tools/report.py', undisturbed[0], '--out', out, '--num-pictures', 0
        )
    assert str(out) in status
    assert not list(tmp_path.iterdir())


def test_graphs_that_cannot_be_written_are_printed(tmp_path, checkpoint):
    image = tmp_path / 'image.jpg'
    cv2.imwrite(str(image), np.full((48, 64, 3), 90, np.uint8))
    with full_disk() as text:
        status = run(
            'mmsgp/cli/infer.py', image, '--checkpoint', checkpoint, '--out', tmp_path / 'out'
        )
    for name in ('vis/image.png', 'preds/image.json'):
        assert str(tmp_path / 'out' / name) in status
        assert not (tmp_path / 'out' / name).exists()
    # A title is wrapped to the width of its table.
    assert 'the best relations' in ' '.join(text.getvalue().split())
