"""Install the OpenMMLab libraries for a wheel of MMSGP: ``mmsgp-setup``.

They cannot be dependencies of the wheel: mmcv is compiled against the PyTorch that is
there. Uses the standard library only, because nothing else may be installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

COMPILER = Path(__file__).resolve().parents[1] / '.mim' / 'tools' / 'misc' / 'compile_quickly.sh'
_CHECK = 'from mmsgp.utils import check_mmcv_ops; check_mmcv_ops()'


def requirements(extra: str) -> list[str]:
    """The requirements of an extra of this distribution, without its marker."""
    marked = (line.partition(';') for line in requires('mmsgp') or ())
    return [name.strip() for name, _, marker in marked if f'extra == "{extra}"' in marker]


def environment(folder: str) -> dict[str, str]:
    """The variables with which mmcv compiles, quickly where the compiler is GCC."""
    variables = dict(os.environ, MMCV_WITH_OPS='1')
    variables.setdefault('MAX_JOBS', str(os.cpu_count()))
    if COMPILER.is_file() and ' ' not in str(COMPILER):
        variables.update(MMSGP_CXX=os.environ.get('CXX', 'g++'), MMSGP_PCH=folder)
        variables['CXX'] = str(COMPILER)
    return variables


def main() -> None:
    argparse.ArgumentParser(prog='mmsgp-setup', description=__doc__).parse_args()
    if find_spec('torch') is None:
        sys.exit('mmsgp-setup: PyTorch is missing. Install it first: pip install torch==2.13.0')
    if shutil.which(os.environ.get('CXX', 'g++')) is None:
        sys.exit(
            'mmsgp-setup: there is no C++ compiler (g++). Debian, Ubuntu: apt-get install g++ '
            'python3-dev'
        )
    pip = [sys.executable, '-m', 'pip', 'install']
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            [*pip, *requirements('build')],
            [*pip, '-v', '--no-deps', '--no-build-isolation', *requirements('mim')],
            [sys.executable, '-c', _CHECK],
        ):
            code = subprocess.call(command, env=environment(folder))
            if code:
                sys.exit(f'mmsgp-setup: {" ".join(command)} failed with exit code {code}')
    sys.stdout.write('the OpenMMLab libraries are installed, and mmcv has its operators\n')


if __name__ == '__main__':
    main()
