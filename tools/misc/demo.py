"""The whole toolbox on MiniVG: data, detector, two models, tests, pictures.

Each stage is a command that can be run by hand; a stage whose result is there
already is skipped. Outputs lie in work_dirs/, pictures in work_dirs/demo/.
"""
from __future__ import annotations

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

REPOSITORY = Path(__file__).resolve().parents[2]
WORK_DIRS = Path('work_dirs')
OUT_DIR = WORK_DIRS / 'demo'
DETECTOR = 'faster_rcnn_vgg16_minivg'
MODELS = {
    'cross-entropy': 'motifnet_ce_minivg',
    'CCE + Scorer': 'motifnet_cce_scorer_minivg',
}
# "Epoch(train) [3][ 50/250]", "Epoch(test) [ 50/500]"
STEP = re.compile(r'Epoch\((\w+)\)\s+(?:\[(\d+)\])?\[\s*(\d+)/(\d+)\]')
TAIL_LINES = 30

@dataclass
class Stage:
    """Commands of the demo that lead to a file.

    Attributes:
        title: What they do.
        commands: Arguments of Python, a list each; the first is the long one.
        result: The file that is there once they are done.
        weight: Their share of the demo's time, for the time left.
        epochs: Number of epochs if the first trains.
    """
    title: str
    commands: list[list[str]]
    result: Path
    weight: float
    epochs: int = 1

    def fraction(self, line: str) -> float | None:
        """How far the first command is, from a line of its log."""
        match = STEP.search(line)
        if match is None or match[1] == 'val':
            return None
        step = int(match[3]) / int(match[4])
        return (int(match[2] or 1) - 1 + step) / self.epochs


def config_path(name: str) -> str:
    return str(REPOSITORY / 'configs' / f'{name}.py')


def tool(name: str) -> str:
    return str(REPOSITORY / 'tools' / f'{name}.py')


def training(title: str, config: str, weight: float) -> Stage:
    """Training of a config into its work directory; it can be resumed."""
    work_dir = WORK_DIRS / config
    epochs = Config.fromfile(config_path(config)).train_cfg.max_epochs
    command = [
        tool('train'), config_path(config), '--work-dir',
        str(work_dir), '--resume'
    ]
    return Stage(title, [command], work_dir / f'epoch_{epochs}.pth', weight,
                 epochs)


def make_stages() -> list[Stage]:
    """The stages in their order."""
    data = Stage('generating MiniVG',
                 [[tool('dataset_converters/minivg'), 'data/minivg']],
                 Path('data/minivg/image_data.json'), 0.05)
    detector = training('pre-training the detector', DETECTOR, 0.35)
    weights = WORK_DIRS / DETECTOR / 'detector.pth'
    detector.commands.append([
        tool('model_converters/publish_model'),
        str(detector.result), str(weights)
    ])
    detector.result = weights
    stages = [data, detector]
    for name, config in MODELS.items():
        trained = training(f'training MotifNet with {name}', config, 0.2)
        work_dir = trained.result.parent
        test = [
            tool('test'), config_path(config), str(trained.result),
            '--work-dir', str(work_dir)
        ]
        stages += [
            trained,
            Stage(f'testing MotifNet with {name}', [test],
                  work_dir / 'metrics.json', 0.08)
        ]
    draw = [
        tool('misc/draw_predictions'), config_path(config),
        str(trained.result), '--out-dir', str(OUT_DIR)
    ]
    stages.append(
        Stage('drawing parsed test scenes', [draw], OUT_DIR / 'scene_5.png',
              0.02))
    return stages


def run(stage: Stage, log_file: Path, update: Callable[[float], None]) -> None:
    """Run a stage, its output to a file, its progress to ``update``."""
    with log_file.open('w') as log:
        for command in stage.commands:
            process = subprocess.Popen([sys.executable, *command],
                                       stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT,
                                       text=True)
            for line in process.stdout:
                log.write(line)
                log.flush()
                fraction = stage.fraction(line)
                if fraction is not None:
                    update(fraction)
            if process.wait() != 0:
                tail = log_file.read_text().splitlines()[-TAIL_LINES:]
                sys.exit('\n'.join(tail) + f'\n\n{stage.title} failed; its '
                         f'whole output lies in {log_file}. `make demo` goes '
                         'on from here')


def run_stages(stages: list[Stage], console: Console) -> None:
    """Run what has no result yet, with one bar and the time left."""
    OUT_DIR.mkdir(parents=True, exist_ok=True)
    pending = [stage for stage in stages if not stage.result.is_file()]
    for stage in stages:
        if stage not in pending:
            console.print(f'{stage.title}: done before ({stage.result})')
    columns = (TextColumn('{task.description}'), BarColumn(bar_width=20),
               TaskProgressColumn(), TimeElapsedColumn(), TextColumn('left:'),
               TimeRemainingColumn())
    with Progress(
            *columns, console=console,
            speed_estimate_period=300) as progress:
        bar = progress.add_task(
            '', total=sum(stage.weight for stage in pending))
        done = 0.0
        for number, stage in enumerate(pending, 1):
            title = f'[{number}/{len(pending)}] {stage.title}'
            progress.update(bar, description=title)
            log_file = OUT_DIR / f'{stage.title.replace(" ", "_")}.log'
            start = time.monotonic()
            run(
                stage, log_file, lambda fraction, done=done, stage=stage:
                progress.update(bar, completed=done + fraction * stage.weight))
            done += stage.weight
            progress.update(bar, completed=done)
            progress.console.print(
                f'{title}: {time.monotonic() - start:.0f} s', markup=False)


def main() -> None:
    console = Console()
    start = time.monotonic()
    run_stages(make_stages(), console)
    work_dirs = [str(WORK_DIRS / config) for config in MODELS.values()]
    subprocess.run([
        sys.executable, tool('analysis_tools/compare'), *work_dirs, '--names',
        *MODELS
    ], check=True)
    console.print(f'{(time.monotonic() - start) / 60:.1f} minutes. Parsed test '
                  f'scenes: {OUT_DIR}/scene_*.png')


if __name__ == '__main__':
    main()
