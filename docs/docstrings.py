"""Docstrings as Markdown: what the reference reads in MMSGP's Sphinx-like notation."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from textwrap import indent

from griffe import Alias, Docstring, Extension, Object
from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parents[1]
ROLE = re.compile(r':(?:class|func|meth|mod|attr):`(~?)([\w.]+)`')
INLINE_MATH = re.compile(r':math:`([^`]+)`')
MATH = re.compile(r'^( *)\.\. math::(.*(?:\n(?:\1 +\S.*|\s*$))*)', re.MULTILINE)


class SphinxNotation(Extension):
    """Turn roles into links, formulas into MathML, and ``::`` into a colon."""

    def on_object(self, *, obj: Object, **kwargs) -> None:
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring, obj)
        # attributes without a docstring are described among the arguments, if anywhere
        for name in [name for name, member in obj.members.items() if undocumented(member)]:
            obj.del_member(name)


def undocumented(member: Object | Alias) -> bool:
    if member.is_alias or not member.is_attribute:
        return False
    return not member.docstring and member.annotation is None


def to_markdown(docstring: Docstring, obj: Object) -> str:
    text = MATH.sub(lambda match: formula(match[2], match[1], 'block'), docstring.value)
    text = INLINE_MATH.sub(lambda match: formula(match[1]), text)
    text = ROLE.sub(lambda match: link(match[2], bool(match[1]), obj), text)
    text = re.sub(r'^Example:$', 'Examples:', text, flags=re.MULTILINE)
    return re.sub(r'(\w)::$', r'\1:', text, flags=re.MULTILINE)


def formula(latex: str, margin: str = '', display: str = 'inline') -> str:
    for theirs, known in ((r', \quad', r',\;'), (r'\arg\max', r'\text{arg max}')):
        latex = latex.replace(theirs, known)  # what the converter knows
    latex = re.sub(r'\s*\n\s*', ' ', latex).strip()
    mathml = convert(latex, display=display)
    return f'\n{indent(mathml, margin)}\n' if display == 'block' else mathml


def link(name: str, short: bool, obj: Object) -> str:
    """A link to an object, or its name if the reference does not have it."""
    path = resolve(name, obj.path)
    label = f'`{name.rpartition(".")[2] if short else name}`'
    return f'[{label}][{path}]' if path else label


def resolve(name: str, place: str) -> str | None:
    """Where a name leads to, seen from an object: in its class, its module or elsewhere."""
    tail = re.search(r'([A-Z]\w*\.)?\w+$', name)[0]
    scopes = place.split('.')
    for length in range(len(scopes), 0, -1):
        if (path := '.'.join([*scopes[:length], tail])) in documented():
            return path
    paths = [path for path in documented() if path.endswith(f'.{tail}')]
    return paths[0] if len(paths) == 1 else None


@cache
def documented() -> set[str]:
    """Public classes, functions and methods of the package."""
    paths = set()
    for file in ROOT.glob('mmsgp/**/*.py'):
        module = '.'.join(file.relative_to(ROOT).with_suffix('').parts)
        for node in public(ast.parse(file.read_text())):
            paths.add(f'{module}.{node.name}')
            if isinstance(node, ast.ClassDef):
                paths.update(f'{module}.{node.name}.{method.name}' for method in public(node))
    return paths


def public(parent: ast.Module | ast.ClassDef) -> list[ast.ClassDef | ast.FunctionDef]:
    return [
        node
        for node in parent.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith('_')
    ]
