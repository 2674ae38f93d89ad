"""Slow steps are logged as often as a reader expects a sign of life."""

import re

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmsgp.engine.hooks import log_hook


class Clock:
    """A clock that only the model moves on."""

    def __init__(self, seconds):
        self.now, self.seconds = 0.0, seconds

    def monotonic(self):
        return self.now


class Slow(BaseModel):
    """A model that takes its time for every batch."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, mode='tensor'):
        self.clock.now += self.clock.seconds
        return dict(loss=self.weight.sum()) if mode == 'loss' else [inputs]


class Nothing(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(score=1.0)


def logged_iterations(tmp_path, monkeypatch, seconds, mode):
    """The iterations that a run of 100 logs, of a model with seconds per batch."""
    clock = Clock(seconds)
    monkeypatch.setattr(log_hook, 'time', clock)
    data = DataLoader([dict(inputs=torch.ones(1))] * 100)
    runner = Runner(
        Slow(clock),
        str(tmp_path),
        train_dataloader=data,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        test_dataloader=data,
        test_cfg=dict(),
        test_evaluator=[Nothing()],
        default_hooks=dict(logger=dict(type='SteadyLoggerHook', interval=50), checkpoint=None),
        default_scope='mmsgp',
        experiment_name=f'{tmp_path.name}_{mode}_{seconds}',
    )
    getattr(runner, mode)()
    (log,) = tmp_path.glob('*/*.log')
    # The summary of a test repeats the last one.
    return sorted({int(n) for n in re.findall(rf'\({mode}\).*\[ *(\d+)/100\]', log.read_text())})


@pytest.mark.parametrize('mode', ['train', 'test'])
def test_slow_batches_are_logged_every_30_seconds(tmp_path, monkeypatch, mode):
    # 12 s per batch: after 36 s, and as always after 50 batches.
    expected = [*range(3, 50, 3), 50, *range(53, 100, 3), 100]
    assert logged_iterations(tmp_path, monkeypatch, 12, mode) == expected


@pytest.mark.parametrize('mode', ['train', 'test'])
def test_fast_batches_are_logged_as_the_config_says(tmp_path, monkeypatch, mode):
    assert logged_iterations(tmp_path, monkeypatch, 0.5, mode) == [50, 100]
