"""Train a detector or a scene graph parser from its config."""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from mmsgp.checkpoint.by_name import holds_all
from mmsgp.checkpoint.legacy_config import check_renamed
from mmsgp.checkpoint.loading import publish_weights, use_safe_checkpoint_loading
from mmsgp.checkpoint.pretrained import (
    check_load_from,
    holds_detector,
    pretrained_cfgs,
    read_weights,
)
from mmsgp.cli.arguments import add_settings_argument, parse_launched
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets import innermost_dataset
from mmsgp.datasets.checks import check_config
from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.config_variables import merge_options
from mmsgp.engine.data_sizes import fill_in_sizes, read_names
from mmsgp.engine.detector_settings import detector_settings
from mmsgp.engine.distributed import (
    check_launcher,
    setup_launcher,
    tear_down,
    unwrap_model,
)
from mmsgp.engine.folder_lock import locked
from mmsgp.engine.known_arguments import check_arguments
from mmsgp.engine.last_checkpoint import (
    find_last_checkpoint,
    has_checkpoint,
    mend_pointer,
)
from mmsgp.engine.mixed_precision import train_in_mixed_precision
from mmsgp.engine.runner import SceneGraphRunner
from mmsgp.engine.runner.schedule import ChangedSchedule
from mmsgp.models.parsers import is_parser_config
from mmsgp.reporting.jobs import Job, run_jobs
from mmsgp.reporting.runs import CHECK_FILE
from mmsgp.reporting.training_log import TrainingLog
from mmsgp.utils.environment import check_mmcv_ops
from mmsgp.utils.files import clear_drafts, replacing
from mmsgp.utils.unwritten import collecting_unwritten, may_be_unwritten

LEAST_MAP = 0.01  # of a detector that finds something
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir', help='folder of logs and checkpoints (default: work_dirs/CONFIG)'
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision: float16 on a GPU, bfloat16 on a CPU'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the total batch size',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='resume from CHECKPOINT, or from the latest one in the work '
        'directory if none is given',
    )
    add_settings_argument(parser, ', e.g. train_dataloader.batch_size=4')
    return parse_launched(parser)


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and add the command line's settings and the data's sizes."""
    cfg = read_config_file(args.config)
    merge_options(cfg, args.cfg_options)
    check_renamed(cfg.model, args.config)
    check_arguments(cfg.model, args.config)
    fill_in_sizes(cfg)
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or str(Path('work_dirs', Path(args.config).stem))
    )
    if args.amp:
        train_in_mixed_precision(cfg)
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise KeyError(f'--auto-scale-lr: {args.config} has no auto_scale_lr.base_batch_size')
        cfg.auto_scale_lr.enable = True
    if args.resume == 'auto':
        # Without a checkpoint to resume, a run begins as its config says.
        cfg.resume = has_checkpoint(cfg.work_dir)
        cfg.load_from = None if cfg.resume else cfg.get('load_from')
    elif args.resume is not None:
        cfg.resume, cfg.load_from = True, args.resume
    if cfg.get('load_from_by_name') and not (cfg.get('load_from') or cfg.get('resume')):
        raise ValueError('load_from_by_name=True needs a checkpoint: set load_from to its path')
    return cfg


def take_detector_of_start(cfg: Config) -> None:
    """Let a parser that starts from a checkpoint use the detector in it.

    Raises:
        FileNotFoundError: If ``load_from`` does not exist.
    """
    weights, names = read_weights(cfg.load_from)
    own = read_names(cfg.train_dataloader.dataset) or {}
    by_name = cfg.get('load_from_by_name')
    if holds_detector(weights) and (not by_name or own and holds_all(names, own)):
        cfg.model.detector.init_cfg = None


def start_by_name(cfg: Config) -> None:
    """Let a hook load ``load_from``, by the names of classes and predicates."""
    hook = dict(type='mmsgp.LoadByNameHook', checkpoint=cfg.load_from)
    cfg.custom_hooks = [*cfg.get('custom_hooks', []), hook]
    cfg.load_from = None


def ensure_detector(cfg: Config) -> None:
    """Train the detector that a relation config needs, if it is missing.

    A config that names ``detector_config`` expects that detector's weights at
    ``model.detector.init_cfg.checkpoint``. If they are missing, the first
    process trains it, in a separate process and into the folder of that file;
    the other processes wait.
    """
    files = [
        init_cfg.checkpoint
        for init_cfg in pretrained_cfgs(cfg.model.get('detector', {}).get('init_cfg'))
        # neither a URL nor a part of another model
        if '://' not in init_cfg.checkpoint and not init_cfg.get('prefix')
    ]
    if 'detector_config' not in cfg or not files:
        return
    target = Path(files[-1])
    if not is_first_process():
        while not target.is_file():
            time.sleep(1)
    elif not target.is_file():
        train_detector(cfg, target)


def is_first_process() -> bool:
    """Whether this is the process of a launch that writes files."""
    return int(os.environ.get('RANK', os.environ.get('SLURM_PROCID', 0))) == 0


def train_detector(cfg: Config, target: Path) -> None:
    """Train a detector, or resume its training, and write its weights.

    Args:
        cfg: The parser's. It names the detector's config, relative to the
            current folder or the repository, and sets data and image size.
        target: File of the weights; its folder is the work directory.
    """
    path = Path(cfg.detector_config)
    if not path.is_file():
        path = Path(__file__).resolve().parents[1] / path
    if not path.is_file():
        raise FileNotFoundError(
            f'neither the weights {target} nor the config {path} of the '
            'detector exists: set model.detector.init_cfg.checkpoint to a '
            'trained detector'
        )
    print_log(
        f'{target} not found: training the detector first, once, with {path}', logger='current'
    )
    command = [sys.executable, __file__, str(path), '--work-dir', str(target.parent), '--resume']
    own = read_config_file(path)
    validated = 'CocoMetric' in str(own.get('val_evaluator'))
    settings = detector_settings(cfg, own)
    if cfg.get('load_from_by_name') and cfg.get('load_from'):
        settings.update(load_from=cfg.load_from, load_from_by_name=True)
    options = [f'{key}={value!r}' for key, value in settings.items()]
    command += ['--cfg-options', *options] if options else []
    run_jobs([Job('training the detector', command)], unlaunched())
    if validated and (reason := finds_nothing(target.parent)):
        print_log(f'{path}: {reason}', logger='current', level=logging.WARNING)
    publish_weights(find_last_checkpoint(target.parent), target)


def unlaunched() -> dict[str, str]:
    """Return the environment without what a launcher of several processes has set."""
    launch = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
    if 'RANK' in os.environ:  # torchrun gives each process one thread; else the user chose
        launch += ('OMP_NUM_THREADS',)
    return {key: value for key, value in os.environ.items() if key not in launch}


def finds_nothing(work_dir: Path) -> str:
    """Return what to do about a trained detector that finds nothing; empty if it does."""
    log = TrainingLog.read(work_dir)
    _, scores = log.curve('coco/bbox_mAP_50')
    if not log.validation or scores.max(initial=0) >= LEAST_MAP:
        return ''
    return (
        f'the detector finds nothing: its best coco/bbox_mAP_50 is {scores.max(initial=0):.3f}. '
        'The parser will label given boxes (predcls, sgcls), but its sggen recall will be 0. Look '
        'at the boxes (tools/misc/browse_dataset.py), train longer (train_cfg.max_epochs), with '
        f'larger images (img_scale) or another learning rate; remove {work_dir} before that'
    )


@contextmanager
def kept_work_dir(cfg: Config) -> Iterator[None]:
    """Lock the work directory for this run, and tidy it up.

    The other processes of a launch wait until the first one joins their group.

    Raises:
        SystemExit: If another run uses it, if it cannot be written to, or if all
            checkpoints in it are damaged; with the reason.
    """
    with ExitStack() as stack:
        if is_first_process():
            with exit_on_user_error():
                stack.enter_context(locked(cfg.work_dir))
                clear_drafts(cfg.work_dir)
                if cfg.get('resume') and not cfg.get('load_from'):
                    mend_pointer(cfg.work_dir)
        yield


def look_at_data(cfg: Config) -> None:
    """Say what is wrong with the data, and write it into the work directory."""
    report = check_config(cfg)
    for finding in report.findings:
        print_log(f'{finding.check}: {finding}', logger='current', level=logging.WARNING)
    path = Path(cfg.work_dir, CHECK_FILE)
    with may_be_unwritten(path), replacing(path) as draft:
        draft.write_text(json.dumps(report.to_dict()), encoding='utf-8')


def train(cfg: Config, launcher: str) -> None:
    """Train from a config, and first a missing detector."""
    goes_on = cfg.get('load_from') and is_parser_config(cfg.model)
    if goes_on:
        take_detector_of_start(cfg)
    ensure_detector(cfg)
    if cfg.get('load_from_by_name') and not cfg.get('resume'):
        start_by_name(cfg)
        goes_on = False
    setup_launcher(cfg, launcher)
    runner = SceneGraphRunner.from_cfg(cfg)
    if is_first_process():
        look_at_data(cfg)
    if goes_on:
        dataset = innermost_dataset(runner.train_dataloader.dataset)
        check_load_from(cfg.load_from, unwrap_model(runner.model), dataset.metainfo)
    try:
        runner.train()
    except ChangedSchedule as error:
        sys.exit(str(error))
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        sys.exit(
            f'{error.filename}: {error.strerror}. Make room and continue from '
            'the last checkpoint with --resume'
        )
    tear_down()


def main() -> None:
    args = parse_args()
    check_mmcv_ops()
    use_safe_checkpoint_loading()
    with exit_on_user_error():
        check_launcher(args.launcher)
        cfg = load_config(args)
    with kept_work_dir(cfg), collecting_unwritten() as unwritten:
        train(cfg, args.launcher)
    if unwritten:
        sys.exit(
            'the training is done, but these files could not be written: ' + ', '.join(unwritten)
        )


if __name__ == '__main__':
    main()
