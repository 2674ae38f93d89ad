import math

import pytest

from mmsgp.reporting.per_class_recall import PerClassRecall, read_runs

HEADER = 'predicate_id,predicate,train_count,num_gt,recall@20,recall@all\n'


def write(folder, text):
    folder.mkdir(exist_ok=True)
    path = folder / 'per_class_recall_predcls.csv'
    path.write_text(HEADER + text)
    return path


def test_rows_are_sorted_by_frequency_and_empty_cells_are_nan(tmp_path):
    path = write(tmp_path, '1,on,2,1,5,6\n2,"of, or",9,1,,\n3,in,2,1,1,2\n')
    table = PerClassRecall.read(path, 'recall@all')
    assert table.predicates == ['of, or', 'on', 'in']
    assert table.train_counts.tolist() == [9, 2, 2]
    assert math.isnan(table.recall[0]) and table.recall[1:].tolist() == [6, 2]


def test_folders_and_columns_stand_side_by_side(tmp_path):
    path = write(tmp_path / 'a', '1,on,2,1,5,6\n')
    write(tmp_path / 'b', '1,on,2,1,7,8\n')
    tables = read_runs(
        [str(tmp_path / 'a'), str(tmp_path / 'b'), f'{path}:recall@20'], 'predcls', 'all'
    )
    assert {name: table.recall.tolist() for name, table in tables.items()} == {
        'a': [6],
        'b': [8],
        'recall@20': [5],
    }


def test_what_cannot_be_read_or_compared_is_named(tmp_path):
    path = write(tmp_path / 'a', '1,on,2,1,5,6\n')
    write(tmp_path / 'b', '1,under,2,1,7,8\n')
    folders = [str(tmp_path / name) for name in 'ab']
    with pytest.raises(FileNotFoundError, match='sgcls.*tools/test.py'):
        read_runs(folders, 'sgcls', 20)
    with pytest.raises(ValueError, match='recall@50.*recall@20'):
        read_runs(folders[:1], 'predcls', 50)
    with pytest.raises(ValueError, match='/b and .*/a .*predicates'):
        read_runs(folders, 'predcls', 20)
    with pytest.raises(ValueError, match='2 runs.*same'):
        read_runs(folders, 'predcls', 20, ['same', 'same'])
    path.write_text(HEADER + '1,on,many,1,5,6\n')
    with pytest.raises(ValueError, match='damaged.*many'):
        read_runs(folders[:1], 'predcls', 20)


def test_runs_on_other_images_are_not_compared(tmp_path):
    path = write(tmp_path / 'a', '1,on,2,1,5,6\n')
    write(tmp_path / 'b', '1,on,2,3,7,8\n')
    published = tmp_path / 'published.csv'
    published.write_text('predicate,train_count,ours\non,2,9\n')
    runs = [f'{published}:ours', f'{path}:recall@20', str(tmp_path / 'b')]
    assert len(read_runs(runs[:2], 'predcls', 20)) == 2
    with pytest.raises(ValueError, match='/b and .*a/.* images'):
        read_runs(runs, 'predcls', 20)
