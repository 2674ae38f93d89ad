"""Tools, loaded and run in this process: as one of its own each imports everything."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

TOOLS = Path(__file__).parents[2] / 'tools'


def load_tool(name: str) -> ModuleType:
    """``tools/<name>.py`` as a module."""
    path = TOOLS / f'{name}.py'
    spec = importlib.util.spec_from_file_location(f'tool_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def run_tool(name: str, *arguments: object, **replaced: object) -> None:
    """Run ``tools/<name>.py`` with arguments.

    Args:
        name: The tool, with its folder.
        *arguments: Those of its command line.
        **replaced: What stands in for names of the tool's module.
    """
    module = load_tool(name)
    with (
        patch.object(sys, 'argv', [name, *map(str, arguments)]),
        patch.dict(vars(module), replaced),
    ):
        module.main()
