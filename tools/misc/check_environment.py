"""Report what the installation needs and this machine lacks, before downloads.

Usage: python3 tools/misc/check_environment.py [DIRECTORY]

DIRECTORY is where ``.venv`` will be created (default: the working directory).
The exit status is 0 if nothing is missing, else 1.

It uses only the standard library and syntax that Python 2.7 can read, so that an
old interpreter can report that it is too old.
"""

from __future__ import print_function

import os
import shutil
import subprocess
import sys
import tempfile

MIN_PYTHON = (3, 10)
# PyTorch's CPU build and the rest need about 2 GB, compiling mmcv 1 GB more.
MIN_FREE_GB = 4

CXX17_SOURCE = r"""
#include <optional>
#include <string>
#include <tuple>
template <typename T> constexpr int size() {
  if constexpr (sizeof(T) > 1) { return 2; } else { return 1; }
}
inline constexpr int answer = size<int>();
int main() {
  auto [number, text] = std::make_tuple(answer, std::optional<std::string>("a"));
  return text.has_value() ? number - 2 : 1;
}
"""


class Problem(object):
    """Something that the machine lacks, and how to fix it."""

    def __init__(self, missing, fix):
        self.missing = missing
        self.fix = fix


def python_problem(version=None):
    """Check that the interpreter is recent enough."""
    version = version or sys.version_info[:3]
    if version >= MIN_PYTHON:
        return None
    return Problem(
        'Python %d.%d or newer is needed; %s is Python %s.'
        % (MIN_PYTHON + (sys.executable, '.'.join(map(str, version)))),
        'Install a newer Python, or give the path of one: make PYTHON=/path/to/python3.11 ...',
    )


def venv_problem():
    """Check ``venv`` and ``ensurepip``: extra packages in Debian and Ubuntu."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        return Problem(
            '%s cannot create virtual environments (%s).' % (sys.executable, error),
            'Debian, Ubuntu: apt-get install python3-venv. Elsewhere: install '
            'a Python that has the venv and ensurepip modules.',
        )
    return None


def header_problem(include=None):
    """Check for ``Python.h``, which mmcv's operators need for compiling."""
    if include is None:
        import sysconfig

        include = sysconfig.get_paths()['include']
    if os.path.isfile(os.path.join(include, 'Python.h')):
        return None
    return Problem(
        "Python's header files are missing (no Python.h in %s)." % include,
        'Debian, Ubuntu: apt-get install python3-dev. Fedora: dnf install '
        'python3-devel. It must be the version of %s.' % sys.executable,
    )


def which(program):
    """Find the path of ``program``, or None. (Python 2.7 has no shutil.which.)"""
    if os.path.dirname(program):
        return program if os.access(program, os.X_OK) else None
    for folder in os.environ.get('PATH', '').split(os.pathsep):
        path = os.path.join(folder, program)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def git_problem():
    """Check for git, because training logs record the revision."""
    if which('git'):
        return None
    return Problem('git is missing.', 'Debian, Ubuntu: apt-get install git.')


def compiler_problem():
    """Check that there is a compiler for C++17."""
    # CXX may contain a launcher or options: CXX="ccache g++".
    # Without it, PyTorch's extension builder always calls c++.
    command = os.environ.get('CXX', '').split() or ['c++']
    fix = (
        'Debian, Ubuntu: apt-get install g++. Fedora: dnf install gcc-c++. '
        'macOS: xcode-select --install. Or give another compiler: '
        'CXX=/path/to/g++ make ...'
    )
    if not which(command[0]):
        return Problem('There is no C++ compiler: %s is not found.' % command[0], fix)
    complaint = compile_complaint(command)
    if complaint is None:
        return None
    return Problem(
        '%s cannot compile a small C++17 program (%s).'
        % (' '.join(command), ' '.join(complaint.split())),
        'GCC 9 or Clang 9 and newer can. ' + fix,
    )


def compile_complaint(command):
    """Return the error of ``command`` if it cannot build a program, else None."""
    folder = tempfile.mkdtemp(prefix='mmsgp-check-')
    try:
        source = os.path.join(folder, 'check.cpp')
        with open(source, 'w') as file:
            file.write(CXX17_SOURCE)
        process = subprocess.Popen(
            command + ['-std=c++17', source, '-o', os.path.join(folder, 'check')],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output = process.communicate()[0].decode('utf-8', 'replace')
        if process.returncode == 0:
            return None
        return '\n'.join(output.splitlines()[:5]) or 'it printed no message'
    except OSError as error:
        return str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def disk_problem(folder, free=None):
    """Check that there is disk space for the virtual environment."""
    if free is None:
        status = os.statvfs(folder)
        free = status.f_bavail * status.f_frsize
    if free >= MIN_FREE_GB * 1e9:
        return None
    return Problem(
        'About %d GB of disk are needed in %s; %.1f GB are free.'
        % (MIN_FREE_GB, os.path.abspath(folder), free / 1e9),
        'Free some space, or clone onto a larger disk.',
    )


def find_problems(folder='.'):
    """List every :class:`Problem` of this machine."""
    problem = python_problem()
    if problem:
        # The other checks would check the wrong interpreter.
        return [problem]
    checks = [
        venv_problem(),
        header_problem(),
        compiler_problem(),
        git_problem(),
        disk_problem(folder),
    ]
    return [problem for problem in checks if problem]


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else '.'
    problems = find_problems(folder)
    for problem in problems:
        print('MISSING: %s FIX: %s' % (problem.missing, problem.fix), file=sys.stderr)
    if problems:
        print('Nothing has been downloaded or installed.', file=sys.stderr)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
