"""Starting several processes, with or without accelerators."""
from __future__ import annotations

import os

import torch.distributed
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import is_model_wrapper


def setup_launcher(cfg: Config, launcher: str) -> None:
    """Prepare a config for MMEngine's Runner under a launcher.

    MMEngine takes for granted that every process owns an accelerator. On a
    machine without one the process group is started here, with gloo, and the
    model is wrapped without device ids.

    Args:
        cfg (Config): Changed in place.
        launcher (str): ``none``, ``pytorch``, ``slurm`` or ``mpi``; without
            an accelerator ``none`` or ``pytorch``.

    Raises:
        ValueError: If the launcher needs an accelerator and there is none.
    """
    cfg.launcher = launcher
    if cfg.get('randomness', {}).get('deterministic'):
        # cuBLAS is deterministic with a workspace of its own only.
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    if launcher == 'none' or get_device() != 'cpu':
        return
    cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False)
    if launcher != 'pytorch':
        raise ValueError(f'--launcher {launcher} needs an accelerator in every '
                         'process and found none: use tools/dist_train.sh')
    torch.distributed.init_process_group('gloo')


def tear_down() -> None:
    """Leave the process group, together.

    A process that ends with its group still open may be aborted by a thread
    of the group, or take the others' rendezvous away.
    """
    if torch.distributed.is_available() and \
            torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def unwrap_model(model: torch.nn.Module) -> torch.nn.Module:
    """The model itself, without what wraps it in several processes."""
    return model.module if is_model_wrapper(model) else model
