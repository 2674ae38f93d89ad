"""Look for faults in the data of a config before training on it.

Annotations, names, splits and names of files are checked in seconds. --images also
opens every image. The exit status is 1 if there is an error.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mmengine.registry import init_default_scope
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from mmsgp.cli.arguments import add_settings_argument, positive
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets.checks import Finding, Report, check_config
from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.config_variables import merge_options
from mmsgp.engine.data_sizes import fill_in_sizes
from mmsgp.utils.files import replacing
from mmsgp.utils.tables import new_table
from mmsgp.visualization.predicate_figures import plot_predicate_distribution

COLORS = {'error': 'red', 'warning': 'yellow'}
NUM_BARS, BAR = 15, 40


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('--images', action='store_true', help='open all images')
    parser.add_argument('--workers', type=positive, help='processes of --images (default: cores)')
    parser.add_argument(
        '--skip-missing',
        action='store_true',
        help='check the data as trained with skip_missing_images=True',
    )
    parser.add_argument('--json', type=Path, help='write facts and findings into this file')
    parser.add_argument(
        '--figure', type=Path, help='draw how often each predicate occurs, e.g. predicates.png'
    )
    add_settings_argument(parser)
    return parser.parse_args()


def print_report(report: Report, console: Console) -> None:
    """Print numbers, the most frequent names and the findings."""
    if report.facts:
        columns = ('images', 'boxes', 'relations', 'images without relations', 'most boxes')
        table = new_table('Data', 'split', *columns)
        for split, facts in report.facts['splits'].items():
            table.add_row(split, *(f'{facts[name.replace(" ", "_")]:,}' for name in columns))
        console.print(table)
        for kind in ('classes', 'predicates'):
            print_distribution(kind, report.facts[kind], console)
    for finding in report.findings:
        color = COLORS[finding.severity]
        console.print(
            f'[{color}]{finding.severity}[/] {finding.check}: {escape(str(finding))}',
            highlight=False,
            soft_wrap=True,
        )
    if not report.findings:
        console.print('[green]nothing was found[/]')


def print_distribution(kind: str, counts: dict[str, int], console: Console) -> None:
    """Print a bar for each of the most frequent names."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    table = new_table(f'{len(counts)} {kind} in the training images', kind, 'number', '')
    table.columns[-1].justify = 'left'
    for name, number in ordered[:NUM_BARS]:
        bar = '█' * round(BAR * number / max(1, ordered[0][1]))
        table.add_row(escape(name), f'{number:,}', bar)
    if len(ordered) > NUM_BARS:
        rest = ordered[NUM_BARS:]
        table.add_row(f'{len(rest)} others', f'{sum(number for _, number in rest):,}', '')
    console.print(table)


def check(args: argparse.Namespace) -> Report:
    """Read the config and check its data, and its numbers of classes."""
    cfg = read_config_file(args.config)
    merge_options(cfg, args.cfg_options)
    if args.skip_missing:
        merge_options(cfg, dict(skip_missing_images=True))
    init_default_scope(cfg.get('default_scope', 'mmsgp'))
    report = check_config(
        cfg,
        args.images,
        lambda items, total: track(items, 'Opening images', total),
        args.workers,
    )
    if report.facts:  # else the names cannot be read, which is a finding already
        try:
            fill_in_sizes(cfg)
        except ValueError as error:
            report.findings.insert(0, Finding('config_sizes', 'error', 1, str(error)))
    return report


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        report = check(args)
    print_report(report, Console())
    if args.json:
        with replacing(args.json) as draft:
            draft.write_text(json.dumps(report.to_dict(), indent=1), encoding='utf-8')
    if args.figure and report.facts:
        counts = dict(sorted(report.facts['predicates'].items(), key=lambda item: -item[1]))
        plot_predicate_distribution(list(counts), list(counts.values())).savefig(args.figure)
    if any(finding.severity == 'error' for finding in report.findings):
        sys.exit(1)


if __name__ == '__main__':
    main()
