"""Whether processes can meet is checked before any work is done."""

import socket

import pytest
from mmengine.config import Config

from mmsgp.engine.distributed import check_launcher, check_port, dist_timeout


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """The environment of a process without launcher."""
    for name in (
        'RANK',
        'LOCAL_RANK',
        'WORLD_SIZE',
        'MASTER_ADDR',
        'MASTER_PORT',
        'SLURM_PROCID',
        'TORCHELASTIC_USE_AGENT_STORE',
    ):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def taken_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    'launcher, variable, script',
    [('pytorch', 'RANK', 'tools/dist_train.sh'), ('slurm', 'SLURM_PROCID', 'tools/slurm_train.sh')],
)
def test_a_launcher_that_did_not_start_the_process_is_named(launcher, variable, script):
    with pytest.raises(ValueError, match=f'--launcher {launcher}.* {variable}') as error:
        check_launcher(launcher)
    assert script in str(error.value) and '\n' not in str(error.value)
    check_launcher('none')


def set_up(monkeypatch, port, **more):
    variables = dict(
        RANK='0', LOCAL_RANK='0', WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port)
    )
    for name, value in (variables | more).items():
        monkeypatch.setenv(name, value)


def test_a_port_in_use_is_reported_with_what_to_do(environment, taken_port):
    set_up(environment, taken_port)
    with pytest.raises(OSError, match=f'port {taken_port}.*--master-port') as caught:
        check_launcher('pytorch')
    assert '\n' not in str(caught.value)


def test_only_the_first_process_needs_the_port(environment, taken_port):
    set_up(environment, taken_port, RANK='1')
    check_launcher('pytorch')
    # torchrun keeps the port itself.
    set_up(environment, taken_port, TORCHELASTIC_USE_AGENT_STORE='True')
    check_launcher('pytorch')


def test_a_free_port_stays_free(taken_port):
    with socket.create_server(('', 0)) as server:
        port = server.getsockname()[1]
    check_port(port)
    check_port(port)


def test_the_timeout_is_a_number_of_seconds():
    def cfg(**dist_cfg):
        return Config(dict(env_cfg=dict(dist_cfg=dist_cfg)))

    assert dist_timeout(cfg(timeout=90)) == 90
    assert dist_timeout(cfg()) == dist_timeout(Config({})) == 1800
    for wrong in ('1 h', 0, -1, None):
        with pytest.raises(ValueError, match='env_cfg.dist_cfg.timeout'):
            dist_timeout(cfg(timeout=wrong))
