"""A resumed run goes on with its schedule, or says that it cannot change it."""

import pytest
from mmengine.config import Config

from mmsgp.engine.runner.schedule import check_schedule


def config(**changes):
    cfg = Config(
        dict(
            train_cfg=dict(max_epochs=5),
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=1e-3),
                paramwise_cfg=dict(custom_keys={'fc.a': dict(lr_mult=0.1)}),
                clip_grad=dict(max_norm=5),
            ),
            param_scheduler=[
                dict(type='LinearLR', end=100),
                dict(type='MultiStepLR', milestones=[4, 5], gamma=0.1),
            ],
        )
    )
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
    return cfg


def check(cfg, epoch=2):
    check_schedule(cfg, dict(cfg=config().pretty_text, epoch=epoch, iter=10), 'epoch_2.pth')


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(param_scheduler__1__milestones=[3]),
            r'param_scheduler\.1\.milestones was \[4, 5\] and is \[3\]\. .*load_from=epoch_2\.pth',
        ),
        (dict(param_scheduler=[dict(type='LinearLR', end=100)]), 'param_scheduler.1 was .*None'),
        (dict(optim_wrapper__optimizer__lr=1e-4), 'optimizer.lr was 0.001 and is 0.0001'),
        (dict(optim_wrapper__optimizer__momentum=0.9), 'momentum was None and is 0.9'),
        (
            dict(optim_wrapper__paramwise_cfg=dict(custom_keys={'fc.a': dict(lr_mult=1)})),
            'fc.a.lr_mult was 0.1 and is 1',
        ),
        (dict(train_cfg__max_epochs=1), 'train_cfg.max_epochs is 1, .*epoch_2.pth .*after 2'),
    ],
)
def test_a_change_that_would_do_nothing_is_refused(changes, message):
    with pytest.raises(ValueError, match=f'--resume: .*{message}'):
        check(config(**changes))


def test_both_keys_are_named_at_once():
    with pytest.raises(ValueError, match=r'optimizer\.lr .*; param_scheduler\.1\.milestones '):
        check(config(param_scheduler__1__milestones=[3], optim_wrapper__optimizer__lr=1e-4))


def test_what_acts_may_change():
    check(config())
    check(config(train_cfg__max_epochs=9, optim_wrapper__clip_grad__max_norm=1))
    check(config(param_scheduler__1__milestones=(4, 5)))


def test_a_checkpoint_without_a_readable_config_is_not_compared():
    for meta in ({}, dict(cfg='lr = open("file")')):
        check_schedule(config(optim_wrapper__optimizer__lr=1.0), meta, 'epoch_2.pth')
