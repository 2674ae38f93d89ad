"""What the engine does so that a GPU neither waits nor computes more than needed."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import LoggerHook
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch import nn

from mmsgp.engine import InvalidLossHook, ScalarsHook, SteadyOptimWrapper
from mmsgp.engine.float32_precision import set_float32_precision
from mmsgp.engine.host_copy import HostCopy
from mmsgp.engine.optimizers.trainable_params_constructor import fuses
from mmsgp.engine.runner import SceneGraphRunner
from mmsgp.models import SceneGraphDataPreprocessor
from mmsgp.testing.models import CONFIGS, random_samples


@pytest.fixture
def on_a_gpu(monkeypatch):
    """Treat the scalars of a CPU as if they were on the way."""
    start = HostCopy.__init__

    def slow(self, scalars):
        start(self, scalars)
        self.on_the_way, self._done = True, SimpleNamespace(synchronize=lambda: None)

    monkeypatch.setattr(HostCopy, '__init__', slow)


def runner_of(name, loop=EpochBasedTrainLoop, interval=4, **kwargs):
    """A runner of epochs of six batches."""
    return SimpleNamespace(
        epoch=0,
        iter=0,
        max_iters=12,
        train_dataloader=range(6),
        train_loop=object.__new__(loop),
        optim_wrapper=SimpleNamespace(**kwargs),
        message_hub=MessageHub.get_instance(name),
        hooks=[LoggerHook(interval=interval)],
    )


def history(runner, name='loss'):
    scalars = runner.message_hub.log_scalars
    return scalars[f'train/{name}'].data[0].tolist() if f'train/{name}' in scalars else []


def step(hook, runner, value):
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    batch = runner.iter % 6 if by_epoch else runner.iter
    hook.after_train_iter(
        runner,
        batch,
        dict(data_samples=random_samples([1])),
        dict(loss=torch.tensor(value), accuracy=torch.tensor([2 * value])),
    )
    runner.iter += 1


def test_scalars_of_a_cpu_enter_the_history_at_once():
    runner, hook = (
        runner_of('cpu', grad_name='grad_norm', grad_norm=torch.tensor(5.0)),
        ScalarsHook(),
    )
    for value in (1.0, 2.0):
        step(hook, runner, value)
        assert history(runner)[-1] == value and history(runner, 'accuracy')[-1] == 2 * value
    assert history(runner, 'grad_norm') == [5.0]  # of one step


@pytest.mark.parametrize('loop', [EpochBasedTrainLoop, IterBasedTrainLoop])
def test_scalars_of_a_gpu_enter_the_history_later_but_before_they_are_logged(on_a_gpu, loop):
    runner, hook = runner_of(f'gpu {loop.__name__}', loop), ScalarsHook()
    lengths = []
    for value in range(1, 13):
        step(hook, runner, float(value))
        lengths.append(len(history(runner)))
    complete = {4, 8, 12} | ({6, 10} if loop is EpochBasedTrainLoop else set())
    assert lengths == [n if n in complete else n - 1 for n in range(1, 13)]
    assert history(runner) == [float(value) for value in range(1, 13)]


def test_a_checkpoint_holds_the_whole_history(on_a_gpu):
    runner, hook = runner_of('checkpoint'), ScalarsHook()
    step(hook, runner, 3.0)
    checkpoint = dict(message_hub={})
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint['message_hub']['log_scalars']['train/loss'].data[0].tolist() == [3.0]


def test_an_invalid_loss_of_a_gpu_stops_one_iteration_later(on_a_gpu):
    runner, hook = runner_of('invalid'), InvalidLossHook()
    step(hook, runner, float('nan'))
    with pytest.raises(FloatingPointError, match=r"iteration 1: .*nan.*\['0.jpg'\]"):
        step(hook, runner, 1.0)


def test_an_invalid_loss_of_a_gpu_is_not_saved(on_a_gpu):
    for moment in (
        lambda hook, runner: hook.before_save_checkpoint(runner, {}),
        lambda hook, runner: hook.after_train(runner),
    ):
        runner, hook = runner_of('unsaved'), InvalidLossHook()
        step(hook, runner, float('inf'))
        with pytest.raises(FloatingPointError, match='iteration 1'):
            moment(hook, runner)


def test_gradients_are_clipped_as_by_mmengine():
    weights, norms = [], []
    for kind in (OptimWrapper, SteadyOptimWrapper):
        torch.manual_seed(0)
        layer = nn.Linear(3, 2)
        wrapper = kind(torch.optim.SGD(layer.parameters(), lr=0.1), clip_grad=dict(max_norm=0.01))
        wrapper.update_params(layer(torch.ones(4, 3)).sum())
        weights.append(layer.weight.detach())
        norms.append(getattr(wrapper, 'grad_norm', None))
    assert torch.equal(*weights)
    gradient = torch.full((2, 4), 4.0)  # of three inputs of 1 and the bias, four rows
    torch.testing.assert_close(norms[1], gradient.norm())


def test_optimisers_of_pytorch_are_fused_on_a_gpu():
    for name in ('SGD', 'Adam', 'AdamW'):
        assert fuses(dict(type=name, lr=1), 'cuda')
        assert not fuses(dict(type=name, lr=1), 'cpu')
        assert not fuses(dict(type=name, lr=1, foreach=True), 'cuda')
    assert not fuses(dict(type='Rprop', lr=1), 'cuda')
    assert not fuses(dict(type='OwnOptimizer', lr=1), 'cuda')


def test_images_are_copied_without_waiting():
    assert SceneGraphDataPreprocessor(pad_to=(8, 8))._non_blocking
    assert not SceneGraphDataPreprocessor(pad_to=(8, 8), non_blocking=False)._non_blocking


@pytest.mark.parametrize('available', [False, True])
def test_memory_of_data_is_pinned_where_there_is_a_gpu(available, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: available)
    monkeypatch.setattr(Runner, 'build_dataloader', lambda cfg: cfg['pin_memory'])
    assert SceneGraphRunner.build_dataloader(dict(batch_size=1)) == available
    assert not SceneGraphRunner.build_dataloader(dict(batch_size=1, pin_memory=False))


@pytest.fixture
def restored():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize('level, expected', [(None, True), ('high', True), ('highest', False)])
def test_the_config_says_whether_a_gpu_rounds_to_tf32(level, expected, restored):
    env_cfg = Config.fromfile(CONFIGS / '_base_' / 'default_runtime.py').env_cfg
    assert env_cfg.pop('float32_matmul') == 'high'
    set_float32_precision(env_cfg if level is None else dict(env_cfg, float32_matmul=level))
    assert torch.backends.cuda.matmul.allow_tf32 == expected
    assert torch.backends.cudnn.allow_tf32 == expected


@pytest.mark.parametrize(
    'env_cfg, message',
    [
        (dict(float32_matmul='medium'), "float32_matmul must be one of .*'medium'"),
        (dict(float32_matmull='high'), 'env_cfg.float32_matmull is unknown'),
    ],
)
def test_unknown_settings_of_float32_are_refused(env_cfg, message):
    with pytest.raises(ValueError, match=message):
        set_float32_precision(env_cfg)
