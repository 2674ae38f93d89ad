"""The demo's stages run, are skipped, or fail with a helpful message."""

import io
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console

from helpers.tools import load_tool


@pytest.fixture
def demo(tmp_path, monkeypatch):
    module = load_tool('misc/demo')
    monkeypatch.chdir(tmp_path)
    return module


@pytest.fixture
def make_stage(demo, tmp_path):
    """A stage that appends its name to a file, and writes a result."""

    def make(name, code=''):
        result = tmp_path / f'{name}.result'
        script = f'open("order", "a").write("{name} "); open(r"{result}", "w"); {code}'
        run = demo.Run(name, [sys.executable, '-c', script], tmp_path / f'{name}.log')
        return demo.Stage(name, [run], [result], 0.5)

    return make


def order(tmp_path):
    path = tmp_path / 'order'
    return path.read_text().split() if path.exists() else []


def test_stages_run_once(demo, make_stage, tmp_path):
    stages = [make_stage('a'), make_stage('b')]
    for _ in range(2):
        demo.run_stages(stages, Console(quiet=True))
    assert order(tmp_path) == ['a', 'b']


def test_stages_after_a_changed_one_run_again(demo, make_stage, tmp_path):
    stages = [make_stage(name) for name in 'abc']
    demo.run_stages(stages, Console(quiet=True))
    stages[1].results[0].unlink()
    demo.run_stages(stages, Console(quiet=True))
    assert order(tmp_path) == ['a', 'b', 'c', 'b', 'c']


def test_a_failure_shows_the_end_of_the_output(demo, make_stage):
    stage = make_stage('a', 'raise ValueError("out of ink")')
    with pytest.raises(SystemExit, match='out of ink(.|\n)*a.log'):
        demo.run_stages([stage], Console(quiet=True))


@pytest.mark.parametrize(
    'text, expected',
    [
        ('', 0.0),
        ('rendering images: 20 % (2 of 10) in 0:30\nrendering images: 40 % (4 of 10)', 0.4),
        ('Epoch(train) [2][ 50/200]  lr: 1', 0.3125),
        ('Epoch(train) [2][ 50/200]\nEpoch(val) [2][25/25]', 0.3125),
        ('Epoch(train)  [4][200/200]', 1.0),
    ],
)
def test_progress_is_read_from_the_log(demo, tmp_path, text, expected):
    log = tmp_path / 'log'
    log.write_text(text)
    assert demo.Run('', [], log, epochs=4).fraction() == expected


def test_stages_of_the_demo_end_with_pictures(demo):
    stages = demo.make_stages()
    assert abs(sum(stage.weight for stage in stages) - 1) < 1e-6
    assert [stage.title for stage in stages][0] == 'generating MiniVG'
    assert all(Path(run.command[1]).is_file() for stage in stages for run in stage.runs)


def test_a_checkpoint_is_published_by_the_command(tmp_path, run_tool, capsys):
    source, target = tmp_path / 'epoch_1.pth', tmp_path / 'weights.pth'
    torch.save(dict(state_dict=dict(w=torch.ones(2)), meta=dict(epoch=1), optimizer={}), source)
    run_tool('model_converters/publish_model', source, target)
    assert str(target) in capsys.readouterr().out
    assert set(torch.load(target)) == {'state_dict', 'meta', 'checksums'}


def test_a_log_file_shows_how_far_the_demo_is(demo, make_stage, monkeypatch):
    monkeypatch.setattr('mmsgp.utils.progress.PERIOD', 0)
    log = Console(file=io.StringIO(), width=200)
    sleep = '__import__("time").sleep(0.8)'
    demo.run_stages([make_stage('a', sleep), make_stage('b', sleep)], log)
    text = log.file.getvalue()
    assert 'logs: work_dirs/demo/*.log' in text
    for line in ('1/2 a: 0 % in 0:00', '2/2 b: 50 % in 0:0', '2/2 b: 100 % in 0:0'):
        assert line in text, text


def test_other_minivg_data_is_not_used(demo, make_stage, tmp_path):
    stage = make_stage('a')
    demo.run_stages([stage], Console(quiet=True))
    stage.is_current = lambda: False
    demo.run_stages([stage], Console(quiet=True))
    assert order(tmp_path) == ['a', 'a']
    demo.DATA_DIR.mkdir(parents=True)
    (demo.DATA_DIR / demo.MARKER).write_text('{"num_train": 60}')
    assert not demo.make_stages()[0].done
