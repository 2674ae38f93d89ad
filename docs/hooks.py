"""Pages and links that `make docs` adds to this folder.

* Pages at the root of the repository (CHANGELOG.md, ...) become pages of the site.
* The API reference: a page per package of ``mmsgp/``, and a page that lists all types
  that a config may name.
* Links to files that are no pages, such as source files, become plain text.
* A Mermaid drawing becomes the figure that is drawn from it, so that no page needs a
  script from elsewhere.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# Pages that lie outside `docs/`, by their address on the site.
ROOT_PAGES = {
    'benchmarks.md': 'benchmarks/README.md',
    'changelog.md': 'CHANGELOG.md',
    'contributing.md': 'CONTRIBUTING.md',
    'index.md': 'README.md',
    'security.md': 'SECURITY.md',
}
LINK = re.compile(r'\[([^\]]*)\]\(([^)\s]+)\)')
FENCE = re.compile(r'^(```.*?^```)', re.MULTILINE | re.DOTALL)
MERMAID = re.compile(r'^```mermaid\n(.*?)^```\n', re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that this folder does not have."""
    pages = {page: (ROOT / source).read_text() for page, source in ROOT_PAGES.items()}
    for page, text in {**pages, **api_pages()}.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to pages of the site, and put figures in the place of drawings."""
    markdown = MERMAID.sub(lambda match: figure(page.file.src_uri), markdown)
    source = ROOT_PAGES.get(page.file.src_uri, f'docs/{page.file.src_uri}')
    parts = FENCE.split(markdown)  # every second part is code
    parts[::2] = [
        LINK.sub(lambda match: site_link(match, source, page, files), part) for part in parts[::2]
    ]
    return ''.join(parts)


def site_link(match: re.Match, source: str, page: Page, files: Files) -> str:
    """A link of a file of the repository, as the site has it."""
    text, (path, _, anchor) = match[1], match[2].partition('#')
    if not path or ':' in path:
        return match[0]
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    on_site = {name: address for address, name in ROOT_PAGES.items()}.get(
        target, target.removeprefix('docs/')
    )
    if files.get_file_from_path(on_site) is None:
        if (ROOT / target).exists():
            return text
        return match[0]  # which `--strict` reports
    relative = posixpath.relpath(on_site, posixpath.dirname(page.file.src_uri))
    return f'[{text}]({relative}{"#" if anchor else ""}{anchor})'


def figure(page: str) -> str:
    """The figure of a page's drawing, which `draw_docs_pictures.py` has drawn."""
    svg = (ROOT / 'docs/pictures' / f'{Path(page).stem}.svg').read_text()
    return f'<figure class="drawing" markdown="0">{svg.strip()}</figure>\n'


def api_pages() -> dict[str, str]:
    """The reference: a page per package, and the list of registered types."""
    pages, rows = {}, []
    modules = sorted(ROOT.glob('mmsgp/**/*.py'))
    for module in modules:
        tree = ast.parse(module.read_text())
        name = module_name(module)
        if module.stem == '__init__' or '.mim' in module.parts or not has_public(tree):
            continue
        package = name.rpartition('.')[0]
        page = f'api/{package.removeprefix("mmsgp.").replace("mmsgp", "registry")}.md'
        pages.setdefault(page, f'# {package}\n')
        pages[page] += f'\n::: {name}\n'
        rows += [(registry, node, name) for node, registry in registered(tree)]
    pages['api/types.md'] = types_page(rows)
    return pages


def module_name(path: Path) -> str:
    """The name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def has_public(tree: ast.Module) -> bool:
    return any(
        isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith('_')
        for node in tree.body
    )


def registered(tree: ast.Module):
    """Classes and functions of a module that a config may name, with their registry."""
    for node in tree.body:
        for decorator in getattr(node, 'decorator_list', ()):
            match = re.match(r'(\w+)\.register_module\(', ast.unparse(decorator))
            if match:
                yield node, match[1]


def types_page(rows: list[tuple[str, ast.ClassDef, str]]) -> str:
    """A table per registry: type, and the first line of its docstring."""
    text = (
        '# Types of configs\n\n'
        'What `dict(type=...)` may name besides the types of MMDetection, MMCV and MMEngine. '
        'The arguments of a type are the other keys of the `dict`; each links to them, with '
        'their defaults.\n'
    )
    for registry in sorted({row[0] for row in rows}):
        text += f'\n## {registry}\n\n| type | |\n|---|---|\n'
        for _, node, module in sorted(
            (row for row in rows if row[0] == registry), key=lambda row: row[1].name
        ):
            summary = (ast.get_docstring(node) or '').split('\n\n')[0].replace('\n', ' ')
            summary = re.sub(r':\w+:`~?(?:[\w.]+\.)?(\w+)`', r'`\1`', summary)
            summary = summary.replace('``', '`').replace('|', r'\|')
            text += f'| [`{node.name}`][{module}.{node.name}] | {summary} |\n'
    return text
