import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_tool(monkeypatch):
    """A function that runs ``tools/<name>.py`` in this process."""

    def run(name, *arguments, **replaced):
        spec = importlib.util.spec_from_file_location(
            Path(name).stem, ROOT / 'tools' / f'{name}.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for attribute, value in replaced.items():
            monkeypatch.setattr(module, attribute, value)
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        module.main()

    return run
