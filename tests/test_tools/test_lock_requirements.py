"""The lock file fits the ranges, and holds only where it was created."""

import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from helpers.tools import load_tool

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'requirements'
# All but those that `make install` and `make test` leave to the user.
RANGES = sorted({path.stem for path in FOLDER.glob('*.txt')} - {'audit', 'lock', 'optional'})


def read(name):
    lines = (FOLDER / f'{name}.txt').read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith('#')]


def normal(name):
    return name.lower().replace('_', '-')


LOCKED = {normal(line.name): line for line in read('lock')}


@pytest.mark.parametrize('name', RANGES)
def test_locked_versions_are_within_the_ranges(name):
    for wanted in read(name):
        if wanted.marker and not wanted.marker.evaluate(dict(python_version='3.11')):
            continue
        (version,) = LOCKED[normal(wanted.name)].specifier
        assert version.operator == '=='
        assert version.version in wanted.specifier, wanted


@pytest.mark.parametrize('python', ['3.10', '3.12', '3.13', '3.14'])
def test_other_pythons_and_systems_are_not_bound(python):
    for line in LOCKED.values():
        here = dict(python_version='3.11', sys_platform='linux')
        assert line.marker.evaluate(here)
        assert not line.marker.evaluate(here | dict(python_version=python))
        assert not line.marker.evaluate(here | dict(sys_platform='darwin'))


def test_make_lock_asks_for_each_of_them():
    shown = subprocess.run(
        ['make', '-n', 'lock', 'VENV=none'], cwd=ROOT, capture_output=True, text=True
    )
    (command,) = re.findall(r'lock_requirements\.py (.*) >', shown.stdout)
    assert sorted(Path(file).stem for file in command.split()) == RANGES


@pytest.mark.parametrize(
    'line, found',
    [
        ('no-such-package>=1', 'no version of it'),
        ('pytest<9', pytest.__version__),
        ('No_such.package; python_version > "3"', 'no version of it'),
    ],
)
def test_what_is_not_installed_is_named(tmp_path, line, found):
    tool = load_tool('misc/lock_requirements')
    (tmp_path / 'some.txt').write_text(f'# Tests.\n\nPytest>=9\n{line}\n')
    with pytest.raises(SystemExit, match=r'some\.txt asks for ') as error:
        tool.check_installed([tmp_path / 'some.txt'])
    assert f'{line}, but {found} is installed' in str(error.value)
    (tmp_path / 'some.txt').write_text('pytest\nno-such-package; python_version < "3"\n')
    tool.check_installed([tmp_path / 'some.txt'])


def test_the_lines_are_those_of_the_installed_packages():
    tool = load_tool('misc/lock_requirements')
    lines = [Requirement(line) for line in tool.locked()]
    assert all(line.marker.evaluate() for line in lines)
    names = [line.name for line in lines]
    assert {'pytest', 'numpy', 'onedl-mmengine'} <= set(names)
    assert not {'torch', 'mmsgp', 'pip'} & set(names)
    assert names == sorted(set(names))
