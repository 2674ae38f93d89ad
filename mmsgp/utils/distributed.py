"""Starting several processes, with or without accelerators."""
from __future__ import annotations

import torch.distributed
from mmengine.config import Config
from mmengine.device import get_device


def setup_launcher(cfg: Config, launcher: str) -> None:
    """Prepare a config for MMEngine's Runner under a launcher.

    MMEngine takes for granted that every process owns an accelerator. On a
    machine without one the process group is started here, with gloo, and the
    model is wrapped without device ids.

    Args:
        cfg (Config): Changed in place.
        launcher (str): ``none``, ``pytorch``, ``slurm`` or ``mpi``.
    """
    cfg.launcher = launcher
    if launcher == 'none' or get_device() != 'cpu':
        return
    cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False)
    if launcher == 'pytorch':
        torch.distributed.init_process_group('gloo')
