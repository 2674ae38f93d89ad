import json

import pytest

from mmsgp.reporting.training_log import TrainingLog


def write(folder, start, *records):
    path = folder / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(record) + '\n' for record in records))
    return path


def step(iteration, loss, epoch=1):
    return dict(
        iter=iteration, epoch=epoch, step=iteration, loss=loss, time=loss / 2, data_time=loss / 4
    )


def test_a_resumed_training_is_one_curve(tmp_path):
    write(
        tmp_path,
        '20260101_000000',
        step(50, 4.0),
        step(100, 3.0),
        {'sgcls/R@20': 1.0, 'step': 1},
        step(150, 9.0, 2),
    )
    write(tmp_path, '20260102_000000', step(150, 2.0, 2), {'sgcls/R@20': 5.0, 'step': 2})
    log = TrainingLog.read(tmp_path)
    for key, iterations, values in (
        ('loss', [50, 100, 150], [4, 3, 2]),
        ('sgcls/R@20', [100, 150], [1, 5]),
    ):
        found = log.curve(key)
        assert found[0].tolist() == iterations and found[1].tolist() == values
    assert log.seconds() == {1: dict(time=1.75, data_time=0.875), 2: dict(time=1.0, data_time=0.5)}


def test_patterns_choose_what_is_logged(tmp_path):
    log = TrainingLog.read(
        write(
            tmp_path,
            'run',
            {**step(1, 1.0), 'loss_object': 1.0, 'acc_object': 2.0},
            {'sgcls/R@20': 1.0, 'sgcls/mR@20': 1.0, 'step': 1},
        )
    )
    assert log.keys(['*/R@20', 'loss']) == ['sgcls/R@20', 'loss']
    assert log.keys(['loss*', 'loss']) == ['loss', 'loss_object']
    assert 'step' not in log.keys(['*'])


def test_a_test_without_training_is_no_validation(tmp_path):
    log = TrainingLog.read(write(tmp_path, 'run', {'sgcls/R@20': 1.0, 'step': 0}))
    assert log == TrainingLog([], [])


def test_what_is_missing_or_broken_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='tools/train.py'):
        TrainingLog.read(tmp_path)
    path = write(tmp_path, 'run', step(1, 1.0))
    path.write_text(path.read_text() + '{"loss": ')
    with pytest.raises(ValueError, match='scalars.json, line 2'):
        TrainingLog.read(tmp_path)
