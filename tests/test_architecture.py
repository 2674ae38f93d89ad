"""The architecture: which rooms may import which, and how large things may be."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_LINES = 350
MAX_UTILS_LINES = 650
# A room imports rooms of lower floors, and itself.
FLOORS = (
    ('version',),
    ('registry', 'utils'),
    ('checkpoint',),
    ('structures',),
    ('datasets', 'evaluation', 'models'),
    ('engine',),
    ('visualization', 'reporting', 'testing'),
    ('apis', 'deploy'),
    ('extraction', 'serving', 'streams'),
    ('cli',),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.glob('mmsgp/**/*.py'))}


def imported(name: str, *, at_import: bool = False) -> set[str]:
    """What a module names in its import statements, absolute.

    Args:
        name: The module.
        at_import: Whether to leave out what functions import when they run.
    """
    path = MODULES[name]
    package = name if path.stem == '__init__' else name.rpartition('.')[0]
    tree = ast.parse(path.read_text())
    found = set()
    for node in outside_functions(tree) if at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split('.')[: len(package.split('.')) + 1 - node.level]
            base = '.'.join(
                [*(above if node.level else ()), *([node.module] if node.module else ())]
            )
            # A name that is handed on may be a module itself.
            found.update({base} | {f'{base}.{alias.name}' for alias in node.names})
    return found


def outside_functions(node: ast.AST):
    yield node
    if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            yield from outside_functions(child)


def room(module: str) -> str | None:
    """The room of a module of the package, None for the package itself."""
    return module.split('.')[1] if module.count('.') else None


@pytest.mark.parametrize('name', MODULES)
def test_imports_run_one_way(name):
    own = room(name)
    others = {room(other) for other in imported(name) if other.startswith('mmsgp.')} - {own}
    assert own is None or own in FLOOR_OF, f'name the floor of mmsgp/{own}'
    above = [
        other
        for other in sorted(others & set(FLOOR_OF))
        if own is not None and FLOOR_OF[other] >= FLOOR_OF[own] and (own, other) not in SIDEWAYS
    ]
    assert not above, f'{name} imports {above}, which are not below {own}'


# Reports show figures, which the paper's figures come from.
SIDEWAYS = {('reporting', 'visualization')}


@pytest.mark.parametrize('name', MODULES)
def test_the_package_stands_without_tools_and_tests(name):
    roots = {other.split('.')[0] for other in imported(name)}
    assert not roots & {'tools', 'tests', 'helpers', 'benchmarks', 'demo', 'pytest'}


def test_no_modules_import_each_other():
    graph = {
        name: {
            other for other in imported(name, at_import=True) if other in MODULES and other != name
        }
        for name in MODULES
    }
    # What an __init__ hands on is not what the module needs itself.
    faces = {name for name, path in MODULES.items() if path.stem == '__init__'}
    waiting = {name: others - faces for name, others in graph.items() if name not in faces}
    while waiting:
        ready = [name for name, others in waiting.items() if not others & set(waiting)]
        assert ready, f'these import each other: {sorted(waiting)}'
        for name in ready:
            del waiting[name]


@pytest.mark.parametrize('folder', ['mmsgp', 'tools', 'configs', 'benchmarks', 'demo'])
def test_no_file_is_too_long(folder):
    lengths = {
        path.relative_to(ROOT): len(path.read_text().splitlines())
        for path in (ROOT / folder).glob('**/*.py')
    }
    assert {path: n for path, n in lengths.items() if n > MAX_LINES} == {}


def test_utils_are_no_drawer():
    lines = sum(len(path.read_text().splitlines()) for path in (ROOT / 'mmsgp/utils').glob('*.py'))
    assert lines < MAX_UTILS_LINES


def test_no_function_is_written_twice():
    """Functions of six lines or more, whatever their names and docstrings are."""
    places = {}
    for folder in ('mmsgp', 'tools', 'benchmarks', 'demo', 'tests'):
        for path in sorted((ROOT / folder).glob('**/*.py')):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    body = code_of(node)
                    if body.count('\n') >= 4:
                        places.setdefault(body, []).append(
                            f'{path.relative_to(ROOT)}:{node.lineno} {node.name}'
                        )
    assert [where for where in places.values() if len(where) > 1] == []


def code_of(function: ast.FunctionDef) -> str:
    """The body of a function without its docstring, in one layout."""
    has_docstring = ast.get_docstring(function) is not None
    return '\n'.join(map(ast.unparse, function.body[has_docstring:]))
