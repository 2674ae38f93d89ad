"""Configs of older checkpoints in today's words."""
import copy

from mmsgp.checkpoint.legacy_config import RENAMED_ARGUMENTS, modernise


def test_parts_at_any_depth_are_renamed_and_nothing_else():
    old = dict(
        type='Any', context='RelationFC', sizes=(1, 2),
        heads=[dict(type='mmsgp.Scorer', context='RelationFC', hidden=3)])
    before = copy.deepcopy(old)
    assert modernise(old) == dict(
        type='Any', context='RelationFC', sizes=(1, 2),
        heads=[dict(type='mmsgp.Scorer', attention=dict(type='RelationFC'),
                    hidden=3)])
    assert old == before


def test_a_modern_config_stays():
    """Old beside new is an error that must stay visible."""
    both = dict(type='Scorer', context='RelationFC',
                attention=dict(type='RelationSelfAttention'))
    assert modernise(both) == both
    modern = modernise(dict(type='Scorer', context='RelationFC'))
    assert modernise(modern) == modern


def test_no_new_name_is_an_old_one():
    """Else a config would change each time it is read."""
    for arguments in RENAMED_ARGUMENTS.values():
        assert not set(arguments) & {new for new, _ in arguments.values()}
