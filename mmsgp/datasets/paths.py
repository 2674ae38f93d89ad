"""Paths of the files of a data set."""

from __future__ import annotations

from mmengine.fileio import join_path
from mmengine.utils import is_abs


def join_root(root: str, path: str) -> str:
    """Join a path to a folder, unless the path is absolute or the folder empty."""
    return join_path(root, path) if root and not is_abs(path) else path
