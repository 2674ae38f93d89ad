"""Start several processes, with or without accelerators."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

import torch.distributed
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import is_model_wrapper

NEEDED = dict(
    none=(),
    pytorch=('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'),
    slurm=('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
    mpi=(
        'OMPI_COMM_WORLD_RANK',
        'OMPI_COMM_WORLD_LOCAL_RANK',
        'OMPI_COMM_WORLD_SIZE',
        'MASTER_ADDR',
    ),
)
DEFAULT_TIMEOUT = 1800


def check_launcher(launcher: str) -> None:
    """Check that the processes can meet, before any work is done.

    Args:
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.

    Raises:
        ValueError: If the launcher did not start this process.
        OSError: If the port at which the processes meet is in use.
    """
    missing = [name for name in NEEDED[launcher] if name not in os.environ]
    if missing:
        tools = 'slurm' if launcher == 'slurm' else 'dist'
        raise ValueError(
            f'--launcher {launcher}, but {", ".join(missing)} are not set in the '
            f'environment: start with tools/{tools}_train.sh or '
            f'tools/{tools}_test.sh, or drop --launcher'
        )
    # torchrun itself keeps the port that it gives to its processes.
    if (
        launcher == 'pytorch'
        and os.environ['RANK'] == '0'
        and os.environ.get('TORCHELASTIC_USE_AGENT_STORE') != 'True'
    ):
        check_port(int(os.environ['MASTER_PORT']))


def check_port(port: int) -> None:
    """Check that a port of this machine is free.

    Raises:
        OSError: If the port is in use or not allowed.
    """
    try:
        with socket.create_server(('', port)):
            pass
    except OSError as error:
        raise OSError(
            f'port {port}, where the processes meet, cannot be used: '
            f'{error.strerror}. Choose another port: PORT=... tools/dist_train.sh, '
            'torchrun --master-port ..., or MASTER_PORT'
        ) from error


def dist_timeout(cfg: Config) -> float:
    """Return the seconds that a process waits for another one.

    Raises:
        ValueError: If ``env_cfg.dist_cfg.timeout`` is not a positive number.
    """
    value = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout', DEFAULT_TIMEOUT)
    if not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(
            f'env_cfg.dist_cfg.timeout must be a positive number of seconds, got {value!r}'
        )
    return value


def setup_launcher(cfg: Config, launcher: str) -> None:
    """Prepare a config for MMEngine's Runner under a launcher.

    MMEngine expects an accelerator per process. On a machine without one, the
    process group is started here with gloo, and the model is wrapped without
    device ids.

    Args:
        cfg: Changed in place.
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``; on a machine
            without an accelerator ``none`` or ``pytorch``.

    Raises:
        ValueError: If the launcher needs an accelerator and finds none.
    """
    cfg.launcher = launcher
    if cfg.get('randomness', {}).get('deterministic'):
        # cuBLAS is deterministic only with a fixed workspace.
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    if launcher == 'none' or get_device() != 'cpu':
        return
    cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
    )
    if launcher != 'pytorch':
        raise ValueError(
            f'--launcher {launcher} needs an accelerator per process '
            'and found none: use tools/dist_train.sh'
        )
    torch.distributed.init_process_group('gloo', timeout=timedelta(seconds=dist_timeout(cfg)))


def tear_down() -> None:
    """Leave the process group, all processes together.

    A process that ends while its group is open may be aborted by a thread of
    the group, or end the store where the others meet.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def unwrap_model(model: torch.nn.Module) -> torch.nn.Module:
    """Return the model without the wrapper of distributed training."""
    return model.module if is_model_wrapper(model) else model
