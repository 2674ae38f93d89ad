"""The lock file fits the ranges, and holds only where it was created."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from helpers.tools import load_tool

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'requirements'
RANGES = ('build', 'runtime', 'mminstall', 'tests', 'demo', 'docs', 'peers')


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


def test_the_lines_are_those_of_the_installed_packages():
    tool = load_tool('misc/lock_requirements')
    lines = [Requirement(line) for line in tool.locked()]
    assert all(line.marker.evaluate() for line in lines)
    names = [line.name for line in lines]
    assert {'pytest', 'numpy', 'onedl-mmengine'} <= set(names)
    assert not {'torch', 'mmsgp', 'pip'} & set(names)
    assert names == sorted(set(names))
