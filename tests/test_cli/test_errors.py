import pytest

from mmsgp.cli.errors import mistakes_in_a_line


@pytest.mark.parametrize('error', [FileNotFoundError('a.csv not found'),
                                   ValueError('a.csv not found')])
def test_what_the_user_can_mend_is_told_without_a_traceback(error):
    with pytest.raises(SystemExit) as caught, mistakes_in_a_line():
        raise error
    assert caught.value.code == 'a.csv not found'


def test_a_mistake_of_the_program_keeps_its_traceback():
    with pytest.raises(TypeError), mistakes_in_a_line():
        raise TypeError
