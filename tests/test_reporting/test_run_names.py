import pytest

from mmsgp.reporting.per_class_recall import run_names
from mmsgp.reporting.run_names import distinct_tails


@pytest.mark.parametrize(
    'paths, least, expected',
    [
        (['x/a', 'y/b'], 1, ['a', 'b']),
        (['x/a', 'y/b'], 2, ['x/a', 'y/b']),
        (['w/x/a', 'w/y/a', 'w/y/b'], 1, ['x/a', 'y/a', 'y/b']),
        (['/v/x/a', '/w/x/a'], 1, ['v/x/a', 'w/x/a']),
        (['a', 'x/a'], 1, ['a', 'x/a']),
        (['x/a', 'x/a', 'x/b'], 1, ['a', 'a', 'b']),
        (['/a', 'a'], 1, ['/a', 'a']),
        ([], 1, []),
    ],
)
def test_names_are_as_short_as_they_can_be_and_differ(paths, least, expected):
    assert distinct_tails(paths, least) == expected


def test_runs_are_named_by_folder_or_column():
    assert run_names(['x/a', 'x/b', 'x/t.csv:ours']) == ['a', 'b', 'ours']
    assert run_names(['x/t.csv:ours', 'x/u.csv:ours']) == ['t.csv/ours', 'u.csv/ours']
    assert run_names(['w/x/test', 'w/y/test']) == ['x/test', 'y/test']
