"""Trainings after a kill, a power cut or a full disk end as undisturbed ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name('kill_and_resume.py')


def run_trials(folder, **numbers):
    """Run the harness in another process, which forks a process per training.

    A forked process cannot use a GPU.
    """
    options = [text for name, number in numbers.items() for text in (f'--{name}', str(number))]
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), *options],
        env={
            **os.environ,
            'PYTHONPATH': str(ROOT),
            'OMP_NUM_THREADS': '1',
            'CUDA_VISIBLE_DEVICES': '',
        },
        capture_output=True,
        text=True,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr[-2000:]


def test_trainings_with_accidents_end_as_undisturbed_ones(tmp_path):
    run_trials(tmp_path, kills=3, cuts=3, full=2, variants=3)


@pytest.mark.faults
def test_many_trainings_with_accidents_end_as_undisturbed_ones(tmp_path):
    run_trials(tmp_path, kills=100, cuts=50, full=20)
