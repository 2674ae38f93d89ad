"""Check that the installed packages can run MMSGP."""

from __future__ import annotations

import importlib
import sys

_REBUILD = """\
Rebuild it with PyTorch in place (about ten minutes on two cores):
    make rebuild-mmcv
or, outside the project's own environment:
    {python} -m pip uninstall --yes onedl-mmcv
    {python} -m pip cache remove onedl_mmcv
    {python} -m pip install --no-deps "setuptools>=80,<81" wheel packaging ninja psutil
    MMCV_WITH_OPS=1 {python} -m pip install --no-build-isolation --no-deps onedl-mmcv"""


def check_mmcv_ops() -> None:
    """Check that mmcv has its compiled operators.

    RoIAlign and NMS are among them. If PyTorch is absent when mmcv is built, mmcv
    installs without operators and without a warning. Operators that were built
    for another PyTorch, e.g. in a wheel from pip's cache, do not load.

    Raises:
        RuntimeError: If the operators are missing, do not load, or lack the
            CUDA kernels although there is a GPU. The message explains how to
            rebuild mmcv.
    """
    recipe = _REBUILD.format(python=sys.executable)
    torch = importlib.import_module('torch')
    try:
        importlib.import_module('mmcv._ext')
        ops = importlib.import_module('mmcv.ops')
    except ImportError as error:
        raise RuntimeError(
            f'mmcv cannot load its compiled operators: {error}.\nIt is not '
            'installed, or was built without PyTorch, or for another version than '
            f'the installed {torch.__version__}.\n{recipe}'
        ) from error
    without_cuda = ops.get_compiling_cuda_version() == 'not available'
    if torch.cuda.is_available() and without_cuda:
        raise RuntimeError(
            'PyTorch sees a GPU, but mmcv was built without its CUDA kernels '
            '(no CUDA compiler, or the CPU build of PyTorch, when it was '
            f'built).\n{recipe}\nwith nvcc on PATH, or hide the GPU to run on '
            'the CPU: CUDA_VISIBLE_DEVICES='
        )
