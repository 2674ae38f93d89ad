"""Train and test a grid of models, and print it with the paper's figures.

A cell is a config and a seed: it is trained by tools/train.py and tested on all
tasks by tools/test.py, into OUT_DIR/CONFIG/seed_N. Existing results are kept,
and an interrupted training continues. The detector is trained once and shared.
Cells of cheap base models come first. The table has every row of the grid, also
those of earlier runs with the same settings that --methods leaves out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

from mmengine.config import Config
from rich.console import Console

from mmsgp.cli.arguments import SettingsAction
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.engine.folder_lock import locked
from mmsgp.reporting.grid_table import csv_rows, markdown, read_paper, summarise
from mmsgp.reporting.grids import COST, GRIDS, METRICS, TOPK, VARIANTS, available
from mmsgp.reporting.jobs import Job, run_jobs, sharing_cores
from mmsgp.reporting.run_settings import RunSettings, check_folders
from mmsgp.utils.files import replacing, write_csv
from mmsgp.utils.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
# One cell at a time trains in a folder.
_TRAINING: defaultdict[str, Lock] = defaultdict(Lock)


@dataclass(frozen=True)
class Cell:
    """A config and a seed.

    Attributes:
        config: Name of the config.
        seed: Seed of the training.
        folder: Where its files are.
        options: Settings that affect the results, ``key=value``.
        cache: Settings that do not.
        variant: How the trained model is tested, one of ``VARIANTS``; empty: as it is.
    """

    config: str
    seed: int
    folder: Path
    options: tuple[str, ...] = ()
    cache: tuple[str, ...] = ()
    variant: str = ''

    @property
    def metrics(self) -> Path:
        return self.folder / self.variant / 'metrics.json'

    @property
    def checkpoint(self) -> Path:
        return self.folder / f'epoch_{self.cfg.train_cfg.max_epochs}.pth'

    @cached_property
    def start(self) -> Cell | None:
        """Cell of the same seed whose model this one starts from.

        A config that starts from another one's checkpoint names its file,
        ``load_from='work_dirs/CONFIG/epoch_N.pth'``.
        """
        if not self.cfg.get('load_from'):
            return None
        name = Path(self.cfg.load_from).parent.name
        folder = self.folder.parents[1] / name / self.folder.name
        return Cell(name, self.seed, folder, self.options, self.cache)

    @property
    def path(self) -> str:
        return str(ROOT / 'configs' / f'{self.config}.py')

    @cached_property
    def cfg(self) -> Config:
        """Config with the options merged in."""
        parser = argparse.ArgumentParser()
        parser.add_argument('--options', nargs='*', action=SettingsAction)
        cfg = Config.fromfile(self.path)
        cfg.merge_from_dict(parser.parse_args(['--options', *self.options]).options)
        return cfg

    @cached_property
    def settings(self) -> RunSettings:
        """Settings that its results were made with."""
        return RunSettings(self.folder / 'settings.json', self.cfg)

    def read_metrics(self) -> dict[str, float]:
        """Read the results; empty if there are none.

        Raises:
            ValueError: If they cannot be read, or have other settings.
        """
        if not self.metrics.is_file():
            return {}
        if self.settings.differ():
            raise ValueError(f'{self.folder} has other settings')
        try:
            return dict(json.loads(self.metrics.read_text()))
        except ValueError as error:
            raise ValueError(
                f'{self.metrics} cannot be read ({error}): delete it to test again'
            ) from error

    def run(self, environment: dict[str, str]) -> str:
        """Train and test unless it is done; return a line with the time taken.

        Raises:
            JobFailed: If a tool fails, with the end of its output.
        """
        start = time.monotonic()
        if self.metrics.is_file():
            return f'{self.config}, seed {self.seed}: done before'
        self.train(environment)
        options = [*self._options, *VARIANTS.get(self.variant, ())]
        self._call('test', environment, *options, checkpoint=self.checkpoint)
        minutes = (time.monotonic() - start) / 60
        return f'{self.config}, seed {self.seed}: {minutes:.1f} min'

    def train(self, environment: dict[str, str]) -> None:
        """Train unless it is done, and first the cell that it starts from.

        Raises:
            JobFailed: If the tool fails, with the end of its output.
        """
        options = self._options
        if self.start is not None:
            self.start.train(environment)
            options = [*options, f'load_from={self.start.checkpoint}']
        with _TRAINING[str(self.folder)]:  # several cells may start from this one
            self.settings.keep()
            if not self.checkpoint.is_file():
                self._call('train', environment, '--resume', *options)

    @property
    def _options(self) -> list[str]:
        return ['--cfg-options', f'randomness.seed={self.seed}', *self.options, *self.cache]

    def _call(
        self,
        tool: str,
        environment: dict[str, str],
        *arguments: str,
        checkpoint: Path | None = None,
    ) -> None:
        folder = self.folder if checkpoint is None else self.metrics.parent
        command = [sys.executable, str(ROOT / 'tools' / f'{tool}.py'), self.path]
        command += [*([] if checkpoint is None else [str(checkpoint)]), '--work-dir', str(folder)]
        name = f'{self.config}, seed {self.seed}: {tool}'
        run_jobs([Job(name, [*command, *arguments], folder / f'{tool}.log')], environment)


def make_cells(rows: dict[str, str], args: argparse.Namespace) -> list[Cell]:
    """Make the cells of a grid, those of cheap base models first."""
    parts = {config.partition('+')[::2] for config in rows.values()}  # config, variant
    names = ((f'{config}_{args.data}', variant) for config, variant in parts)
    names = sorted(names, key=lambda name: (COST.index(name[0].split('_')[0]), name))
    cache = (
        ()
        if args.feature_cache is None
        else (
            'default_hooks.feature_cache.type=FeatureCacheHook',
            f'default_hooks.feature_cache.root={args.feature_cache}',
        )
    )
    return [
        Cell(
            name,
            seed,
            args.out_dir / name / f'seed_{seed}',
            tuple(args.cfg_options),
            cache,
            variant,
        )
        for name, variant in names
        for seed in args.seeds
    ]


def wait_for_detector(cell: Cell, future: Future, progress: Progress) -> bool:
    """Wait until a cell has trained the detector; False if it failed."""
    if cell.metrics.is_file() or cell.settings.has_detector():
        return True
    while not cell.settings.has_detector():
        if future.done():
            return future.exception() is None
        wait([future], timeout=1)
        progress.update(0, title='cells, training the detector')
    cell.settings.keep()  # with this detector
    return True


def run_cells(cells: Sequence[Cell], jobs: int, console: Console) -> list[str]:
    """Run the cells that are not done; return the errors."""
    environment = sharing_cores(jobs)
    failures = []
    progress = Progress('cells', len(cells), console=console)
    with ThreadPoolExecutor(jobs) as pool, progress:
        try:
            futures = []
            for cell in cells:
                futures.append(pool.submit(cell.run, environment))
                if not wait_for_detector(cell, futures[-1], progress):
                    break
            progress.update(0, len(futures), 'cells')
            for done, future in enumerate(futures, 1):
                while not future.done():
                    wait([future], timeout=1)
                    progress.update(done - 1)
                error = future.exception()
                if error is not None:
                    failures.append(str(error))
                console.print(f'{done}/{len(futures)} {error or future.result()}', markup=False)
                progress.update(done)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def read_results(cells: Sequence[Cell], console: Console) -> list[dict]:
    """Read the metrics of a row's cells; print which are left out, and why."""
    runs = []
    for cell in cells:
        try:
            runs.append(cell.read_metrics())
        except (OSError, ValueError) as error:
            console.print(f'left out: {error}', markup=False)
    return runs


def collect(
    rows: dict[str, str],
    args: argparse.Namespace,
    paper: dict[str, dict[str, str]],
    console: Console,
) -> dict[str, list[dict]]:
    """Collect the entries of each row, task by task."""
    return {
        method: summarise(
            read_results(make_cells({method: config}, args), console),
            TOPK[args.grid],
            paper.get(method, {}),
            METRICS.get(args.grid, ('mR',)),
        )
        for method, config in rows.items()
    }


# One statement per argument.
# fmt: off
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
        help='number of cells at once, sharing the cores (default: 1)')
    parser.add_argument(
        '--paper', type=Path, default=ROOT / 'docs/paper',
        help='folder of the published tables (default: %(default)s)')
    parser.add_argument(
        '--feature-cache', nargs='?', metavar='DIR',
        const='work_dirs/feature_cache',
        help="keep the detector's feature maps in DIR and train all cells on "
        'them (default of DIR: %(const)s)')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[],
        help='settings of every cell: key=value')
    args = parser.parse_args()
    args.seeds = list(dict.fromkeys(args.seeds))  # a run counts once
    if args.jobs < 1:
        parser.error(f'--jobs must be at least 1, got {args.jobs}')
    for option in args.cfg_options:
        if '=' not in option:
            parser.error(f'--cfg-options takes key=value, got {option!r}')
    return args
# fmt: on


def main() -> None:
    args = parse_args()
    console = Console()
    rows = available(GRIDS[args.grid], args.data, ROOT / 'configs')
    methods = args.methods or list(rows)
    unknown = set(methods) - set(rows)
    if unknown:
        sys.exit(f'{args.grid} has {list(rows)}, not {sorted(unknown)}')
    cells = make_cells({method: rows[method] for method in methods}, args)
    with ExitStack() as stack:
        with exit_on_user_error():
            stack.enter_context(locked(args.out_dir))
            check_folders(cells, make_cells(rows, args))
        run_grid(cells, rows, args, console)


def run_grid(
    cells: Sequence[Cell], rows: dict[str, str], args: argparse.Namespace, console: Console
) -> None:
    """Run the cells that are not done, print the table and write it."""
    failures = run_cells(cells, args.jobs, console)
    paper = read_paper(args.paper / f'{args.grid}.csv')
    table = collect(rows, args, paper, console)
    text = markdown(table)
    console.print(text, markup=False, soft_wrap=True)
    stem = args.out_dir / f'{args.grid}_{args.data}'
    with exit_on_user_error():
        with replacing(stem.with_suffix('.md')) as draft:
            draft.write_text(text)
        write_csv(stem.with_suffix('.csv'), csv_rows(table))
    console.print(
        f'{stem}.md, {stem}.csv'
        + (
            '; in brackets the paper, on Visual Genome'
            if paper
            else f'; no published figures: {args.paper} has no {args.grid}.csv, see --paper'
        ),
        markup=False,
        soft_wrap=True,
    )
    if failures:
        sys.exit(f'{len(failures)} of {len(cells)} cells failed')


if __name__ == '__main__':
    main()
