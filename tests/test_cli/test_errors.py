import pytest

from mmsgp.cli.errors import exit_on_user_error


@pytest.mark.parametrize('error', [FileNotFoundError('a.csv not found'),
                                   ValueError('a.csv not found')])
def test_what_the_user_can_mend_is_told_without_a_traceback(error):
    with pytest.raises(SystemExit) as caught, exit_on_user_error():
        raise error
    assert caught.value.code == 'a.csv not found'


def test_a_mistake_of_the_program_keeps_its_traceback():
    with pytest.raises(TypeError), exit_on_user_error():
        raise TypeError
