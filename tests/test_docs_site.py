"""The built site: links and anchors, the whole reference, and each page in a browser."""

import ast
import hashlib
import os
import re
import subprocess
import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from mkdocstrings import Inventory

ROOT = Path(__file__).parents[1]
# What a page loads by itself; the others are links to follow.
LOADED = {'audio', 'iframe', 'img', 'link', 'script', 'source', 'video'}
PHONE, DESK = 390, 1280
SCHEMES = dict(light='[data-md-color-scheme=default]', dark='[data-md-color-scheme=slate]')


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('site')
    quiet = dict(NO_MKDOCS_2_WARNING='1', DISABLE_MKDOCS_2_WARNING='true')
    built = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--quiet', '--site-dir', folder],
        cwd=ROOT,
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    assert 'WARNING' not in built.stderr
    return folder


class Addresses(HTMLParser):
    """The anchors of a page, and where it points to."""

    def __init__(self, page):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes.get('id'), attributes.get('name')}
        address = attributes.get('href', attributes.get('src'))
        if address is not None and attributes.get('rel') != 'canonical':
            (self.loaded if tag in LOADED else self.links).append(address)


@pytest.fixture(scope='module')
def pages(site):
    return {page: Addresses(page) for page in sorted(site.glob('**/*.html'))}


def test_links_lead_to_pages_and_anchors(site, pages):
    broken = []
    for page, addresses in pages.items():
        for link in addresses.links + addresses.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = page
            if parts.path:
                base = site if parts.path.startswith('/') else page.parent
                target = (base / unquote(parts.path).lstrip('/')).resolve()
            if target.is_dir():
                target /= 'index.html'
            lacks = parts.fragment and unquote(parts.fragment) not in pages[target].anchors
            if not target.is_file() or lacks:
                broken.append(f'{page.relative_to(site)}: {link}')
    assert len(pages) > 50
    assert not broken


def test_pages_load_nothing_from_elsewhere(pages):
    for page, addresses in pages.items():
        assert not [link for link in addresses.loaded if urlsplit(link).netloc], page


def test_all_public_names_are_in_the_reference(site):
    with (site / 'objects.inv').open('rb') as file:
        known = Inventory.parse_sphinx(file)
    missing = [name for name in public_names() if name not in known]
    assert len(known) > 500
    assert not missing


def public_names():
    for path in sorted(ROOT.glob('mmsgp/**/*.py')):
        module = '.'.join(path.relative_to(ROOT).with_suffix('').parts)
        for node in ast.parse(path.read_text()).body:
            if is_public(node):
                yield f'{module}.{node.name}'
                for method in node.body if isinstance(node, ast.ClassDef) else ():
                    if is_public(method):
                        yield f'{module}.{node.name}.{method.name}'


def is_public(node):
    return isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith('_')


def test_all_registered_types_are_listed(site):
    listed = (site / 'api/types.html').read_text()
    registered = re.compile(r'^@\w+\.register_module\(.*\)\n(?:@.*\n)*class (\w+)', re.MULTILINE)
    names = {
        name for path in ROOT.glob('mmsgp/**/*.py') for name in registered.findall(path.read_text())
    }
    assert {'CCELoss', 'SceneGraphParser', 'VGDataset', 'SeedHook'} <= names
    assert not {name for name in names if f'<code>{name}</code>' not in listed}


def test_each_argument_of_a_registered_type_is_in_its_table(site):
    """CCELoss stands for all: its table comes from the docstring and the signature."""
    page = (site / 'api/models.losses.html').read_text()
    start = page.index('id="mmsgp.models.losses.cce_loss.CCELoss"')
    table = re.sub(r'<[^>]+>|\s+', ' ', page[start : start + 6000])
    assert re.search(r'margin +float .* 0\.0 .* loss_weight +float .* 1\.0', table)


def test_drawings_are_those_of_their_source():
    """Draw them again with tools/misc/draw_docs_pictures.py drawings."""
    sources = {
        page.stem: source
        for page in ROOT.glob('docs/**/*.md')
        for source in re.findall(r'^```mermaid\n(.*?)^```', page.read_text(), re.M | re.S)
    }
    assert 'data_flow' in sources
    for name, source in sources.items():
        svg = (ROOT / f'docs/pictures/{name}.svg').read_text()
        assert f'data-source="{hashlib.sha256(source.encode()).hexdigest()}"' in svg


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope='module')
def address(site):
    handler = partial(QuietHandler, directory=str(site))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}/'
        server.shutdown()


def test_pages_fit_without_errors(page, address, site, pages):
    """No console message, nothing from elsewhere, no sideways scrolling, light and dark."""
    problems = []
    page.on('console', lambda message: problems.append(message.text))
    page.on('pageerror', lambda error: problems.append(str(error)))
    page.on(
        'response',
        lambda found: found.status < 400 or problems.append(f'{found.status} {found.url}'),
    )
    page.on(
        'request',
        lambda request: (
            request.url.startswith((address, 'data:', 'blob:')) or problems.append(request.url)
        ),
    )
    page.emulate_media(reduced_motion='reduce')
    for name in (path.relative_to(site) for path in pages):
        page.goto(f'{address}{name}')
        for scheme, width in product(SCHEMES, (PHONE, DESK)):
            page.evaluate(f"document.querySelector('input{SCHEMES[scheme]}').click()")
            page.set_viewport_size(dict(width=width, height=900))
            widest, background = page.evaluate(
                """[document.documentElement.scrollWidth,
                    getComputedStyle(document.body).backgroundColor]"""
            )
            assert widest <= width, f'{name} is {widest} pixels wide'
            assert is_bright(background) == (scheme == 'light'), f'{name}: {background}'
        assert not problems, f'{name}: {problems}'


def is_bright(color):
    return sum(map(int, re.findall(r'\d+', color)[:3])) > 3 * 128


@pytest.mark.parametrize('scheme', SCHEMES)
def test_the_site_follows_the_system(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    background = page.evaluate('getComputedStyle(document.body).backgroundColor')
    assert is_bright(background) == (scheme == 'light')


def test_the_search_finds_a_class(page, address):
    page.goto(address)
    page.locator('label.md-search__icon, .md-search__input').first.click()
    page.fill('.md-search__input', 'CCELoss')
    page.wait_for_selector('.md-search-result__item a')
    assert 'losses' in page.locator('.md-search-result__item a').first.get_attribute('href')


def test_the_drawing_is_a_picture_on_the_page(page, address):
    page.goto(f'{address}advanced_guides/data_flow.html')
    box = page.locator('.drawing svg').bounding_box()
    assert box['width'] > 500 and box['height'] > 150
    assert page.locator('.drawing svg text', has_text='RelationHead').count() == 1
