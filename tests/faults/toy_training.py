"""Run trainings of about a second with tools/train.py in forked processes.

Data set, hooks, loops and scheduler are those of MMSGP's configs. The model is small,
with dropout; the metric goes up and down, so that the best checkpoint changes and
the learning rate drops.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import mmengine.hooks.runtime_info_hook
import mmengine.runner.runner
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from torch import nn

import mmsgp.engine
import mmsgp.visualization  # noqa: F401
from mmsgp.datasets import VGDataset
from mmsgp.registry import DATASETS, METRICS, MODELS
from mmsgp.reporting.training_log import TrainingLog

ROOT = Path(__file__).parents[2]
KINDS = {
    'by epoch': (
        "type='ResumableEpochLoop', max_epochs=5, val_interval=1",
        'interval=1, by_epoch=True',
    ),
    'within epochs': (
        "type='ResumableEpochLoop', max_epochs=5, val_interval=1",
        'interval=3, by_epoch=False',
    ),
    'by iteration': (
        "type='ResumableIterLoop', max_iters=20, val_interval=3",
        'interval=3, by_epoch=False',
    ),
}
CONFIG = """
default_scope = 'mmsgp'
model = dict(type='ToyModel')
train_dataloader = dict(
    batch_size=2, num_workers={workers}, persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='ToyDataset', data_root={data!r}, num_val_images=2))
val_dataloader = dict(
    batch_size=1, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ToyDataset', data_root={data!r}, num_val_images=2,
                 split='val', test_mode=True))
train_cfg = dict({loop})
val_cfg = dict()
val_evaluator = dict(type='ToyMetric')
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.5, by_epoch=False, end=7),
    dict(type='ReduceOnPlateauLR', monitor='score', rule='greater', factor=0.5,
         patience=0)]
default_hooks = dict(
    logger=dict(type='SteadyLoggerHook', interval=1),
    checkpoint=dict(type='ValidatedCheckpointHook', save_best='score',
                    rule='greater', max_keep_ckpts={keep}, {saving}))
custom_hooks = [dict(type='SeedHook')]
vis_backends = [dict(type='SteadyVisBackend')]
visualizer = dict(type='SceneGraphVisualizer', vis_backends=vis_backends)
log_processor = dict(by_epoch={by_epoch})
env_cfg = dict(dist_cfg=dict(backend='gloo'))
randomness = dict(seed=3)
"""


@DATASETS.register_module()
class ToyDataset(VGDataset):
    """Random vectors, like the output of random transforms."""

    def prepare_data(self, idx: int) -> dict:
        noise = 0 if self.test_mode else torch.rand(4) + random.random()
        return dict(inputs=torch.arange(4) / 4 + idx / 10 + noise)


@MODELS.register_module()
class ToyModel(BaseModel):
    """Learns the mean of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Linear(4, 1))

    def forward(self, inputs: list, mode: str = 'tensor'):
        values = torch.stack(list(inputs))
        error = (self.layers(values)[:, 0] - values.mean(dim=1)).square()
        return dict(loss=error.mean()) if mode == 'loss' else error


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """A number that depends on the weights, and goes up and down."""

    def process(self, data_batch, data_samples) -> None:
        self.results += [float(value) for value in data_samples]

    def compute_metrics(self, results: list) -> dict:
        return dict(score=1000 * sum(results) % 1)


def load_tool():
    """Import tools/train.py as a module."""
    spec = importlib.util.spec_from_file_location('train', ROOT / 'tools' / 'train.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = load_tool()
torch.set_num_threads(1)
torch.optim.SGD([torch.zeros(1)])  # imports modules that forked processes share
# These calls take longer than the training: programs, and formatting configs.
mmengine.runner.runner.collect_env = dict
mmengine.runner.runner.get_git_hash = lambda: ''
mmengine.hooks.runtime_info_hook.get_git_hash = lambda: ''
Config.pretty_text = property(lambda self: self.text)


def write_config(path: Path, data: Path, kind: str, keep: int, workers: int = 0) -> Path:
    """Write the config of a kind of training."""
    loop, saving = KINDS[kind]
    path.write_text(
        CONFIG.format(
            data=str(data),
            loop=loop,
            saving=saving,
            keep=keep,
            workers=workers,
            by_epoch=kind != 'by iteration',
        )
    )
    return path


def start(
    config: Path, work_dir: Path, *arguments: str, prepare: Callable[[], None] = lambda: None
) -> int:
    """Run tools/train.py in a forked process.

    Args:
        config: The config.
        work_dir: The work directory; the output is written beside it.
        *arguments: Other arguments of the tool.
        prepare: Called in the process before the tool.

    Returns:
        int: The id of the process.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        log = os.open(f'{work_dir}.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = ['train.py', str(config), '--work-dir', str(work_dir), *arguments]
        prepare()
        TOOL.main()
        code = 0
    except BaseException:  # noqa: BLE001 - any, also pytest's
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(pid: int) -> int:
    """Return the exit code of a process, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def outcome(work_dir: Path, logged: bool = True) -> dict:
    """Read the results of a training: last state, best state and validations."""
    last = Path((work_dir / 'last_checkpoint').read_text())
    validations = TrainingLog.read(work_dir).validation if logged else []
    return dict(
        last=_state(last),
        best=[
            (path.name, _state(path)['state_dict']) for path in sorted(work_dir.glob('best_*.pth'))
        ],
        checkpoints=sorted(path.name for path in work_dir.glob('*.pth')),
        validations=[(record['iter'], record['score']) for record in validations],
        drafts=[path.name for path in work_dir.glob('.*.part')],
    )


def _state(path: Path) -> dict:
    checkpoint = torch.load(path, weights_only=False)
    return {key: checkpoint.get(key) for key in ('state_dict', 'optimizer', 'param_schedulers')}


def differences(first, second, name: str = '') -> list[str]:
    """List the places where two nested values differ."""
    if isinstance(first, torch.Tensor):
        return [] if torch.equal(first, second) else [name]
    if type(first) is not type(second):
        return [name]
    if isinstance(first, dict):
        return (
            [name]
            if first.keys() != second.keys()
            else [d for k in first for d in differences(first[k], second[k], f'{name}.{k}')]
        )
    if isinstance(first, (list, tuple)):
        return (
            [f'{name}: {first} and {second}'[:300]]
            if len(first) != len(second)
            else [
                d
                for i, pair in enumerate(zip(first, second))
                for d in differences(*pair, f'{name}.{i}')
            ]
        )
    return [] if first == second or first != first else [f'{name}: {first} and {second}']
