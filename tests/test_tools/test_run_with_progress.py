"""A long command's output goes to a file; its end is shown after a failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.tools import load_tool

SCRIPT = Path(__file__).parents[2] / 'tools' / 'misc' / 'run_with_progress.py'


def run(log: Path, code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(SCRIPT), 'a title', str(log), sys.executable, '-c', code],
        capture_output=True,
        text=True,
    )


def test_output_of_a_success_is_kept_in_the_file_only(tmp_path):
    log = tmp_path / 'logs' / 'step.log'
    result = run(log, "print('many words')")
    assert result.returncode == 0
    assert 'many words' not in result.stdout + result.stderr
    assert 'a title: done in 0:00' in result.stdout
    assert log.read_text() == 'many words\n'


def test_a_failure_shows_its_last_lines_and_its_status(tmp_path):
    result = run(tmp_path / 'step.log', "print(*range(1000), sep='\\n'); raise SystemExit(3)")
    assert result.returncode == 3
    lines = result.stderr.splitlines()
    assert '999' in lines and '960' in lines and '10' not in lines
    assert str(tmp_path / 'step.log') in lines[-1]


@pytest.mark.parametrize(
    'output, expected',
    [
        (b'', 'compiling: 1:40'),
        (b'[0/50]', 'compiling: 1:40'),
        (b'[1/50] a.o\n[20/50] b.o', 'compiling: 1:40, 20 of 50 files compiled, about 2:30 left'),
    ],
)
def test_progress_shows_compiled_files_and_the_time_left(output, expected):
    module = load_tool('misc/run_with_progress')
    assert module.describe('compiling', 100, output) == expected


@pytest.mark.parametrize(
    'output, expected',
    [
        ('[Errno 28] No space left on device', 'the disk is full'),
        ('g++: fatal error: Killed signal terminated program cc1plus', 'MAX_JOBS=1 make install'),
        ('a.h:3: fatal error: Python.h: No such file or directory', 'apt-get install python3-dev'),
        ('ERROR: No matching distribution found for torch==2.99', 'no torch==2.99 for this Python'),
    ],
)
def test_a_known_cause_comes_with_what_to_do(tmp_path, output, expected):
    result = run(tmp_path / 'step.log', f'print({output!r}); raise SystemExit(1)')
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith('FIX: ') and expected in last


def test_an_unknown_cause_comes_without_advice(tmp_path):
    result = run(tmp_path / 'step.log', "print('a compiler error'); raise SystemExit(1)")
    assert 'FIX' not in result.stderr


def test_pip_without_network_is_told_what_to_do(tmp_path):
    pip = [sys.executable, '-m', 'pip', '--isolated', 'download', '--retries', '1', '-d', tmp_path]
    index = ['--index-url', 'http://127.0.0.1:9/simple', 'no-such-package']
    result = subprocess.run(
        [sys.executable, SCRIPT, 'installing', tmp_path / 'pip.log', *pip, *index],
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert 'Check the connection and the proxy' in result.stderr.splitlines()[-1]
