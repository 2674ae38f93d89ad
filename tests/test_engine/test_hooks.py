"""Hooks act at the right moment."""

import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.fileio import LocalBackend
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader

from mmsgp.datasets import VGDataset
from mmsgp.engine import (
    DatasetPriorsHook,
    InvalidLossHook,
    SeedHook,
    StopAtLowRateHook,
    TrainAloneHook,
)
from mmsgp.registry import HOOKS
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import CONFIGS, random_samples, small_parser


def numbers():
    return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002


def test_numbers_of_an_iteration_depend_on_seed_and_iteration():
    hook, drawn = SeedHook(), {}
    for seed, iteration in [(42, 0), (42, 1), (43, 0), (42, 0)]:
        hook.before_train_iter(SimpleNamespace(seed=seed, iter=iteration), 0)
        drawn.setdefault((seed, iteration), []).append(numbers())
    assert drawn[42, 0][0] == drawn[42, 0][1]
    assert len({values[0] for values in drawn.values()}) == 3


class Noise(VGDataset):
    """Items drawn from each generator that pipelines use."""

    def prepare_data(self, idx):
        return idx, numbers()


def items_of_epoch(dataset, epoch, **loader):
    """Load the items as training does, sorted by their number."""
    loader = DataLoader(dataset, collate_fn=list, **loader)
    SeedHook().before_train_epoch(SimpleNamespace(seed=42, epoch=epoch, train_dataloader=loader))
    return dict(item for batch in loader for item in batch)


def test_items_depend_on_seed_epoch_and_index(tmp_path):
    data = make_vg_data(tmp_path, with_images=False)
    dataset = Noise(**data.kwargs())
    first = items_of_epoch(dataset, 0)
    assert len(set(first.values())) == len(dataset)
    for loader in (dict(num_workers=1), dict(num_workers=2, batch_size=2), dict(shuffle=True)):
        assert items_of_epoch(dataset, 0, **loader) == first
    assert not set(items_of_epoch(dataset, 1).values()) & set(first.values())
    random.seed(1)
    expected = random.random()
    random.seed(1)
    dataset[0]
    assert random.random() == expected  # other code draws the same numbers


def test_datasets_within_a_wrapper_draw_their_own_numbers(tmp_path):
    data = make_vg_data(tmp_path, with_images=False)
    both = ConcatDataset([Noise(**data.kwargs()), Noise(**data.kwargs())])
    items_of_epoch(both, 0)
    assert both.datasets[0][1] != both.datasets[1][1]


def test_workers_that_outlive_an_epoch_are_refused(tmp_path):
    dataset = make_vg_data(tmp_path, with_images=False).dataset()
    with pytest.raises(ValueError, match='persistent_workers'):
        items_of_epoch(dataset, 0, num_workers=1, persistent_workers=True)


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_invalid_loss_stops_and_names_the_images(value):
    runner = SimpleNamespace(epoch=1, iter=7)
    batch = dict(data_samples=random_samples([2, 2]))
    outputs = dict(loss=torch.tensor(value), loss_object=torch.tensor(1.0))
    with pytest.raises(FloatingPointError, match=r"'0.jpg', '1.jpg'"):
        InvalidLossHook().after_train_iter(runner, 0, batch, outputs)
    outputs['loss'] = torch.tensor(2.0)
    InvalidLossHook().after_train_iter(runner, 0, batch, outputs)


def test_model_takes_the_priors_of_its_training_set_once(tmp_path):
    dataset = make_vg_data(tmp_path, with_images=False).dataset()
    model = small_parser()
    wrapped = SimpleNamespace(dataset=dataset)  # e.g. a RepeatDataset
    runner = SimpleNamespace(model=model, train_dataloader=SimpleNamespace(dataset=wrapped))
    assert not model.relation_head.frequency_prior.table.any()
    DatasetPriorsHook().before_train(runner)
    table = model.relation_head.frequency_prior.table
    expected = torch.as_tensor(dataset.statistics.frequency_prior())
    assert torch.equal(table, expected)

    # A resumed checkpoint keeps what it has learnt.
    with torch.no_grad():
        table += 1
    resumed = small_parser()
    resumed.load_state_dict(model.state_dict())
    runner.model = resumed
    DatasetPriorsHook().before_train(runner)
    assert torch.equal(resumed.relation_head.frequency_prior.table, expected + 1)


def test_model_of_another_data_set_is_refused(tmp_path):
    dataset = make_vg_data(tmp_path, num_classes=7, with_images=False).dataset()
    with pytest.raises(ValueError, match='num_classes and num_predicates'):
        small_parser().load_statistics(dataset)


class Line(BaseModel):
    """A model of one weight, which the loss pulls to zero."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, inputs, mode):
        if mode == 'loss':
            return dict(loss=(self.weight * inputs).square().sum())
        return [dict(value=0.0)]


class Standstill(BaseMetric):
    """A metric that never improves."""

    def process(self, data_batch, data_samples):
        self.results.append(0.0)

    def compute_metrics(self, results):
        return dict(score=1.0)


def train_on_a_plateau(work_dir, epochs, resume=False):
    """Train with a learning rate that drops at each epoch but the first."""
    runner = Runner(
        Line(),
        str(work_dir),
        train_dataloader=DataLoader([dict(inputs=torch.ones(1))]),
        val_dataloader=DataLoader([dict(inputs=torch.ones(1))]),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        val_cfg=dict(),
        val_evaluator=[Standstill()],
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        param_scheduler=dict(
            type='ReduceOnPlateauLR',
            monitor='score',
            rule='greater',
            factor=0.1,
            patience=0,
            end=1000,
        ),
        default_hooks=dict(
            checkpoint=dict(type='ValidatedCheckpointHook', save_best='score', rule='greater')
        ),
        default_scope='mmsgp',
        resume=resume,
        experiment_name=f'{work_dir.name}_{epochs}',
    )
    runner.train()
    return torch.load(work_dir / f'epoch_{epochs}.pth', weights_only=False)


@pytest.mark.parametrize('epochs', [1, 2])
def test_a_run_cut_off_while_saving_keeps_the_checkpoint(tmp_path, monkeypatch, epochs):
    train_on_a_plateau(tmp_path, 1)
    path = tmp_path / 'epoch_1.pth'
    before = path.read_bytes()

    def cut_off(self, obj, filepath):
        Path(filepath).write_bytes(obj[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalBackend, 'put', cut_off)
    with pytest.raises(KeyboardInterrupt):
        train_on_a_plateau(tmp_path, epochs, resume=epochs > 1)
    assert path.read_bytes() == before
    assert not (tmp_path / 'epoch_2.pth').exists()


def test_a_run_resumed_on_a_plateau_ends_where_the_uninterrupted_one_does(tmp_path):
    whole = train_on_a_plateau(tmp_path / 'whole', 4)
    first = train_on_a_plateau(tmp_path / 'parts', 2)
    assert first['param_schedulers'][0]['best'] == 1
    assert first['meta']['epoch'] == 2
    assert first['message_hub']['runtime_info']['best_score'] == 1
    resumed = train_on_a_plateau(tmp_path / 'parts', 4, resume=True)
    assert whole['param_schedulers'] == resumed['param_schedulers']
    learning_rates = [state['optimizer']['param_groups'][0]['lr'] for state in (whole, resumed)]
    assert learning_rates[0] == learning_rates[1] < 1e-3
    assert torch.equal(whole['state_dict']['weight'], resumed['state_dict']['weight'])
    assert len(list((tmp_path / 'parts').glob('best_*.pth'))) == 1


@pytest.mark.parametrize('fc_rate', [1.0, 0.1])
@pytest.mark.parametrize('gain, ends', [(0.0, True), (0.002, True), (0.02, False)])
def test_the_schedule_of_visual_genome_is_that_of_the_references(gain, ends, fc_rate):
    """Against PyTorch's scheduler with the references' arguments."""
    cfg = Config.fromfile(CONFIGS / 'motifnet_ce_vg.py')

    def make_optimizer():
        return torch.optim.SGD(
            [
                dict(params=[nn.Parameter(torch.zeros(1))], lr=6e-3 * factor)
                for factor in (1, fc_rate)
            ]
        )

    wrapper = OptimWrapper(make_optimizer())
    scheduler = PARAM_SCHEDULERS.build(
        {**cfg.param_scheduler[0], 'monitor': 'mR'}, default_args=dict(optimizer=wrapper)
    )
    optimizer = make_optimizer()
    expected = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, 'max', patience=3, factor=0.1, threshold=1e-4, threshold_mode='abs', cooldown=1
    )
    hook, drops = StopAtLowRateHook(), set()
    runner = SimpleNamespace(optim_wrapper=wrapper, train_loop=SimpleNamespace(stop_training=False))
    for epoch in range(30):
        value = 10 + gain * epoch  # percent; the references' is 0 to 1
        wrapper.step()
        scheduler.step(dict(mR=value))
        expected.step(value / 100)
        assert wrapper.param_groups[0]['lr'] == pytest.approx(optimizer.param_groups[0]['lr'])
        hook.after_val_epoch(runner)
        rates = [group['lr'] for group in optimizer.param_groups]
        drops.add(rates[0])
        assert runner.train_loop.stop_training == any(rate <= 6e-3 / 99 for rate in rates)
        if runner.train_loop.stop_training:
            break
    assert runner.train_loop.stop_training == ends
    if ends:  # at the first drop where fc layers begin at a tenth
        assert len(drops) == (2 if fc_rate == 0.1 else 3)
    with pytest.raises(ValueError, match='fraction.*1.5'):
        StopAtLowRateHook(1.5)


def test_kern_is_trained_as_the_reference_trains_it():
    optimizer = Config.fromfile(CONFIGS / 'kern_ce_vg.py').optim_wrapper.optimizer
    assert optimizer.lr == pytest.approx(1e-5 * 6)
    assert (optimizer.type, optimizer.eps, optimizer.weight_decay) == ('Adam', 1e-3, 0.0)


def train_two_layers(iters, start, hook=None):
    """Momentum and a schedule on a quadratic loss: weights and rates per iteration."""
    model = nn.ParameterDict(dict(selectors=torch.ones(1), rest=torch.ones(1)))
    groups = [dict(params=[model['selectors']], lr=0.02), dict(params=[model['rest']])]
    wrapper = OptimWrapper(torch.optim.SGD(groups, lr=0.1, momentum=0.9))
    schedule = PARAM_SCHEDULERS.build(
        dict(type='LinearLR', start_factor=0.5, end=4, by_epoch=False),
        default_args=dict(optimizer=wrapper),
    )
    runner, weights, rates = SimpleNamespace(model=model, optim_wrapper=wrapper), [], []
    if hook is not None:
        hook.before_train(runner)
    for runner.iter in range(start, start + iters):
        if hook is not None:
            hook.before_train_iter(runner, 0)
        wrapper.update_params(sum(weight.square().sum() for weight in model.values()))
        if hook is not None:
            hook.after_train_iter(runner, 0)
        schedule.step()
        weights.append([model[name].item() for name in ('selectors', 'rest')])
        rates.append([group['lr'] for group in wrapper.param_groups])
    return weights, rates


def test_layers_train_alone_at_first():
    usual, usual_rates = train_two_layers(8, 0)
    weights, rates = train_two_layers(8, 0, TrainAloneHook('selectors', 3))
    assert rates == usual_rates
    assert [own for own, _ in weights] == [own for own, _ in usual]
    assert [other for _, other in weights[:3]] == [1.0] * 3
    # momentum starts anew: the first step goes by the rate times the gradient
    assert weights[3][1] == pytest.approx(1 - rates[2][1] * 2)
    resumed, _ = train_two_layers(5, 3, TrainAloneHook('selectors', 3))
    assert resumed == train_two_layers(5, 3)[0]


def test_layers_that_train_alone_need_a_parameter_group_of_their_own():
    for layers in ('gates', 'e'):  # no layer, all layers
        with pytest.raises(ValueError, match=f"layers='{layers}' have no parameter group"):
            train_two_layers(1, 0, TrainAloneHook(layers, 3))


def test_selectors_of_squat_have_a_parameter_group_of_their_own():
    cfg = Config.fromfile(CONFIGS / 'squat_ce_vg.py')
    model = small_parser(type='SQUATHead', hidden_size=32, attention_channels=32)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    hook = HOOKS.build(cfg.default_hooks.selectors)
    hook.before_train(SimpleNamespace(model=model, optim_wrapper=wrapper))
    selectors = {id(p) for p in model.relation_head.selectors.parameters()}
    (own,) = (
        group
        for group in wrapper.optimizer.param_groups
        if {id(p) for p in group['params']} & selectors
    )
    assert len(own['params']) == len(selectors)
    assert own['lr'] == pytest.approx(0.4 * cfg.optim_wrapper.optimizer.lr)
