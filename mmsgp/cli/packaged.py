"""Tools of an installation: ``mmsgp-train`` and ``mmsgp-test``."""

from __future__ import annotations

import runpy
import sys

from mmsgp.registry import find_config, home


def train() -> None:
    """Run ``tools/train.py``."""
    _run('train')


def test() -> None:
    """Run ``tools/test.py``."""
    _run('test')


def _run(tool: str) -> None:
    try:
        sys.argv[1:] = map(find_config, sys.argv[1:])
    except FileNotFoundError as error:
        sys.exit(f'mmsgp-{tool}: {error}')
    runpy.run_path(str(home() / 'tools' / f'{tool}.py'), run_name='__main__')
