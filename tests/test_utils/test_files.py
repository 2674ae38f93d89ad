"""Files are written completely or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmsgp.utils.files import clear_drafts, replacing
from mmsgp.utils.unwritten import collecting_unwritten, may_be_unwritten


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / 'new' / 'file.txt'
    with replacing(path) as draft:
        draft.write_text('one')
        assert not path.exists()
    assert path.read_text() == 'one'
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / 'file.txt'
    path.write_text('old')
    with pytest.raises(KeyError), replacing(path) as draft:
        draft.write_text('new')
        raise KeyError
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """In the order that POSIX needs: content, name, folder of the name."""
    done = []
    sync, replace = os.fsync, os.replace

    def synced(handle):
        done.append(Path(os.readlink(f'/proc/self/fd/{handle}')))
        sync(handle)

    def replaced(source, target):
        done.append('renamed')
        replace(source, target)

    monkeypatch.setattr(os, 'fsync', synced)
    monkeypatch.setattr(os, 'replace', replaced)
    with replacing(tmp_path / 'file') as draft:
        draft.write_text('new')
    assert done == [draft, 'renamed', tmp_path]


def test_a_file_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with (
        pytest.raises(OSError, match=r'No space.*/file\.txt') as caught,
        replacing(tmp_path / 'file.txt') as draft,
    ):
        draft.write_text('new')
    assert caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


def test_drafts_of_dead_processes_are_cleared(tmp_path):
    dead = subprocess.Popen([sys.executable, '-c', ''])
    dead.wait()
    living = tmp_path / f'.epoch_1.pth.{os.getppid()}-0123abcd.part'
    others = [living, tmp_path / 'epoch_1.pth', tmp_path / '.hidden.part']
    for path in (tmp_path / f'.epoch_1.pth.{dead.pid}-0123abcd.part', *others):
        path.touch()
    clear_drafts(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_a_file_that_cannot_be_written_is_collected_once(tmp_path):
    def write(name):
        with may_be_unwritten(tmp_path / name), replacing(tmp_path / 'file' / name) as draft:
            draft.touch()

    (tmp_path / 'file').touch()
    with collecting_unwritten() as unwritten:
        for name in ('a', 'b', 'a'):
            write(name)
    assert unwritten == [str(tmp_path / 'a'), str(tmp_path / 'b')]
    with pytest.raises(OSError, match='/file'):
        write('a')
