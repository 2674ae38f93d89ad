"""Installation of MMSGP, in MMDetection's manner.

PyTorch and the OpenMMLab stack (requirements/mminstall.txt) are not among the
dependencies: mmcv is compiled against the PyTorch that is there, so both have
to be installed before. ``make install`` does it all in order.

A wheel holds copies of ``configs/``, ``tools/`` and ``model-index.yml`` in
``mmsgp/.mim``, as those of OpenMMLab do; an editable installation has links there.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


def read_version() -> str:
    text = (ROOT / 'mmsgp' / 'version.py').read_text()
    return re.search(r"__version__ = '(.+)'", text)[1]


def read_requirements(name: str) -> list[str]:
    """The requirements in ``requirements/<name>.txt``, comments left out."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


class BuildWithMim(build_py):
    """Copy configs and tools into the package that is built, or link them."""

    def run(self) -> None:
        super().run()
        mim = Path(ROOT if self.editable_mode else self.build_lib, 'mmsgp', '.mim')
        mim.mkdir(parents=True, exist_ok=True)
        for name in ('configs', 'tools', 'model-index.yml'):
            source, target = ROOT / name, mim / name
            if self.editable_mode:
                if not target.exists():
                    target.unlink(missing_ok=True)  # a link to a folder that was moved
                    target.symlink_to(Path('..', '..', name))
            elif source.is_dir():
                ignored = shutil.ignore_patterns('__pycache__')
                shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)


if __name__ == '__main__':
    setup(
        name='mmsgp',
        version=read_version(),
        description='Scene graph parsing toolbox for the OpenMMLab world',
        long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
        long_description_content_type='text/markdown',
        author='MMSGP authors',
        license='Apache-2.0',
        # Pythons that the whole installation and the tests were run with; README and
        # python_requires say which others the requirements can be installed for.
        classifiers=[
            'Intended Audience :: Science/Research',
            'Operating System :: POSIX :: Linux',
            'Programming Language :: Python :: 3',
            'Programming Language :: Python :: 3.11',
            'Topic :: Scientific/Engineering :: Image Recognition',
        ],
        keywords='computer vision, scene graph, visual relationship detection',
        packages=find_packages(include=['mmsgp', 'mmsgp.*']),
        cmdclass=dict(build_py=BuildWithMim),
        entry_points=dict(
            console_scripts=[
                'mmsgp-infer = mmsgp.cli.infer:main',
                'mmsgp-serve = mmsgp.cli.serve:main',
                'mmsgp-setup = mmsgp.cli.setup_openmmlab:main',
                'mmsgp-train = mmsgp.cli.packaged:train',
                'mmsgp-test = mmsgp.cli.packaged:test',
            ]
        ),
        package_data={'mmsgp.reporting.html': ['page.*']},
        python_requires='>=3.10',
        install_requires=read_requirements('runtime'),
        extras_require={
            'build': read_requirements('build'),
            'mim': read_requirements('mminstall'),
            'demo': read_requirements('demo'),
            'tests': read_requirements('tests'),
            'extract': read_requirements('extract'),
            'serve': read_requirements('serve'),
            'video': read_requirements('video'),
            'deploy': read_requirements('deploy'),
            'optional': read_requirements('optional'),
        },
        zip_safe=False,
    )
