"""Draw the curves of trainings, or print how long their iterations took.

A log is a work directory of tools/train.py or a scalars.json below it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from mmsgp.cli.errors import exit_on_user_error
from mmsgp.reporting.per_class_recall import run_names
from mmsgp.reporting.training_log import TrainingLog
from mmsgp.utils.tables import new_table
from mmsgp.visualization import plot_training_curves, save_figure


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tasks = parser.add_subparsers(dest='task', required=True)
    curves = tasks.add_parser('plot_curve', help='draw curves: PNG, PDF, and their points as CSV')
    times = tasks.add_parser('cal_train_time', help='mean time of an iteration by epoch')
    for task in (curves, times):
        task.add_argument('json_logs', nargs='+', metavar='LOG')
        task.add_argument(
            '--legend', nargs='+', metavar='NAME', help='names of the logs (default: their folders)'
        )
    curves.add_argument(
        '--keys',
        nargs='+',
        default=['loss', 'acc_*', '*/R@100', '*/mR@100'],
        help="values to draw; '*' stands for anything (default: %(default)s)",
    )
    curves.add_argument(
        '--out',
        help='the files without their ending (default: %(default)s)',
        default='work_dirs/figures/training_curves',
    )
    args = parser.parse_args()
    if args.legend is None:
        args.legend = run_names(args.json_logs)
    if len(set(args.legend)) != len(args.json_logs) or len(args.legend) != len(args.json_logs):
        parser.error(
            f'{len(args.json_logs)} logs need as many different names, got --legend {args.legend}'
        )
    return args


def plot_curve(logs: dict[str, TrainingLog], args: argparse.Namespace) -> None:
    keys = list(dict.fromkeys(key for log in logs.values() for key in log.keys(args.keys)))
    if not keys:
        known = sorted({key for log in logs.values() for key in log.keys('*')})
        sys.exit(f'no log has any of {args.keys}; they have {known}')
    runs = {name: {key: log.curve(key) for key in log.keys(keys)} for name, log in logs.items()}
    points = [
        (name, key, iteration, value)
        for name, curves in runs.items()
        for key, curve in curves.items()
        for iteration, value in zip(*(axis.tolist() for axis in curve))
    ]
    paths = save_figure(
        plot_training_curves(keys, runs), args.out, ['log', 'key', 'iteration', 'value'], points
    )
    print(*paths, sep='\n')


def cal_train_time(logs: dict[str, TrainingLog]) -> None:
    table = new_table('seconds per iteration', 'log', 'epoch', 'all', 'waiting for data')
    for name, log in logs.items():
        for epoch, seconds in log.seconds().items():
            table.add_row(
                escape(name), str(epoch), f'{seconds["time"]:.4f}', f'{seconds["data_time"]:.4f}'
            )
    Console().print(table)


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        logs = {
            name: TrainingLog.read(Path(path)) for name, path in zip(args.legend, args.json_logs)
        }
    if args.task == 'plot_curve':
        plot_curve(logs, args)
    else:
        cal_train_time(logs)


if __name__ == '__main__':
    main()
