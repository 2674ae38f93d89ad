"""The documentation: links lead somewhere, commands are understood, Python runs."""

import ast
import re
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.docs import REGISTRIES, Reader, blocks, check_command, check_options, commands
from mmsgp.testing.vg_data import make_vg_data
from mmsgp.version import __version__

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md'), *ROOT.glob('benchmarks/*.md')])
LINK = re.compile(r'\]\(([^)\s]+)\)')
COMMAND = re.compile(r'(?<![\w/])(?:configs|tools|benchmarks|demo)/[\w/]+\.(?:py|sh)')
RUN = {'python', 'bash', 'console'}
LANGUAGES = RUN | {'', 'bibtex', 'json', 'mermaid', 'sql'}
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
    own = {block.file for block in blocks(page)}
    for name in COMMAND.findall(page.read_text()):
        assert name in own or (ROOT / name).is_file(), name


def test_each_block_is_run_or_says_why_not(page):
    text = page.read_text()
    found = blocks(page)
    assert text.count('\n```') == 2 * len(found) + text.startswith('```')
    for block in found:
        assert block.language in LANGUAGES, block
        if block.reason is not None:
            assert block.language in RUN and len(block.reason) > 10, block
    assert len(re.findall('^<!-- not run', text, re.MULTILINE)) == sum(
        block.reason is not None for block in found
    )


def test_commands_understand_their_arguments(page, folder):
    for block in blocks(page):
        if block.language in ('bash', 'console') and block.reason is None:
            for command in commands(block.code):
                check_options(check_command(command), folder / 'configs')


def test_python_runs(page, folder, own_registries, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    reader = Reader(folder)
    for block in blocks(page):
        if block.language == 'python' and block.reason is None:
            reader.read(block)


@pytest.fixture(scope='module')
def folder(tmp_path_factory, checkpoint):
    """The files that the documentation takes for granted, small."""
    folder = tmp_path_factory.mktemp('reader')
    shutil.copytree(ROOT / 'configs', folder / 'configs')
    data = make_vg_data(
        folder / 'data/minivg', num_classes=24, num_predicates=18, image_size=(160, 140)
    )
    image = data.root / 'images/1.jpg'
    for copy in ('data/minivg/images/2203.jpg', 'images/1.jpg', 'holiday/2.jpg', 'street.jpg'):
        (folder / copy).parent.mkdir(exist_ok=True)
        shutil.copy(image, folder / copy)
    film = cv2.VideoWriter(str(folder / 'film.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 5, (160, 120))
    for _ in range(3):
        film.write(cv2.resize(cv2.imread(str(image)), (160, 120)))
    film.release()
    for model in ('motifnet_ce_minivg', 'motifnet_cce_scorer_minivg'):
        (folder / 'work_dirs' / model).mkdir(parents=True)
    for copy in ('epoch_4.pth', 'work_dirs/motifnet_cce_scorer_minivg/epoch_4.pth'):
        shutil.copy(checkpoint, folder / copy)
    return folder


@pytest.fixture
def own_registries(folder):
    """What a page registers and imports is gone after it."""
    yield
    own = {
        name
        for name, module in sys.modules.items()
        if str(getattr(module, '__file__', None)).startswith(str(folder))
    }
    for registry in REGISTRIES:
        for name, type_ in list(registry.module_dict.items()):
            if type_.__module__ in own:
                del registry.module_dict[name]
    for name in own:
        del sys.modules[name]


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


def test_quoted_messages_are_those_of_the_code():
    """Each part between the ``...`` of a message in the FAQ stands in a text of the code."""
    quoted = re.findall(r'^\*\*`([^`]+)`\*\*', (ROOT / 'docs/faq.md').read_text(), re.MULTILINE)
    texts = [
        joined(node)
        for folder in ('mmsgp', 'tools')
        for path in (ROOT / folder).glob('**/*.py')
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant | ast.JoinedStr)
    ]
    assert len(quoted) > 15
    for message in quoted:
        parts = [part.strip(' :.,') for part in message.split('...')]
        assert any(all(part in text for part in parts) for text in texts), message


def joined(node):
    """The constant parts of a text."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return '...'.join(str(part.value) for part in node.values if isinstance(part, ast.Constant))


def test_the_citation_has_the_version():
    assert f'\nversion: {__version__}\n' in (ROOT / 'CITATION.cff').read_text()
