"""Run the whole toolbox on MiniVG: data, detector, two models, tests, pictures.

Each stage is a command that you can also run yourself; a stage is skipped if its
result exists. Outputs are in work_dirs/, pictures in work_dirs/demo/.
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

from mmsgp.datasets.minivg.generate import MARKER, holds_minivg
from mmsgp.reporting.jobs import Job, JobFailed, run_jobs, sharing_cores
from mmsgp.structures.tasks import TASKS
from mmsgp.utils.progress import Progress

REPOSITORY = Path(__file__).resolve().parents[2]
WORK_DIRS = Path('work_dirs')
OUT_DIR = WORK_DIRS / 'demo'
SCENES = OUT_DIR / 'scenes'
DATA_DIR = Path('data/minivg')
DETECTOR = 'faster_rcnn_vgg16_minivg'
MODELS = {
    'cross-entropy': 'motifnet_ce_minivg',
    'CCE + Scorer': 'motifnet_cce_scorer_minivg',
}
# "rendering images: 24 % (120 of 500) in 0:30"
SHARE = re.compile(r': (\d+) % ')
# "Epoch(train) [3][ 50/250]", "Epoch(test) [ 50/500]"
STEP = re.compile(r'Epoch\((\w+)\)\s+(?:\[(\d+)\])?\[\s*(\d+)/(\d+)\]')


@dataclass(frozen=True)
class Run(Job):
    """A command of the demo.

    Attributes:
        epochs: Number of epochs of a training.
    """

    epochs: int = 1

    def fraction(self) -> float:
        """Read the finished share of the command from its log."""
        text = self.log.read_text()
        steps = [step for step in STEP.findall(text) if step[0] != 'val']
        if not steps:
            return int((SHARE.findall(text) or [0])[-1]) / 100
        _, epoch, done, total = steps[-1]
        return (int(epoch or 1) - 1 + int(done) / int(total)) / self.epochs


def run_of(name: str, tool: str, *arguments: str, epochs: int = 1) -> Run:
    """A tool's run with a log of this name."""
    command = [sys.executable, tool_path(tool), *arguments]
    return Run(name, command, OUT_DIR / f'{name}.log', epochs=epochs)


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
        return all(result.is_file() for result in self.results) and self.is_current()


def config_path(name: str) -> str:
    return str(REPOSITORY / 'configs' / f'{name}.py')


def tool_path(name: str) -> str:
    return str(REPOSITORY / 'tools' / f'{name}.py')


def train(config: str) -> tuple[Run, Path]:
    """Return the training of a config, resumed if interrupted, and its result."""
    epochs = Config.fromfile(config_path(config)).train_cfg.max_epochs
    run = run_of(
        f'train_{config}',
        'train',
        config_path(config),
        '--work-dir',
        str(WORK_DIRS / config),
        '--resume',
        # The demo uses the last epoch, whatever the best one is.
        '--cfg-options',
        f'train_cfg.val_interval={epochs}',
        epochs=epochs,
    )
    return run, WORK_DIRS / config / f'epoch_{epochs}.pth'


def test(config: str, checkpoint: Path) -> tuple[Run, Path]:
    """Return the test of a checkpoint on all tasks, and its result."""
    work_dir = OUT_DIR / config
    run = run_of(
        f'test_{config}', 'test', config_path(config), str(checkpoint), '--work-dir', str(work_dir)
    )
    return run, work_dir / 'metrics.json'


def draw(config: str, checkpoint: Path) -> tuple[Run, Path]:
    """Pictures of the first test scenes, and the file that comes last."""
    work_dir = OUT_DIR / 'draw'
    run = run_of(
        'draw',
        'test',
        config_path(config),
        str(checkpoint),
        '--work-dir',
        str(work_dir),
        '--tasks',
        'sgcls',
        '--show-dir',
        str(SCENES.resolve()),
        '--cfg-options',
        'test_dataloader.dataset.indices=6',
        'visualizer.topk=8',
    )
    return run, work_dir / 'metrics.json'


def make_stages() -> list[Stage]:
    """List the stages in their order."""
    detector, detector_checkpoint = train(DETECTOR)
    weights = WORK_DIRS / DETECTOR / 'detector.pth'
    trained = [train(config) for config in MODELS.values()]
    tested = [test(config, checkpoint) for config, (_, checkpoint) in zip(MODELS.values(), trained)]
    drawing, drawn = draw(MODELS['CCE + Scorer'], trained[-1][1])
    return [
        Stage(
            'generating MiniVG',
            [run_of('minivg', 'dataset_converters/minivg', str(DATA_DIR))],
            [DATA_DIR / MARKER],
            0.05,
            lambda: holds_minivg(DATA_DIR),
        ),
        Stage('pre-training the detector', [detector], [detector_checkpoint], 0.36),
        Stage(
            'publishing the detector',
            [
                run_of(
                    'publish',
                    'model_converters/publish_model',
                    str(detector_checkpoint),
                    str(weights),
                )
            ],
            [weights],
            0.01,
        ),
        Stage(
            'training MotifNet with cross-entropy, and with CCE + Scorer',
            *map(list, zip(*trained)),
            0.45,
        ),
        Stage('testing both', *map(list, zip(*tested)), 0.11),
        Stage('drawing parsed test scenes', [drawing], [drawn], 0.02),
    ]


def run(stage: Stage, update: Callable[[float], None]) -> None:
    """Run a stage; write its output to files and its progress to ``update``.

    Raises:
        SystemExit: If a command fails. The message is the end of its output.
    """
    try:
        run_jobs(
            stage.runs,
            sharing_cores(len(stage.runs)),
            lambda: update(min(job.fraction() for job in stage.runs)),
        )
    except JobFailed as error:
        sys.exit(f'{error}; `make demo` goes on from here')


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
    console.print(f'logs: {OUT_DIR}/*.log')
    total = sum(stage.weight for stage in pending) or 1
    with Progress('', console=console) as progress:
        before = 0.0
        for number, stage in enumerate(pending, 1):
            title = f'{number}/{len(pending)} {stage.title}'
            progress.update(before / total, 1, title)
            start = time.monotonic()
            run(
                stage,
                lambda fraction, before=before, stage=stage: progress.update(
                    (before + fraction * stage.weight) / total
                ),
            )
            before += stage.weight
            console.print(f'{title}: {time.monotonic() - start:.0f} s')


def main() -> None:
    console = Console()
    start = time.monotonic()
    run_stages(make_stages(), console)
    work_dirs = [str(OUT_DIR / config) for config in MODELS.values()]
    subprocess.run(
        [
            sys.executable,
            tool_path('analysis_tools/compare'),
            *work_dirs,
            '--names',
            *MODELS,
            '--tasks',
            *TASKS,
            '--metrics',
            'mR',
            'R',
        ],
        check=True,
    )
    console.print(f'{(time.monotonic() - start) / 60:.1f} minutes. Parsed test scenes: {SCENES}')


if __name__ == '__main__':
    main()
