"""Only one process works in a locked folder."""

import os
import re
import signal

import pytest

from mmsgp.engine.folder_lock import locked


@pytest.fixture
def holder(tmp_path):
    """Another process that works in the folder."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        with locked(tmp_path):
            os.write(writing, b'.')
            signal.pause()
        os._exit(0)
    os.read(reading, 1)
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_the_process_that_holds_the_lock_is_named(tmp_path, holder):
    with (
        pytest.raises(
            BlockingIOError, match=(f'{re.escape(str(tmp_path))}.*process {holder} on .* 20')
        ),
        locked(tmp_path),
    ):
        pass


def test_a_killed_process_releases_its_lock(tmp_path, holder):
    os.kill(holder, signal.SIGKILL)
    os.waitid(os.P_PID, holder, os.WEXITED | os.WNOWAIT)
    with locked(tmp_path):
        assert f'process {os.getpid()} ' in (tmp_path / '.lock').read_text()


def test_a_folder_is_created_and_may_be_locked_again(tmp_path):
    for _ in range(2):
        with locked(tmp_path / 'a' / 'b'):
            pass


def test_a_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='file/work_dir'), locked(tmp_path / 'file' / 'work_dir'):
        pass
