"""Run the whole toolbox on MiniVG: data, detector, two models, tests, pictures.

Each stage is a command that you can also run yourself; a stage is skipped if its
result exists. Outputs are in work_dirs/, pictures in work_dirs/demo/.
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mmsgp.datasets.minivg.generate import MARKER, holds_minivg
from mmsgp.structures.tasks import TASKS

REPOSITORY = Path(__file__).resolve().parents[2]
WORK_DIRS = Path('work_dirs')
OUT_DIR = WORK_DIRS / 'demo'
DATA_DIR = Path('data/minivg')
DETECTOR = 'faster_rcnn_vgg16_minivg'
MODELS = {
    'cross-entropy': 'motifnet_ce_minivg',
    'CCE + Scorer': 'motifnet_cce_scorer_minivg',
}
# "Epoch(train) [3][ 50/250]", "Epoch(test) [ 50/500]"
STEP = re.compile(r'Epoch\((\w+)\)\s+(?:\[(\d+)\])?\[\s*(\d+)/(\d+)\]')
TAIL_LINES = 30


@dataclass
class Run:
    """A command of the demo.

    Attributes:
        command: Arguments of Python.
        log: The file of its output.
        epochs: Number of epochs of a training.
    """
    command: list[str]
    log: Path
    epochs: int = 1

    def fraction(self) -> float:
        """Read the finished share of the command from its log."""
        steps = [step for step in STEP.findall(self.log.read_text())
                 if step[0] != 'val']
        if not steps:
            return 0.0
        _, epoch, done, total = steps[-1]
        return (int(epoch or 1) - 1 + int(done) / int(total)) / self.epochs


@dataclass
class Stage:
    """Commands of the demo that run at the same time.

    Attributes:
        title: Title for the progress bar.
        runs: The commands; they share the cores.
        results: Files that exist when the commands are done.
        weight: The stage's share of the demo's time, to estimate the time left.
        is_current: Whether existing results belong to this demo.
    """
    title: str
    runs: list[Run]
    results: list[Path]
    weight: float
    is_current: Callable[[], bool] = lambda: True

    @property
    def done(self) -> bool:
        return all(result.is_file()
                   for result in self.results) and self.is_current()


def config_path(name: str) -> str:
    return str(REPOSITORY / 'configs' / f'{name}.py')


def tool(name: str) -> str:
    return str(REPOSITORY / 'tools' / f'{name}.py')


def train(config: str) -> tuple[Run, Path]:
    """Return the training of a config, resumed if interrupted, and its result."""
    epochs = Config.fromfile(config_path(config)).train_cfg.max_epochs
    command = [
        tool('train'), config_path(config), '--work-dir',
        str(WORK_DIRS / config), '--resume'
    ]
    return (Run(command, OUT_DIR / f'train_{config}.log', epochs),
            WORK_DIRS / config / f'epoch_{epochs}.pth')


def test(config: str, checkpoint: Path) -> tuple[Run, Path]:
    """Return the test of a checkpoint on all tasks, and its result."""
    work_dir = OUT_DIR / config
    command = [
        tool('test'), config_path(config), str(checkpoint), '--work-dir',
        str(work_dir)
    ]
    return (Run(command, OUT_DIR / f'test_{config}.log'),
            work_dir / 'metrics.json')


def make_stages() -> list[Stage]:
    """List the stages in their order."""
    detector, detector_checkpoint = train(DETECTOR)
    weights = WORK_DIRS / DETECTOR / 'detector.pth'
    trained = [train(config) for config in MODELS.values()]
    tested = [
        test(config, checkpoint)
        for config, (_, checkpoint) in zip(MODELS.values(), trained)
    ]
    drawn = [
        tool('misc/draw_predictions'), config_path(MODELS['CCE + Scorer']),
        str(trained[-1][1]), '--out-dir', str(OUT_DIR)
    ]
    return [
        Stage('generating MiniVG', [
            Run([tool('dataset_converters/minivg'), str(DATA_DIR)],
                OUT_DIR / 'minivg.log')
        ], [DATA_DIR / MARKER], 0.05,
              lambda: holds_minivg(DATA_DIR)),
        Stage('pre-training the detector', [detector], [detector_checkpoint],
              0.36),
        Stage('publishing the detector', [
            Run([
                tool('model_converters/publish_model'),
                str(detector_checkpoint), str(weights)
            ], OUT_DIR / 'publish.log')
        ], [weights], 0.01),
        Stage('training MotifNet with cross-entropy, and with CCE + Scorer',
              *map(list, zip(*trained)), 0.45),
        Stage('testing both', *map(list, zip(*tested)), 0.11),
        Stage('drawing parsed test scenes',
              [Run(drawn, OUT_DIR / 'draw.log')], [OUT_DIR / 'scene_5.png'],
              0.02),
    ]


def num_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(stage: Stage, update: Callable[[float], None]) -> None:
    """Run a stage; write its output to files and its progress to ``update``.

    Raises:
        SystemExit: If a command fails. The message is the end of its output.
    """
    threads = max(1, num_cores() // len(stage.runs))
    environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)}
    processes = []
    for job in stage.runs:
        with job.log.open('w') as log:
            processes.append(
                subprocess.Popen([sys.executable, *job.command],
                                 stdout=log,
                                 stderr=subprocess.STDOUT,
                                 env=environment))
    try:
        while None in (states := [p.poll() for p in processes]):
            if any(states):  # one has failed
                break
            time.sleep(0.5)
            update(min(job.fraction() for job in stage.runs))
    finally:
        for process in processes:
            process.terminate()
    for state, job in zip(states, stage.runs):
        if state not in (0, None):
            tail = job.log.read_text().splitlines()[-TAIL_LINES:]
            sys.exit('\n'.join(tail) + f'\n\n{stage.title}: failed. The whole '
                     f'output is in {job.log}; `make demo` continues from here')


def run_stages(stages: list[Stage], console: Console) -> None:
    """Run the stages without result, with one bar and the time left."""
    OUT_DIR.mkdir(parents=True, exist_ok=True)
    first = next((i for i, s in enumerate(stages) if not s.done), len(stages))
    for stage in stages[:first]:
        console.print(f'already done: {stage.title}')
    # Results after the first stage to run are out of date.
    pending = stages[first:]
    for stage in pending[1:]:
        for result in stage.results:
            result.unlink(missing_ok=True)
            if result.suffix == '.pth':  # nothing to resume from
                (result.parent / 'last_checkpoint').unlink(missing_ok=True)
    columns = (TextColumn('{task.description}'), BarColumn(bar_width=20),
               TaskProgressColumn(), TimeElapsedColumn(), TextColumn('left:'),
               TimeRemainingColumn())
    with Progress(
            *columns, console=console,
            speed_estimate_period=300) as progress:
        bar = progress.add_task('', total=sum(s.weight for s in pending))
        before = 0.0
        for number, stage in enumerate(pending, 1):
            title = f'{number}/{len(pending)} {stage.title}'
            progress.update(bar, description=title)
            start = time.monotonic()
            run(
                stage, lambda fraction, before=before, stage=stage: progress.
                update(bar, completed=before + fraction * stage.weight))
            before += stage.weight
            progress.update(bar, completed=before)
            progress.console.print(
                f'{title}: {time.monotonic() - start:.0f} s')


def main() -> None:
    console = Console()
    start = time.monotonic()
    run_stages(make_stages(), console)
    work_dirs = [str(OUT_DIR / config) for config in MODELS.values()]
    subprocess.run([
        sys.executable, tool('analysis_tools/compare'), *work_dirs, '--names',
        *MODELS, '--tasks', *TASKS, '--metrics', 'mR', 'R'
    ], check=True)
    console.print(f'{(time.monotonic() - start) / 60:.1f} minutes. Parsed test '
                  f'scenes: {OUT_DIR}/scene_*.png')


if __name__ == '__main__':
    main()
