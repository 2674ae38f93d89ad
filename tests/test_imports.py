"""Imports of the package run one way."""
import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'mmsgp'
FLOORS = (
    {'registry', 'utils', 'version'},
    {'checkpoint', 'structures'},
    {'datasets', 'evaluation', 'models'},
    {'engine', 'testing'},
    {'visualization'},
    {'reporting'},
    {'apis', 'deploy'},
    {'cli'},
)
ROOMS = sorted(path.name for path in PACKAGE.iterdir()
               if path.is_dir() and any(path.glob('*.py')))


def imported(path):
    """Full names of whatever a file imports, also inside functions."""
    folder = ('mmsgp', *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = folder[:len(folder) + 1 - node.level] if node.level else ()
            for name in node.names:
                yield '.'.join([*base, *filter(None, [node.module]), name.name])


@pytest.mark.parametrize('room', ROOMS)
def test_a_folder_imports_only_from_floors_below(room):
    floor = next(i for i, rooms in enumerate(FLOORS) if room in rooms)
    below = {room}.union(*FLOORS[:floor])
    for path in (PACKAGE / room).rglob('*.py'):
        for name in imported(path):
            package, *rest = name.split('.')
            assert package not in ('tools', 'tests', 'configs'), f'{path}: {name}'
            if package == 'mmsgp' and rest[:1] != ['__version__']:
                assert below.issuperset(rest[:1]), f'{path}: {name}'
