"""Test a scene graph parser: recall tables, metrics.json and CSV files."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from mmsgp.checkpoint.legacy_config import check_renamed
from mmsgp.checkpoint.loading import (
    load_trained_model,
    use_safe_checkpoint_loading,
)
from mmsgp.cli.arguments import add_settings_argument, parse_launched
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.config_variables import merge_options
from mmsgp.engine.data_sizes import fill_in_sizes
from mmsgp.engine.distributed import check_launcher, setup_launcher, tear_down
from mmsgp.engine.known_arguments import check_arguments
from mmsgp.engine.mixed_precision import predict_in_mixed_precision
from mmsgp.engine.runner import SceneGraphRunner
from mmsgp.evaluation import SceneGraphMetric
from mmsgp.evaluation.metrics.scene_graph_metric import effective_ng_limit
from mmsgp.models.parsers import is_parser_config
from mmsgp.registry import METRICS, names_subclass
from mmsgp.structures.tasks import TASKS
from mmsgp.utils.environment import check_mmcv_ops
from mmsgp.utils.files import replacing
from mmsgp.utils.unwritten import collecting_unwritten, may_be_unwritten


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        'checkpoint', help='checkpoint file, or a file of tools/deployment/export_onnx.py (.onnx)'
    )
    parser.add_argument('--work-dir', help='folder of logs and results (default: work_dirs/CONFIG)')
    parser.add_argument(
        '--tasks',
        nargs='+',
        choices=TASKS,
        help='tasks to evaluate, in one pass (default: all three)',
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision: float16 on a GPU, bfloat16 on a CPU'
    )
    parser.add_argument(
        '--out',
        help='keep the predictions in this file (.h5), for '
        'tools/analysis_tools/eval_predictions.py',
    )
    parser.add_argument('--show', action='store_true', help='show the parsed images')
    parser.add_argument(
        '--show-dir',
        help='draw the parsed images next to their annotations, into this folder '
        'under WORK_DIR/TIMESTAMP',
    )
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds that --show keeps an image (default: 2)'
    )
    add_settings_argument(parser)
    return parse_launched(parser)


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and add the command line's settings and the data's sizes."""
    cfg = read_config_file(args.config)
    merge_options(cfg, args.cfg_options)
    check_renamed(cfg.model, args.config)
    check_arguments(cfg.model, args.config)
    fill_in_sizes(cfg, 'test')
    cfg.work_dir = choose_work_dir(cfg, args)
    if is_parser_config(cfg.model):
        cfg.model.test_tasks = tuple(args.tasks or TASKS)
        cfg.test_evaluator = load_evaluators(cfg, args.out)
    elif args.tasks or args.out:
        raise ValueError(
            f'{args.config} is the config of a detector: --tasks and --out are for '
            'scene graph parsers'
        )
    if args.amp:
        predict_in_mixed_precision(cfg)
    if is_exported(args.checkpoint):
        use_exported_parser(cfg, args)
    if args.show or args.show_dir:
        cfg.default_hooks.visualization.update(
            draw=True, show=args.show, wait_time=args.wait_time, test_out_dir=args.show_dir
        )
    return cfg


def is_exported(checkpoint: str) -> bool:
    return checkpoint.endswith('.onnx')


def choose_work_dir(cfg: Config, args: argparse.Namespace) -> str:
    """Return the folder of results; an exported file has its own, beside the checkpoint's."""
    name = Path(args.config).stem
    if args.work_dir or not is_exported(args.checkpoint):
        return args.work_dir or cfg.get('work_dir') or str(Path('work_dirs', name))
    return str(Path('work_dirs', f'{name}_{Path(args.checkpoint).stem}'))


def use_exported_parser(cfg: Config, args: argparse.Namespace) -> None:
    """Test a file of ONNX Runtime instead of the config's model.

    Raises:
        ValueError: If it is not exported from this config, or a setting has no effect on it.
    """
    from mmsgp.deploy.exported_parser import ExportedParser

    if not is_parser_config(cfg.model):
        raise ValueError(f'{args.config} is no parser, but {args.checkpoint} is one')
    without_effect = [key for key in args.cfg_options or () if key.split('.')[0] == 'model']
    if args.tasks not in (None, ['sggen']):
        without_effect.append('--tasks other than sggen')
    if args.amp:
        without_effect.append('--amp')
    if args.launcher != 'none':  # ONNX Runtime uses all cores
        without_effect.append('--launcher')
    if without_effect:
        raise ValueError(
            f'{", ".join(without_effect)} cannot be used with {args.checkpoint}: an exported file '
            'parses as it was exported, in one process'
        )
    meta = ExportedParser(args.checkpoint).inferencer.meta
    for step in cfg.test_dataloader.dataset.get('pipeline', ()):
        if step['type'].endswith('Resize') and list(step['scale']) != meta['img_scale']:
            raise ValueError(
                f'{args.config} scales images to {tuple(step["scale"])}, but {args.checkpoint} was '
                f'exported for {tuple(meta["img_scale"])}: give the config of its export'
            )
    cfg.model = dict(type='ExportedParser', path=args.checkpoint)


def load_evaluators(cfg: Config, out_file: str | None) -> list[dict]:
    """Return the config's evaluators, which write their results, and a dump."""
    evaluators = cfg.test_evaluator
    if not isinstance(evaluators, list):
        evaluators = [evaluators]
    recalls = [
        evaluator
        for evaluator in evaluators
        if names_subclass(evaluator.type, METRICS, SceneGraphMetric)
    ]
    for evaluator in recalls:
        evaluator.output_dir = cfg.work_dir
    if out_file is not None:
        limits = [
            effective_ng_limit(recall.get('ng_limit', 100), recall.get('topk', ()))
            for recall in recalls
        ]
        evaluators.append(
            dict(type='DumpPredictions', out_file=out_file, ng_limit=max(limits, default=100))
        )
    return evaluators


def choose_log_folder(work_dir: str) -> str:
    """Return the work directory, or a temporary one if it cannot be written to.

    Call it within :func:`collecting_unwritten`, which then lists the work directory.
    """
    probe = Path(work_dir, f'.probe.{os.getpid()}')
    with may_be_unwritten(work_dir):
        with replacing(probe) as draft:
            # about the size of configs and logs
            draft.write_bytes(bytes(1 << 17))
        probe.unlink()
        return work_dir
    try:
        folder = tempfile.mkdtemp(prefix='mmsgp_test_')
    except OSError:  # then there is no log
        return work_dir
    print_log(f'the log of this test is in {folder}', logger='current')
    return folder


def main() -> None:
    args = parse_args()
    check_mmcv_ops()
    use_safe_checkpoint_loading()
    with exit_on_user_error():
        check_launcher(args.launcher)
        cfg = load_config(args)
    with collecting_unwritten() as unwritten:
        cfg.work_dir = choose_log_folder(cfg.work_dir)
        setup_launcher(cfg, args.launcher)
        runner = SceneGraphRunner.from_cfg(cfg)
        if not is_exported(args.checkpoint):
            load_trained_model(runner, args.checkpoint)
        runner.test()
        tear_down()
    if unwritten:
        sys.exit('the test is done, but these files could not be written: ' + ', '.join(unwritten))


if __name__ == '__main__':
    main()
