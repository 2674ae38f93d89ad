"""The checkpoint from which a run resumes, also after damage to its folder."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from mmsgp.checkpoint.integrity import add_checksum
from mmsgp.engine import last_checkpoint
from mmsgp.engine.last_checkpoint import find_last_checkpoint, mend_pointer


@pytest.fixture
def work_dir(tmp_path):
    """Checkpoints of two epochs, the pointer to the second, and a best one."""
    folder = tmp_path / 'run'
    folder.mkdir()
    for number, name in enumerate(('epoch_9.pth', 'epoch_10.pth', 'best_score_epoch_9.pth')):
        checkpoint = dict(meta={}, state_dict=dict(weight=torch.rand(50)))
        add_checksum(checkpoint)
        torch.save(checkpoint, folder / name)
        os.utime(folder / name, (number, number))
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_10.pth'))
    return folder


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    place = content.index(torch.load(path)['state_dict']['weight'].numpy().tobytes())
    content[place + 1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    'damage, named',
    [
        (lambda d: (d / 'last_checkpoint').write_text(''), 'last_checkpoint'),
        (lambda d: (d / 'last_checkpoint').write_bytes(bytes(40)), 'last_checkpoint'),
        (lambda d: (d / 'epoch_10.pth').unlink(), 'epoch_10.pth'),
        (lambda d: (d / 'epoch_10.pth').write_bytes(b''), 'epoch_10.pth'),
        (lambda d: flip_a_bit(d / 'epoch_10.pth'), 'epoch_10.pth'),
    ],
    ids=['empty', 'zeros', 'deleted', 'cut', 'flipped'],
)
def test_the_newest_sound_checkpoint_is_taken_and_reported(work_dir, monkeypatch, damage, named):
    lines = []
    monkeypatch.setattr(last_checkpoint, 'print_log', lambda text, **kwargs: lines.append(text))
    damage(work_dir)
    newest = work_dir / 'epoch_10.pth'
    expected = newest if named == 'last_checkpoint' else work_dir / 'epoch_9.pth'
    assert find_last_checkpoint(work_dir) == expected
    (line,) = lines
    assert named in line and str(expected) in line and '\n' not in line


def test_a_cut_path_is_repaired(work_dir):
    pointer = work_dir / 'last_checkpoint'
    pointer.write_text(pointer.read_text()[:-8])
    mend_pointer(work_dir)
    assert Path(pointer.read_text()) == work_dir / 'epoch_10.pth'


def test_a_copied_work_directory_uses_its_own_checkpoint(work_dir, tmp_path):
    copy = shutil.copytree(work_dir, tmp_path / 'copy')
    mend_pointer(copy)
    assert Path((copy / 'last_checkpoint').read_text()) == copy / 'epoch_10.pth'


def test_a_sound_checkpoint_elsewhere_is_used(work_dir, tmp_path):
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    shutil.copy(work_dir / 'last_checkpoint', elsewhere)
    assert find_last_checkpoint(elsewhere) == work_dir / 'epoch_10.pth'


def test_a_run_without_checkpoints_starts_at_its_beginning(tmp_path):
    assert find_last_checkpoint(tmp_path) is None
    mend_pointer(tmp_path)
    assert not list(tmp_path.iterdir())


def test_damaged_checkpoints_alone_stop_the_run(work_dir):
    for path in work_dir.glob('epoch_*'):
        flip_a_bit(path)
    with pytest.raises(ValueError, match='epoch_10.pth.*last_checkpoint'):
        find_last_checkpoint(work_dir)
