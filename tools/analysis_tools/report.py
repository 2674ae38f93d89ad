"""Write a report of test runs as one HTML file that opens without a network.

It has the configuration, tables of all tasks, figures (the recall of each
predicate can be sorted and filtered), the test images with the best, median and
worst results, and timings. A run is the work directory of tools/test.py; the
pictures need its --out WORK_DIR/predictions.h5.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from mmsgp.cli.arguments import natural, positive
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.reporting.html import ReportedRun, write_report
from mmsgp.reporting.per_class_recall import run_names
from mmsgp.structures.tasks import TASKS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('work_dirs', nargs='+', metavar='WORK_DIR')
    parser.add_argument(
        '--names', nargs='+', metavar='NAME', help='names of the runs (default: their folders)'
    )
    parser.add_argument(
        '--task',
        choices=TASKS,
        help='task of the pictures and confusion matrices (default: the first that all runs have)',
    )
    parser.add_argument(
        '--topk',
        type=positive,
        default=20,
        metavar='K',
        help='pictures are chosen by recall@K (default: 20)',
    )
    parser.add_argument(
        '--num-pictures',
        type=natural,
        default=3,
        help='number of pictures of each kind: best, median, worst (default: 3)',
    )
    parser.add_argument('--out', type=Path, help='(default: report.html in the first WORK_DIR)')
    args = parser.parse_args()
    if args.names is None:
        args.names = run_names(args.work_dirs)
    if len(args.names) != len(args.work_dirs) or len(set(args.names)) != len(args.names):
        parser.error(f'{len(args.work_dirs)} runs need as many different names, got {args.names}')
    return args


def main() -> None:
    args = parse_args()
    out = args.out or Path(args.work_dirs[0], 'report.html')
    with exit_on_user_error(), Console().status('drawing figures and pictures'):
        runs = [ReportedRun(name, Path(folder)) for name, folder in zip(args.names, args.work_dirs)]
        write_report(runs, out, args.task, args.topk, args.num_pictures)
    print(f'{out} ({out.stat().st_size / 1e6:.1f} MB)')


if __name__ == '__main__':
    main()
