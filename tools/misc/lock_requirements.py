"""Print the versions of all installed packages, as constraints for pip."""

from __future__ import annotations

import platform
import re
import sys
from importlib.metadata import distributions

# PyTorch of `make TORCH=...` and its dependencies; the project; pip itself.
LEFT_OUT = re.compile(r'torch|triton|nvidia-.*|cuda-.*|mmsgp|pip')
HEAD = """\
# What `make install` and `make test` install: the exact versions, as constraints
# for pip beside the ranges in the other files. They hold for the Python and the
# system that each line names; elsewhere the ranges alone do. PyTorch is chosen in
# the Makefile. `make lock` renews this file."""


def locked() -> list[str]:
    """List one line per package, for this Python and this system only."""
    marker = (
        f"python_version == '{platform.python_version().rpartition('.')[0]}' "
        f"and sys_platform == '{sys.platform}'"
    )
    names = {
        re.sub(r'[-_.]+', '-', found.metadata['Name']).lower(): found.version
        for found in distributions()
    }
    return [
        f'{name}=={version} ; {marker}'
        for name, version in sorted(names.items())
        if not LEFT_OUT.fullmatch(name)
    ]


if __name__ == '__main__':
    print(HEAD, *locked(), sep='\n')
