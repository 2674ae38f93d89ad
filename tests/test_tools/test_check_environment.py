"""The check before the installation names what is missing and how to fix it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.tools import load_tool

SCRIPT = Path(__file__).parents[2] / 'tools' / 'misc' / 'check_environment.py'


@pytest.fixture()
def check():
    return load_tool('misc/check_environment')


def write_program(folder: Path, name: str, body: str) -> Path:
    """Write a shell script to ``PATH`` that replaces a real program."""
    path = folder / name
    path.write_text(f'#!/bin/sh\n{body}\n')
    path.chmod(0o755)
    return path


def run_check(folder: Path, path: str, **environment: str) -> tuple[int, str]:
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)],
        env={'PATH': path, **environment},
        capture_output=True,
        text=True,
    )
    return result.returncode, result.stderr


def test_a_complete_machine_has_no_problem(tmp_path, check, monkeypatch):
    write_program(tmp_path, 'git', 'exit 0')
    write_program(tmp_path, 'c++', 'exit 0')
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('CXX', raising=False)
    monkeypatch.setattr(check, 'header_problem', lambda: None)
    monkeypatch.setattr(check, 'disk_problem', lambda folder: None)
    assert check.find_problems(str(tmp_path)) == []


def test_the_real_compiler_handles_the_program(check):
    if check.which('c++') is None:
        pytest.skip('no C++ compiler on this machine')
    assert check.compile_complaint(['c++']) is None


def test_everything_missing_is_named_at_once(tmp_path):
    status, message = run_check(tmp_path, str(tmp_path))
    assert status == 1
    assert 'There is no C++ compiler: c++ is not found' in message
    assert 'apt-get install g++' in message
    assert 'git is missing' in message
    assert 'Nothing has been downloaded' in message


def test_a_compiler_too_old_for_cpp17_is_quoted(tmp_path):
    write_program(tmp_path, 'c++', 'echo "error: unrecognized option -std=c++17" >&2; exit 1')
    status, message = run_check(tmp_path, str(tmp_path))
    assert status == 1
    (line,) = [line for line in message.splitlines() if 'MISSING: c++' in line]
    assert 'c++ cannot compile a small C++17 program' in line
    assert 'unrecognized option -std=c++17' in line
    assert 'GCC 9' in line


def test_cxx_names_another_compiler(tmp_path):
    write_program(tmp_path, 'git', 'exit 0')
    compiler = write_program(tmp_path, 'my-compiler', 'exit 0')
    _, message = run_check(tmp_path, str(tmp_path), CXX=str(compiler))
    assert 'compile' not in message
    _, message = run_check(tmp_path, str(tmp_path), CXX='/nowhere/g++')
    assert '/nowhere/g++ is not found' in message


def test_an_old_python_is_the_only_thing_reported(check, monkeypatch):
    problem = check.python_problem((3, 8, 18))
    assert 'Python 3.10 or newer is needed' in problem.missing
    assert 'is Python 3.8.18' in problem.missing
    assert 'make PYTHON=' in problem.fix
    monkeypatch.setattr(check, 'python_problem', lambda: problem)
    assert check.find_problems() == [problem]


@pytest.mark.parametrize('version', [(3, 10, 0), (3, 11, 7), (4, 0, 0)])
def test_a_recent_python_is_accepted(check, version):
    assert check.python_problem(version) is None


def test_missing_headers_name_the_folder(tmp_path, check):
    problem = check.header_problem(str(tmp_path))
    assert str(tmp_path) in problem.missing
    assert 'python3-dev' in problem.fix
    (tmp_path / 'Python.h').touch()
    assert check.header_problem(str(tmp_path)) is None


def test_missing_ensurepip_is_fixed_by_python3_venv(check, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ensurepip', None)
    problem = check.venv_problem()
    assert 'cannot create virtual environments' in problem.missing
    assert 'python3-venv' in problem.fix


def test_a_full_disk_is_reported_in_gigabytes(tmp_path, check):
    problem = check.disk_problem(str(tmp_path), free=1.5e9)
    assert '1.5 GB are free' in problem.missing
    assert str(tmp_path) in problem.missing
    assert check.disk_problem(str(tmp_path), free=50e9) is None


def test_old_pythons_can_read_the_script():
    ast.parse(SCRIPT.read_text(), feature_version=(3, 4))


OLD_PYTHON = 'echo "MISSING: Python 3.10 or newer is needed" >&2; exit 1'
WITHOUT_HEADERS = f"""exec {sys.executable} -c "
import runpy, sys, sysconfig
real = sysconfig.get_paths
sysconfig.get_paths = lambda *args: {{**real(*args), 'include': '/nowhere'}}
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')" "$@"
"""


@pytest.mark.parametrize(
    'python, options, words',
    [
        (OLD_PYTHON, [], 'Python 3.10 or newer is needed'),
        (WITHOUT_HEADERS, [], 'no Python.h in /nowhere.*apt-get install python3-dev'),
        (f'exec {sys.executable} "$@"', ['CXX=/nowhere/g++'], '/nowhere/g++ is not.*install g'),
    ],
)
def test_make_stops_before_the_environment_is_created(tmp_path, python, options, words):
    """``make install`` without what it needs says so in a line, and leaves no .venv."""
    root = SCRIPT.parents[2]
    for name in ('Makefile', 'requirements', 'tools', 'setup.py', 'pyproject.toml', 'mmsgp'):
        (tmp_path / name).symlink_to(root / name)
    program = write_program(tmp_path, 'fake-python', python)
    result = subprocess.run(
        ['make', '-C', str(tmp_path), 'install', f'PYTHON={program}', *options],
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if line.startswith('MISSING')]
    assert any(re.search(words.replace('+', r'\+'), line) for line in lines), result.stderr
    assert not (tmp_path / '.venv').exists()


def test_make_names_a_python_that_does_not_exist(tmp_path):
    root = SCRIPT.parents[2]
    (tmp_path / 'Makefile').symlink_to(root / 'Makefile')
    result = subprocess.run(
        ['make', '-C', str(tmp_path), '.venv/steps/venv', 'PYTHON=no-such-python'],
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert 'no-such-python is not found' in result.stderr
    assert 'PYTHON=/path/to/python3' in result.stderr
