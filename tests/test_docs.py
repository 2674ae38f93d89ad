"""The documentation names files, headings, commands and imports that exist."""

import ast
import importlib
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmsgp.version import __version__

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md'), *ROOT.glob('benchmarks/*.md')])
LINK = re.compile(r'\]\(([^)\s]+)\)')
COMMAND = re.compile(r'(?<![\w/])(?:configs|tools|benchmarks|demo)/[\w/]+\.(?:py|sh)')
PYTHON = re.compile(r'```python\n(.*?)```', re.DOTALL)


def anchors(page):
    """Names that GitHub gives to the headings of a page."""
    for heading in re.findall(r'^#+ (.+)$', page.read_text(), re.MULTILINE):
        yield re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def page(request):
    return request.param


def test_links_lead_to_files_and_headings(page):
    for link in LINK.findall(page.read_text()):
        path, _, anchor = link.partition('#')
        if not re.match(r'\w+:', path):
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_commands_and_configs_exist(page):
    for name in COMMAND.findall(page.read_text()):
        assert (ROOT / name).is_file(), name


def test_python_imports_what_exists(page):
    for code in PYTHON.findall(page.read_text()):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith('mmsgp'):
                module = importlib.import_module(node.module)
                for name in node.names:
                    assert hasattr(module, name.name), ast.unparse(node)


def test_python_of_the_readme_prints_the_best_relations(checkpoint, tmp_path, monkeypatch, capsys):
    code = PYTHON.search((ROOT / 'README.md').read_text())[1]
    weights, image = re.findall(r"'([\w/]+\.(?:pth|jpg))'", code)
    for name in (weights, image):
        (tmp_path / name).parent.mkdir(parents=True)
    shutil.copy(checkpoint, tmp_path / weights)
    cv2.imwrite(
        str(tmp_path / image), np.random.default_rng(0).integers(0, 255, (160, 160, 3), np.uint8)
    )
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(code, found)
    lines = re.findall(
        r'^class \d+ predicate \d+ class \d+ ([\d.]+)$', capsys.readouterr().out, re.MULTILINE
    )
    assert 0 < len(lines) == min(5, len(found['graph']['relations']))
    assert lines == sorted(lines, key=float, reverse=True)


def test_the_citation_has_the_version():
    assert f'\nversion: {__version__}\n' in (ROOT / 'CITATION.cff').read_text()
