import pytest

from mmsgp.cli.errors import exit_on_user_error


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
