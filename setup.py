"""Installation of MMSGP, in MMDetection's manner.

PyTorch and the OpenMMLab stack (requirements/mminstall.txt) are not among the
dependencies: mmcv is compiled against the PyTorch that is there, so both have
to be installed before. ``make install`` does it all in order.
"""
from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def read_version() -> str:
    text = (ROOT / 'mmsgp' / 'version.py').read_text()
    return re.search(r"__version__ = '(.+)'", text)[1]


def read_requirements(name: str) -> list[str]:
    """The requirements in ``requirements/<name>.txt``, comments left out."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def add_mim_extension() -> None:
    """Bring configs and tools into the package, as ``mmsgp/.mim``.

    MMEngine looks there for ``Config.fromfile('mmsgp::<config>')`` and for
    ``_base_ = 'mmsgp::...'``. They are linked in an editable installation
    and copied into a distribution.
    """
    copy = 'sdist' in sys.argv or 'bdist_wheel' in sys.argv
    target = ROOT / 'mmsgp' / '.mim'
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for name in ('configs', 'tools'):
        if copy:
            shutil.copytree(ROOT / name, target / name)
        else:
            (target / name).symlink_to(Path('../..') / name)


if __name__ == '__main__':
    add_mim_extension()
    setup(
        name='mmsgp',
        version=read_version(),
        description='Scene graph parsing toolbox for the OpenMMLab world',
        long_description=(ROOT / 'README.md').read_text(),
        long_description_content_type='text/markdown',
        author='MMSGP authors',
        license='Apache-2.0',
        keywords='computer vision, scene graph, visual relationship detection',
        packages=find_packages(include=['mmsgp', 'mmsgp.*']),
        include_package_data=True,
        python_requires='>=3.10',
        install_requires=read_requirements('runtime'),
        extras_require={
            'mim': read_requirements('mminstall'),
            'tests': read_requirements('tests'),
            'optional': read_requirements('optional'),
        },
        zip_safe=False)
