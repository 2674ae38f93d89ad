"""The launch scripts pass their arguments to the right program."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture()
def launch(tmp_path):
    """Run a launch script with a Python and an srun that print their arguments."""
    python = tmp_path / 'python'
    python.write_text(
        f'#!/bin/sh\nif [ "$1" = -c ]; then exec {sys.executable} "$@"; '
        'fi\nprintf "%s\\n" "$@"\necho "$PYTHONPATH"\n'
    )
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    for program in (python, srun):
        program.chmod(0o755)

    def run(script: str, *args: str, **environment: str) -> list[str]:
        path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
        result = subprocess.run(
            [str(TOOLS / script), *args],
            env={'PATH': path, 'PYTHON': str(python), **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stdout.splitlines()

    return run


def test_dist_train_starts_one_process_per_device(launch):
    words = launch('dist_train.sh', 'a.py', '2', '--cfg-options', 'a=[1, 2]')
    assert words[:2] == ['-m', 'torch.distributed.run']
    assert '--nproc-per-node=2' in words
    start = words.index(str(TOOLS / 'train.py'))
    assert words[start + 1 : start + 6] == [
        'a.py',
        '--launcher',
        'pytorch',
        '--cfg-options',
        'a=[1, 2]',
    ]
    assert words[-1] == str(TOOLS.parent)


def test_dist_test_takes_the_checkpoint_before_the_count(launch):
    words = launch('dist_test.sh', 'a.py', 'b.pth', '3', '--tasks', 'sgcls')
    assert '--nproc-per-node=3' in words
    start = words.index(str(TOOLS / 'test.py'))
    assert words[start + 1 : start + 7] == [
        'a.py',
        'b.pth',
        '--launcher',
        'pytorch',
        '--tasks',
        'sgcls',
    ]


def test_one_machine_takes_a_free_port_and_several_the_common_one(launch):
    def port(**environment: str) -> str:
        words = launch('dist_train.sh', 'a.py', '2', **environment)
        return next(word for word in words if word.startswith('--master-port'))

    assert 1024 <= int(port().split('=')[1]) < 65536
    assert port(NNODES='2', NODE_RANK='1') == '--master-port=29500'
    assert port(PORT='1234') == '--master-port=1234'


def test_a_port_in_use_is_reported_in_one_line(launch):
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(subprocess.CalledProcessError) as caught:
            launch('dist_train.sh', 'a.py', '2', PORT=str(port))
    (line,) = caught.value.stderr.splitlines()
    assert f'port {port}' in line and 'in use' in line and 'PORT=' in line


@pytest.mark.parametrize(
    'script, program, last',
    [
        ('slurm_train.sh', 'train.py', ['a.py', '--work-dir=w', '--launcher=slurm']),
        ('slurm_test.sh', 'test.py', ['a.py', 'w', '--launcher=slurm']),
    ],
)
def test_slurm_requests_at_most_one_device_per_task(launch, script, program, last):
    words = launch(script, 'part', 'job', 'a.py', 'w', '--x', GPUS='2')
    assert '--gres=gpu:2' in words and '--ntasks=2' in words
    start = words.index(str(TOOLS / program))
    assert words[start + 1 :] == [*last, '--x']


@pytest.mark.parametrize(
    'script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh']
)
def test_missing_arguments_print_the_usage(script):
    result = subprocess.run([str(TOOLS / script)], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith(f'Usage: tools/{script}')
