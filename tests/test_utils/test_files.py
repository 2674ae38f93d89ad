"""Files that are whole or not there."""
import pytest

from mmsgp.utils.files import replacing


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / 'new' / 'file.txt'
    with replacing(path) as draft:
        draft.write_text('one')
        assert not path.exists()
    assert path.read_text() == 'one'
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / 'file.txt'
    path.write_text('old')
    with pytest.raises(KeyError), replacing(path) as draft:
        draft.write_text('new')
        raise KeyError
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]
