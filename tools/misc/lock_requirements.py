"""Print the versions of all installed packages, as constraints for pip."""

from __future__ import annotations

import argparse
import platform
import re
import sys
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement

# PyTorch of `make TORCH=...` and its dependencies; the project; pip itself.
LEFT_OUT = re.compile(r'torch|triton|nvidia-.*|cuda-.*|mmsgp|pip')
HEAD = """\
# What `make install` and `make test` install: the exact versions, as constraints
# for pip beside the ranges in the other files. They hold for the Python and the
# system that each line names; elsewhere the ranges alone do. PyTorch is chosen in
# the Makefile. `make lock` renews this file."""


def normal(name: str) -> str:
    return re.sub(r'[-_.]+', '-', name).lower()


def installed() -> dict[str, str]:
    """Versions of all packages of this Python."""
    return {normal(found.metadata['Name']): found.version for found in distributions()}


def locked() -> list[str]:
    """List one line per package, for this Python and this system only."""
    marker = (
        f"python_version == '{platform.python_version().rpartition('.')[0]}' "
        f"and sys_platform == '{sys.platform}'"
    )
    return [
        f'{name}=={version} ; {marker}'
        for name, version in sorted(installed().items())
        if not LEFT_OUT.fullmatch(name)
    ]


def check_installed(files: Iterable[Path]) -> None:
    """Check that what files of requirements name is installed, so that no line is missing.

    Raises:
        SystemExit: If a package is missing, or its version is not in the range.
    """
    versions = installed()
    for path in files:
        for line in path.read_text().splitlines():
            if not line or line.startswith('#'):
                continue
            wanted = Requirement(line)
            if wanted.marker and not wanted.marker.evaluate():
                continue
            version = versions.get(normal(wanted.name))
            if version is None or version not in wanted.specifier:
                found = f'{version or "no version of it"} is installed'
                raise SystemExit(f'{path} asks for {line}, but {found}: call make test')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'files', nargs='*', type=Path, help='files of requirements that must be installed'
    )
    check_installed(parser.parse_args().files)
    print(HEAD, *locked(), sep='\n')


if __name__ == '__main__':
    main()
