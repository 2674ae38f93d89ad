"""Checksums of checkpoints."""

import copy
from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmsgp.checkpoint.integrity import (
    add_checksum,
    check_checksum,
    check_finite,
    check_sound,
)
from mmsgp.checkpoint.loading import load_checkpoint_file, publish_weights


def checkpoint():
    history = HistoryBuffer()
    history.update(np.float64(0.5))
    return dict(
        state_dict=OrderedDict(
            {
                'fc.weight': torch.arange(6.0).view(2, 3),
                'half': torch.ones(3).half(),
                'count': torch.tensor(3),
                'none': torch.ones(0, 4),
            }
        ),
        meta=dict(epoch=2, lr=[np.float64(1)], dataset_meta=dict(classes=('cat',))),
        message_hub=dict(log_scalars=dict(loss=history)),
        optimizer=dict(state={0: dict(exp_avg=torch.ones(3)[::2])}),
    )


@pytest.fixture
def path(tmp_path):
    saved = checkpoint()
    add_checksum(saved)
    torch.save(saved, tmp_path / 'epoch_2.pth')
    return tmp_path / 'epoch_2.pth'


def test_a_checkpoint_as_it_was_saved_is_sound(path):
    check_sound(path)
    assert load_checkpoint_file(path)['meta']['epoch'] == 2


def change(saved, place):
    *parents, key = place
    for parent in parents:
        saved = saved[parent]
    if isinstance(saved[key], torch.Tensor):
        saved[key].view(-1)[-1] += 1
    elif isinstance(saved[key], HistoryBuffer):
        saved[key].update(7.0)
    else:
        saved[key] = 'other'


@pytest.mark.parametrize(
    'place, named',
    [
        (('state_dict', 'fc.weight'), 'state_dict.fc.weight'),
        (('state_dict', 'half'), 'state_dict.half'),
        (('state_dict', 'count'), 'state_dict.count'),
        (('optimizer', 'state', 0, 'exp_avg'), 'optimizer.state.0.exp_avg'),
        (('message_hub', 'log_scalars', 'loss'), 'no tensor'),
        (('meta', 'epoch'), 'no tensor'),
        (('checksums', 'state_dict.half'), 'state_dict.half'),
    ],
)
def test_a_changed_entry_is_named_with_its_file(path, place, named):
    saved = torch.load(path, weights_only=False)
    change(saved, place)
    torch.save(saved, path)
    for check in (check_sound, load_checkpoint_file):
        with pytest.raises(ValueError, match=f'epoch_2.pth .*{named}'):
            check(path)


def test_one_flipped_bit_of_the_file_is_noticed(path):
    content = bytearray(path.read_bytes())
    place = content.index(np.arange(6, dtype='f4').tobytes())
    content[place + 9] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match='epoch_2.pth.*state_dict.fc.weight'):
        check_sound(path)


@pytest.mark.parametrize('size', [0, 10, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_not_sound(path, size):
    content = path.read_bytes()
    path.write_bytes(content[: size if isinstance(size, int) else int(size * len(content))])
    with pytest.raises(ValueError, match='epoch_2.pth'):
        check_sound(path)


def test_checkpoints_without_checksums_load(tmp_path):
    torch.save(checkpoint(), tmp_path / 'foreign.pth')
    check_sound(tmp_path / 'foreign.pth')
    load_checkpoint_file(tmp_path / 'foreign.pth')


@pytest.mark.parametrize('checksums', [None, 5, {}, [1]])
def test_an_invalid_list_of_checksums_is_reported(path, checksums):
    with pytest.raises(ValueError, match='epoch_2.pth'):
        check_checksum({**checkpoint(), 'checksums': checksums}, path)


def test_published_weights_have_checksums_of_their_own(path, tmp_path):
    publish_weights(path, tmp_path / 'published.pth')
    saved = torch.load(tmp_path / 'published.pth', weights_only=True)
    check_sound(tmp_path / 'published.pth')
    saved['state_dict']['half'][0] = 2
    with pytest.raises(ValueError, match='state_dict.half'):
        check_checksum(saved, 'published.pth')


def test_recursive_lists_and_too_many_values_get_no_checksum():
    loop = []
    loop.append(loop)
    many = 'x'
    for _ in range(60):
        many = [many, many]
    for value in (loop, many):
        saved = dict(state_dict={}, meta=value)
        add_checksum(saved)
        assert 'checksums' not in saved
        with pytest.raises(ValueError, match='c.pth'):
            check_checksum({**saved, 'checksums': {}}, 'c.pth')


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_not_finite_are_named(value):
    weights = copy.deepcopy(checkpoint()['state_dict'])
    check_finite(weights, 'c.pth')
    check_finite({'large': torch.full((9,), 3e38)}, 'c.pth')  # their sum is infinite
    weights['half'][1] = value
    with pytest.raises(ValueError, match="c.pth: 'half'"):
        check_finite(weights, 'c.pth')
