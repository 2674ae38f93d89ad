import runpy
import sys
from pathlib import Path

import pytest

from mmsgp.cli.errors import exit_on_user_error

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    'error', [FileNotFoundError('a.csv not found'), ValueError('a.csv not found')]
)
def test_a_user_error_is_reported_without_a_traceback(error):
    with pytest.raises(SystemExit) as caught, exit_on_user_error():
        raise error
    assert caught.value.code == 'a.csv not found'


def test_an_error_of_the_program_keeps_its_traceback():
    with pytest.raises(TypeError), exit_on_user_error():
        raise TypeError


@pytest.mark.parametrize(
    ('tool', 'arguments'),
    [
        ('analysis_tools/compare', ('none', 'none')),
        ('dataset_converters/vrd', ('none', 'vrd')),
        ('dataset_converters/render_layouts', ('none',)),
        ('misc/browse_dataset', ('none.py', '--output-dir', 'pictures')),
    ],
)
def test_a_missing_input_of_a_tool_is_one_line(tool, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', [tool, *arguments])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / 'tools' / f'{tool}.py'), run_name='__main__')
    assert 'none' in caught.value.code and '\n' not in caught.value.code
    assert not list(tmp_path.iterdir())
