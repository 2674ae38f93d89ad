"""Configs and tools of an installation: ``mmsgp-train`` and ``mmsgp-test``.

A wheel holds copies of ``configs/`` and ``tools/`` in ``mmsgp/.mim``, where
OpenMMLab's packages have them. A source tree is used as it is.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import mmsgp

SCOPE = 'mmsgp::'


def home() -> Path:
    """Return the folder that holds ``configs/`` and ``tools/``."""
    package = Path(mmsgp.__file__).resolve().parent
    return package / '.mim' if (package / '.mim').is_dir() else package.parent


def find_config(name: str) -> str:
    """Return the path of a config.

    Args:
        name: A path, or the file name of one of MMSGP's own configs after
            ``mmsgp::``, as in ``mmsgp::motifnet_cce_scorer_vg.py``.

    Raises:
        FileNotFoundError: If MMSGP has no config of this name.
    """
    if not name.startswith(SCOPE):
        return name
    configs = home() / 'configs'
    path = configs / name.removeprefix(SCOPE)
    if not path.is_file():
        raise FileNotFoundError(
            f'{name} does not exist: {configs} holds '
            f'{", ".join(sorted(file.name for file in configs.glob("*.py")))}'
        )
    return str(path)


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
