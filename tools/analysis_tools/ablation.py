"""Train and test a grid of models, and print it beside the paper's figures.

A cell is a config and a seed: it is trained by tools/train.py and tested on all
tasks by tools/test.py, into OUT_DIR/CONFIG/seed_N. What is there already is not
done again, and a training that was cut off goes on. The detector is trained
once and shared. Cells of cheap base models come first.
"""
from __future__ import annotations

import argparse
import csv
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from rich.console import Console

from mmsgp.utils.files import replacing

ROOT = Path(__file__).resolve().parents[2]
TASKS = ('sggen', 'sgcls', 'predcls')
TITLES = {'predcls': 'PredCls', 'sgcls': 'SGCls', 'sggen': 'SGGen'}
COST = ('frequency', 'motifnet', 'linknet', 'kern')
# The rows of a table: the paper's name and the config's.
GRIDS = {
    'table1': {
        'MotifNet': 'motifnet_ce',
        'LinkNet': 'linknet_ce',
        'MotifNet+Focal': 'motifnet_focal',
        'LinkNet+Focal': 'linknet_focal',
        'KERN (no fine-tuning)': 'kern_ce',
        'KERN+CCE+Scorer': 'kern_cce_scorer',
        'MotifNet+CCE+Scorer': 'motifnet_cce_scorer',
        'LinkNet+CCE+Scorer': 'linknet_cce_scorer'
    },
    'table2': {
        'MotifNet': 'motifnet_ce',
        'MotifNet+CCE': 'motifnet_cce',
        'MotifNet+Scorer': 'motifnet_scorer',
        'MotifNet+CCE+Scorer': 'motifnet_cce_scorer',
        'MotifNet+CCE+Scorer w/o SA': 'motifnet_cce_scorer_wo_sa',
        'LinkNet': 'linknet_ce',
        'LinkNet+CCE': 'linknet_cce',
        'LinkNet+Scorer': 'linknet_scorer',
        'LinkNet+CCE+Scorer': 'linknet_cce_scorer',
        'LinkNet+CCE+Scorer w/o SA': 'linknet_cce_scorer_wo_sa',
        'KERN': 'kern_ce',
        'KERN+CCE': 'kern_cce',
        'KERN+CCE+Scorer': 'kern_cce_scorer',
        'KERN+CCE+Scorer w/o SA': 'kern_cce_scorer_wo_sa'
    }
}
TOPK = {'table1': ('20', '50', '100'), 'table2': ('20', '50', '100', 'all')}


@dataclass(frozen=True)
class Cell:
    """A config and a seed.

    Attributes:
        config: Name of the config.
        seed: Seed of the training.
        folder: Where its files are.
        options: Arguments of both tools, e.g. ``--cfg-options``.
    """
    config: str
    seed: int
    folder: Path
    options: tuple[str, ...] = ()

    @property
    def metrics(self) -> Path:
        return self.folder / 'metrics.json'

    @property
    def path(self) -> str:
        return str(ROOT / 'configs' / f'{self.config}.py')

    def run(self, environment: dict[str, str]) -> str:
        """Train and test, as far as that is not done; say how long it took.

        Raises:
            RuntimeError: If a tool fails, with the end of its output.
        """
        start = time.monotonic()
        if self.metrics.is_file():
            return f'{self.config}, seed {self.seed}: done before'
        self.folder.mkdir(parents=True, exist_ok=True)
        epochs = Config.fromfile(self.path).train_cfg.max_epochs
        checkpoint = self.folder / f'epoch_{epochs}.pth'
        options = ['--cfg-options', f'randomness.seed={self.seed}',
                   *self.options]
        if not checkpoint.is_file():
            self._call('train', environment, '--resume', *options)
        self._call('test', environment, *options, checkpoint=checkpoint)
        minutes = (time.monotonic() - start) / 60
        return f'{self.config}, seed {self.seed}: {minutes:.1f} min'

    def _call(self, tool: str, environment: dict[str, str],
              *arguments: str, checkpoint: Path | None = None) -> None:
        log = self.folder / f'{tool}.log'
        command = [sys.executable, str(ROOT / 'tools' / f'{tool}.py'),
                   self.path, *([] if checkpoint is None else
                                [str(checkpoint)]), '--work-dir',
                   str(self.folder), *arguments]
        with log.open('w') as file:
            state = subprocess.run(
                command, stdout=file, stderr=subprocess.STDOUT,
                env=environment).returncode
        if state:
            tail = '\n'.join(log.read_text().splitlines()[-20:])
            raise RuntimeError(f'{tail}\n\n{self.config}, seed {self.seed}: '
                               f'{tool} failed. All of it: {log}')


def make_cells(rows: dict[str, str], data: str, seeds: Sequence[int],
               out_dir: Path, options: Sequence[str]) -> list[Cell]:
    """The cells of a grid, those of cheap base models first."""
    names = sorted(
        {f'{config}_{data}' for config in rows.values()},
        key=lambda name: (COST.index(name.split('_')[0]), name))
    return [
        Cell(name, seed, out_dir / name / f'seed_{seed}', tuple(options))
        for name in names for seed in seeds
    ]


def read_paper(path: Path) -> dict[str, dict[str, str]]:
    """Published figures by method, empty if the file is not there."""
    if not path.is_file():
        return {}
    with path.open(newline='') as file:
        return {row.pop('method'): row for row in csv.DictReader(file)}


def table_rows(rows: dict[str, str], data: str, seeds: Sequence[int],
               out_dir: Path, paper: dict[str, dict[str, str]],
               topk: Sequence[str]) -> list[list[str]]:
    """Header and rows: mean, spread and published figure of each metric."""
    columns = [(task, k) for task in TASKS for k in topk]
    table = [['method', 'seeds'] + [
        f'{TITLES[task]} mR@{k}' for task, k in columns]]
    for method, config in rows.items():
        runs = []
        for seed in seeds:
            path = out_dir / f'{config}_{data}' / f'seed_{seed}/metrics.json'
            if path.is_file():
                runs.append(json.loads(path.read_text()))
        cells = []
        for task, k in columns:
            published = paper.get(method, {}).get(f'{task}_mR@{k}', '')
            cells.append(cell_text([run[f'{task}/mR@{k}'] for run in runs],
                                   published))
        table.append([method, str(len(runs)), *cells])
    return table


def cell_text(values: Sequence[float], published: str) -> str:
    """Mean, standard deviation of several seeds, and the paper's in brackets."""
    text = '-'
    if values:
        text = f'{statistics.fmean(values):.2f}'
        if len(values) > 1:
            text += f' ± {statistics.stdev(values):.2f}'
    return f'{text} ({published})' if published else text


def markdown(table: list[list[str]]) -> str:
    lines = ['| ' + ' | '.join(row) + ' |' for row in table]
    lines.insert(1, '|---|' + '--:|' * (len(table[0]) - 1))
    return '\n'.join(lines) + '\n'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--grid', choices=GRIDS, required=True)
    parser.add_argument(
        '--data', choices=('minivg', 'vrd', 'vg'), required=True)
    parser.add_argument('--seeds', type=int, nargs='+', default=[42])
    parser.add_argument(
        '--methods', nargs='+', help='some rows of the grid (default: all)')
    parser.add_argument(
        '--out-dir', type=Path, help='(default: work_dirs/ablation)',
        default=Path('work_dirs/ablation'))
    parser.add_argument(
        '--jobs', type=int, default=1,
        help='cells at once, which share the cores (default: 1)')
    parser.add_argument(
        '--paper', type=Path, default=ROOT.parent / 'shared/data/paper',
        help='folder of the published tables (default: %(default)s)')
    parser.add_argument(
        '--feature-cache', nargs='?', metavar='DIR',
        const='work_dirs/feature_cache',
        help="keep the detector's feature maps in DIR, for all cells to train "
        'on (default of DIR: %(const)s)')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[],
        help='settings of every cell: key=value')
    args = parser.parse_args()
    if args.feature_cache:
        args.cfg_options += [
            'default_hooks.feature_cache.type=FeatureCacheHook',
            f'default_hooks.feature_cache.root={args.feature_cache}'
        ]
    return args


def main() -> None:
    args = parse_args()
    console = Console()
    rows = GRIDS[args.grid]
    if args.methods:
        unknown = set(args.methods) - set(rows)
        if unknown:
            sys.exit(f'{args.grid} has {list(rows)}, not {sorted(unknown)}')
        rows = {method: rows[method] for method in args.methods}
    cells = make_cells(rows, args.data, args.seeds, args.out_dir,
                       args.cfg_options)
    cores = len(os.sched_getaffinity(0)) if hasattr(
        os, 'sched_getaffinity') else os.cpu_count() or 1
    environment = {**os.environ,
                   'OMP_NUM_THREADS': str(max(1, cores // args.jobs))}
    failures, start = [], time.monotonic()
    with ThreadPoolExecutor(args.jobs) as pool:
        # The first cell alone may have to train the detector.
        futures = []
        for i, cell in enumerate(cells):
            futures.append(pool.submit(cell.run, environment))
            if i == 0 and args.jobs > 1 and not detector_is_there(cell):
                futures[0].exception()
        for done, future in enumerate(futures, 1):
            error = future.exception()
            if error is not None:
                failures.append(str(error))
            minutes = (time.monotonic() - start) / 60
            left = minutes / done * (len(futures) - done)
            console.print(
                f'{done}/{len(futures)} {error or future.result()}; about '
                f'{math.ceil(left)} min left', markup=False)
    table = table_rows(rows, args.data, args.seeds, args.out_dir,
                       read_paper(args.paper / f'{args.grid}.csv'),
                       TOPK[args.grid])
    text = markdown(table)
    console.print(text, markup=False, soft_wrap=True)
    stem = args.out_dir / f'{args.grid}_{args.data}'
    with replacing(stem.with_suffix('.md')) as draft:
        draft.write_text(text)
    with replacing(stem.with_suffix('.csv')) as draft, draft.open(
            'w', newline='') as file:
        csv.writer(file, lineterminator='\n').writerows(table)
    console.print(f'{stem}.md, {stem}.csv; in brackets the paper, on Visual '
                  'Genome')
    if failures:
        sys.exit(f'{len(failures)} of {len(cells)} cells failed')


def detector_is_there(cell: Cell) -> bool:
    """Whether the weights that a cell starts from exist."""
    init_cfg = Config.fromfile(cell.path).model.detector.init_cfg
    return '://' in init_cfg.checkpoint or Path(init_cfg.checkpoint).is_file()


if __name__ == '__main__':
    main()
