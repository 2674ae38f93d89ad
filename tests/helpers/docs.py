"""Code blocks of the documentation: found, and run as a reader does."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import torch
from mmengine.registry import Registry

from mmsgp import registry as registries
from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.config_variables import merge_options
from mmsgp.registry import MODELS
from mmsgp.testing.models import random_samples

from .page import import_demo
from .tools import load_tool

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r'(?:<!-- not run: (?P<reason>.+?) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
FILE_NAME = re.compile(r'# ([\w/]+\.py)\n')
REGISTRIES = [value for value in vars(registries).values() if isinstance(value, Registry)]
# Programs of others, whose arguments are not checked here.
OTHERS = {'.', 'apt-get', 'cd', 'docker', 'export', 'mkdocs', 'pip', 'pre-commit', 'ruff'}


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        language: As the fence names it, or ''.
        code: Its lines.
        reason: Why it is not run, if a comment before it says so.
    """

    language: str
    code: str
    reason: str | None

    @property
    def file(self) -> str | None:
        """The file that the block is, if its first line is a comment with a name."""
        match = FILE_NAME.match(self.code)
        return match and match[1]


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    return [
        Block(match['language'], match['code'], match['reason'])
        for match in BLOCK.finditer(page.read_text())
    ]


def commands(code: str) -> Iterator[list[str]]:
    """The commands of a shell block, word by word, braces expanded."""
    for line in code.replace('\\\n', ' ').splitlines():
        lexer = shlex.shlex(line.removeprefix('$ '), posix=True, punctuation_chars='|&;>')
        lexer.whitespace_split = True
        command = []
        for word in [*lexer, ';']:
            if re.fullmatch('[|&;]+', word):
                if command:
                    yield command
                command = []
            else:
                command += expand(word)


def expand(word: str) -> list[str]:
    """``a_{b,c}.py`` as a shell expands it."""
    match = re.fullmatch(r'(.*)\{([^{}]*,[^{}]*)\}(.*)', word)
    if not match:
        return [word]
    return [
        found for part in match[2].split(',') for found in expand(f'{match[1]}{part}{match[3]}')
    ]


class Parsed(BaseException):
    """A command has understood its arguments, and is not to go on."""


def check_command(words: list[str]) -> argparse.Namespace | None:
    """Check that a command exists, and that it understands its arguments.

    Returns:
        argparse.Namespace | None: The arguments of a command of MMSGP.

    Raises:
        AssertionError: If it does not, or if this is an unknown command.
    """
    while re.match(r'\w+=', words[0]):  # a variable of the environment
        words = words[1:]
    program, *arguments = words
    if program in ('python', 'python3'):
        program, *arguments = arguments
    if program == '-c':
        exec(compile(arguments[0], '<command>', 'exec'), {})
    elif program == '-m':
        module, *arguments = arguments
        if module == 'pytest':
            check_files(word for word in arguments if word.endswith('.py'))
        else:
            return parse_arguments(importlib.import_module(module).main, module, arguments)
    elif program == 'make':
        check_make(arguments)
    elif program.endswith('.sh'):
        check_files([program])
    elif program in ('mmsgp-train', 'mmsgp-test'):
        tool = program.removeprefix('mmsgp-')
        return parse_arguments(load_tool(tool).main, program, arguments)
    elif program.startswith('mmsgp-'):
        module = f'mmsgp.cli.{program.removeprefix("mmsgp-")}'
        return parse_arguments(importlib.import_module(module).main, program, arguments)
    elif program.startswith('tools/'):
        tool = program.removeprefix('tools/').removesuffix('.py')
        return parse_arguments(load_tool(tool).main, program, arguments)
    elif program == 'demo/app.py':
        return parse_arguments(import_demo('app').main, program, arguments)
    elif program == 'pip':
        check_files(after for flag, after in zip(arguments, arguments[1:]) if flag in ('-r', '-c'))
    else:
        assert program in OTHERS, f'no such command: {program}'
    return None


def check_files(names: Iterator[str]) -> None:
    for name in names:
        assert (ROOT / name).is_file(), name


def check_make(arguments: list[str]) -> None:
    """Targets and variables are those of the Makefile, or the compilers' own."""
    makefile = (ROOT / 'Makefile').read_text()
    for word in arguments:
        name, is_variable, _ = word.partition('=')
        if is_variable:
            assert re.search(rf'\b{name}\b', makefile), word
        else:
            assert re.search(rf'^{re.escape(name)}:', makefile, re.MULTILINE), word


def parse_arguments(main, program: str, arguments: list[str]) -> argparse.Namespace:
    """Run a command until it has parsed its arguments."""
    parse = argparse.ArgumentParser.parse_args
    parsed = []

    def stop(parser, *args, **kwargs):
        parsed.append(parse(parser, *args, **kwargs))
        raise Parsed

    with (
        patch.object(sys, 'argv', [program, *arguments]),
        patch.object(argparse.ArgumentParser, 'parse_args', stop),
    ):
        try:
            main()
        except Parsed:
            return parsed[0]
        except SystemExit as error:
            raise AssertionError(f'{program} {" ".join(arguments)}: {error}') from None
    raise AssertionError(f'{program} parses no arguments')


def check_options(args: argparse.Namespace, configs: Path) -> None:
    """Merge ``--cfg-options`` into the config that a command names, if it exists."""
    path = configs.parent / str(getattr(args, 'config', None))
    if getattr(args, 'cfg_options', None) and path.is_file():
        merge_options(read_config_file(path), args.cfg_options)


class Reader:
    """Someone who copies the Python of a page, block after block, into a folder.

    A block whose first line is a comment with the name of a file becomes this file.
    A file is a config if it has a ``_base_``, else a module. Other blocks run one
    after the other, in the same interpreter.

    Args:
        folder: With ``configs/``; imports look here first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = {}

    def read(self, block: Block) -> None:
        base = re.search(r"^_base_ = '(?:\./)?(.+)'$", block.code, re.MULTILINE)
        if base:
            check_config(self.save(block, base[1]))
        elif block.file:
            importlib.import_module(self.save(block).stem)
        else:
            before = dict(self.names)
            exec(compile(block.code, '<documentation>', 'exec'), self.names)
            for name, value in self.names.items():
                if value is not before.get(name):
                    check_types(value)

    def save(self, block: Block, base: str = '') -> Path:
        """Write a file; one that names a base in its own folder lies beside it."""
        path = self.folder / (block.file or 'page.py')
        if f"'./{base}'" in block.code and not path.with_name(base).exists():
            path = next(self.folder.glob(f'configs/**/{base}')).with_name(path.name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.code)
        return path


def check_config(path: Path) -> None:
    """Check the types in a config; one that imports parts of its page is trained a step."""
    own = {}
    exec(compile(path.read_text(), str(path), 'exec'), own)
    check_types([value for name, value in own.items() if name != '__builtins__'])
    cfg = read_config_file(path)
    if 'custom_imports' in cfg and 'model' in cfg and cfg.data_root == 'data/minivg/':
        cfg.model.detector.init_cfg = None
        model = MODELS.build(cfg.model)
        images = torch.randn(2, 3, 160, 160)
        losses = model.train().loss(images, random_samples([3, 2], 24, 18, 160))
        sum(value for value in losses.values() if value.ndim == 0).backward()
        with torch.no_grad():
            found = model.eval().predict(images, random_samples([3, 2], 24, 18, 160))
        assert [sample.pred_scene_graphs['sgcls'].num_relations for sample in found] == [6, 2]


def check_types(value: object) -> None:
    """Check each ``dict(type=...)``: the type exists and has the other keys as arguments."""
    if isinstance(value, dict):
        if isinstance(value.get('type'), str):
            check_arguments(value)
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            check_types(item)


def check_arguments(settings: dict) -> None:
    found = [registry.get(settings['type']) for registry in REGISTRIES]
    found = [type_ for type_ in found if type_ is not None]
    assert found, f'{settings["type"]} is not registered'
    parameters = signature(found[0]).parameters
    if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters.values()):
        unknown = settings.keys() - parameters.keys() - {'type', '_delete_'}
        assert not unknown, f'{settings["type"]} has no arguments {sorted(unknown)}'
