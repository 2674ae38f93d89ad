"""Installation of MMSGP, in MMDetection's manner.

PyTorch and the OpenMMLab stack (requirements/mminstall.txt) are not among the
dependencies: mmcv is compiled against the PyTorch that is there, so both have
to be installed before. ``make install`` does it all in order.

Configs and tools stay in the repository: MMEngine resolves ``package::config``
for OpenMMLab's own packages only.
"""
from __future__ import annotations

import re
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


if __name__ == '__main__':
    setup(
        name='mmsgp',
        version=read_version(),
        description='Scene graph parsing toolbox for the OpenMMLab world',
        long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
        long_description_content_type='text/markdown',
        author='MMSGP authors',
        license='Apache-2.0',
        keywords='computer vision, scene graph, visual relationship detection',
        packages=find_packages(include=['mmsgp', 'mmsgp.*']),
        entry_points=dict(console_scripts=['mmsgp-infer = mmsgp.cli.infer:main']),
        package_data={'mmsgp.reporting.html': ['page.*']},
        python_requires='>=3.10',
        install_requires=read_requirements('runtime'),
        extras_require={
            'mim': read_requirements('mminstall'),
            'demo': read_requirements('demo'),
            'tests': read_requirements('tests'),
            'optional': read_requirements('optional'),
        },
        zip_safe=False)
