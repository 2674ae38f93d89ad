"""Configs of older checkpoints in today's words."""

import copy

import pytest

from mmsgp.checkpoint.legacy_config import (
    RENAMED_ARGUMENTS,
    check_renamed,
    modernise,
)


def test_parts_at_any_depth_are_renamed_and_nothing_else():
    old = dict(
        type='Any',
        context='RelationFC',
        sizes=(1, 2),
        heads=[dict(type='mmsgp.Scorer', context='RelationFC', hidden=3)],
    )
    before = copy.deepcopy(old)
    assert modernise(old) == dict(
        type='Any',
        context='RelationFC',
        sizes=(1, 2),
        heads=[dict(type='mmsgp.Scorer', attention=dict(type='RelationFC'), hidden=3)],
    )
    assert old == before


def test_a_modern_config_stays():
    """Old beside new is an error that must stay visible."""
    both = dict(type='Scorer', context='RelationFC', attention=dict(type='RelationSelfAttention'))
    assert modernise(both) == both
    modern = modernise(dict(type='Scorer', context='RelationFC'))
    assert modernise(modern) == modern


def test_no_new_name_is_an_old_one():
    """Else a config would change each time it is read."""
    for arguments in RENAMED_ARGUMENTS.values():
        assert not set(arguments) & {new for new, _ in arguments.values()}


OLD_PARSER = dict(
    type='mmsgp.SceneGraphParser',
    task='sggen',
    tasks=('predcls', 'sggen'),
    detection=dict(max_per_image=6),
    object_detector=dict(type='mmsgp.TwoStageObjects', regions='proposals'),
)


def test_arguments_of_a_parser_have_new_names_and_keep_their_values():
    assert modernise(OLD_PARSER) == dict(
        type='mmsgp.SceneGraphParser',
        train_task='sggen',
        test_tasks=('predcls', 'sggen'),
        detection_cfg=dict(max_per_image=6),
        detector_adapter=dict(type='mmsgp.TwoStageAdapter', regions='proposals'),
    )
    for adapter in (None, dict(type='BoxesAndLabels'), dict(type='Own')):
        modern = modernise(dict(type='SceneGraphParser', object_detector=adapter))
        name = {'BoxesAndLabels': 'GenericAdapter'}
        assert modern['detector_adapter'] == (
            adapter and dict(type=name.get(adapter['type'], adapter['type']))
        )


@pytest.mark.parametrize(
    'key, message',
    [
        ('task', "model.task is now model.train_task, here 'sggen'"),
        ('tasks', r"model.tasks is now model.test_tasks, here \('predcls', 'sggen'\)"),
        ('detection', 'model.detection is now model.detection_cfg'),
        ('object_detector', 'model.object_detector is now .*TwoStageAdapter'),
    ],
)
def test_an_old_argument_in_a_file_is_refused_with_its_new_name(key, message):
    cfg = dict(type='SceneGraphParser', **{key: OLD_PARSER[key]})
    with pytest.raises(ValueError, match=f'old.py: {message}'):
        check_renamed(cfg, 'old.py')
    check_renamed(modernise(cfg), 'old.py')


def test_an_old_argument_of_an_inner_part_is_refused_with_its_place():
    cfg = dict(
        type='SceneGraphParser',
        relation_head=dict(type='MotifNetHead', scorer=dict(type='Scorer', context='RelationFC')),
    )
    with pytest.raises(
        ValueError,
        match=('model.relation_head.scorer.context is now model.relation_head.scorer.attention'),
    ):
        check_renamed(cfg, 'old.py')
