"""Kill trainings at random, cut their power or fill their disk, and resume them.

    python tests/faults/kill_and_resume.py FOLDER --kills 100 --cuts 50 --full 20

On a machine with a GPU put ``CUDA_VISIBLE_DEVICES=`` before it: forked processes cannot
use one.

A killed training is resumed, and may be killed again. It must end as the
uninterrupted one: equal weights, state of the optimizer and schedulers, best
checkpoint and log of validations, and no unfinished file. A power cut leaves synced
files, and some of the later changes of file names. A full disk accepts no more data;
when there is room again, the training is resumed.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

from mmengine.fileio import LocalBackend
from toy_training import (
    KINDS,
    ToyMetric,
    ToyModel,
    differences,
    outcome,
    start,
    wait,
    write_config,
)

from mmsgp.testing import make_vg_data

MOMENTS = ('step', 'validation', 'file', 'half a file', 'time')


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fill_disk() -> None:
    """Forbid any further writing to files."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


class Accident:
    """Calls a function at the n-th of some moments of a process."""

    def __init__(self, moment: str, number: int, happen: Callable[[], None] = kill) -> None:
        self.moment, self.left, self.happen = moment, number, happen

    def tick(self) -> None:
        self.left -= 1
        if not self.left:
            self.happen()

    def before(self, owner: type, name: str) -> None:
        """Count the calls of a method."""
        original = getattr(owner, name)

        def counted(*args, **kwargs):
            self.tick()
            return original(*args, **kwargs)

        setattr(owner, name, counted)

    def half_a_file(self) -> None:
        """Count the checkpoints, and write only half of the last one."""
        original = LocalBackend.put

        def put(backend, obj, filepath):
            if self.left == 1:
                obj = obj[: len(obj) // 2]
            original(backend, obj, filepath)
            self.tick()

        LocalBackend.put = put

    def __call__(self) -> None:
        if self.moment == 'step':
            self.before(ToyModel, 'train_step')
        elif self.moment == 'validation':
            self.before(ToyMetric, 'process')
            self.before(ToyMetric, 'compute_metrics')
        elif self.moment == 'half a file':
            self.half_a_file()
        elif self.moment == 'file':
            self.before(os, 'fsync')
            sys.addaudithook(self._on_file)

    def _on_file(self, event: str, args: tuple) -> None:
        if event in ('os.rename', 'os.remove') or (
            event == 'open' and args[1] and 'w' in str(args[1])
        ):
            self.tick()


def kill_trial(rng: random.Random, config: Path, work_dir: Path, seconds: float) -> str:
    """Kill a training one to three times, then let it end.

    Returns:
        str: The moments of the kills.
    """
    moments, arguments = [], []
    while True:
        moment = rng.choice(MOMENTS)
        number = rng.randint(1, dict(step=20, validation=14, file=150).get(moment, 9))
        pid = start(config, work_dir, *arguments, prepare=Accident(moment, number))
        if moment == 'time':
            time.sleep(rng.uniform(0, seconds))
            os.kill(pid, signal.SIGKILL)
        code = wait(pid)
        moments.append(f'{moment} {number}' if moment != 'time' else moment)
        if code not in (0, -signal.SIGKILL):
            raise RuntimeError(f'{moments}: exit code {code}')
        arguments = ['--resume']
        if len(moments) == 3 or rng.random() < 0.7:
            break
    code = wait(start(config, work_dir, '--resume'))
    if code:
        raise RuntimeError(f'{moments}: not resumed, exit code {code}')
    return ', '.join(moments)


def full_trial(rng: random.Random, config: Path, work_dir: Path) -> str:
    """Fill the disk while a training runs; make room and resume it.

    Returns:
        str: The moment.
    """
    moment, number = rng.choice([('step', 20), ('file', 150), ('validation', 14)])
    number = rng.randint(1, number)
    wait(start(config, work_dir, prepare=Accident(moment, number, fill_disk)))
    code = wait(start(config, work_dir, '--resume'))
    if code:
        raise RuntimeError(f'full at {moment} {number}: not resumed, exit code {code}')
    return f'{moment} {number}'


class Recorder:
    """Records what a training does to the files of its work directory."""

    def __init__(self, work_dir: Path, target: Path) -> None:
        self.work_dir, self.target = str(work_dir), target
        self.journal = []

    def __call__(self) -> None:
        fsync = os.fsync

        def recorded(handle: int) -> None:
            fsync(handle)
            path = os.readlink(f'/proc/self/fd/{handle}')
            if path == self.work_dir:
                self.note('sync names')
            elif os.path.dirname(path) == self.work_dir and os.path.isfile(path):
                with open(path, 'rb') as file:
                    self.note('sync', os.path.basename(path), file.read())

        os.fsync = recorded
        sys.addaudithook(self._on_file)

    def note(self, *entry) -> None:
        self.journal.append(entry)
        with open(self.target, 'ab') as file:
            pickle.dump(entry, file)

    def _on_file(self, event: str, args: tuple) -> None:
        names = [
            os.path.basename(str(arg))
            for arg in args[:2]
            if os.path.dirname(str(arg)) == self.work_dir
        ]
        if event == 'os.rename' and len(names) == 2:
            self.note('rename', *names)
        elif event == 'os.remove' and names:
            self.note('remove', names[0])
        elif event == 'open' and names and 'w' in str(args[1]):
            self.note('open', names[0])


def read_journal(path: Path) -> list[tuple]:
    journal = []
    with path.open('rb') as file:
        while True:
            try:
                journal.append(pickle.load(file))
            except EOFError:
                return journal


def after_cut(journal: list[tuple], kept: int) -> dict[str, bytes]:
    """Compute the files that are on the disk after a power cut.

    Args:
        journal: Entries until the cut.
        kept: Number of name changes after the last sync that are on the disk.
    """
    last_sync = max((i for i, entry in enumerate(journal) if entry[0] == 'sync names'), default=-1)
    contents, names = {}, {}  # by number of the file; numbers by name
    on_disk = {}
    for i, (action, *args) in enumerate(journal):
        if action == 'open':  # writing begins: the content is lost until the next sync
            names.setdefault(args[0], i)
            contents[names[args[0]]] = b''
        elif action == 'sync':
            contents[names.setdefault(args[0], i)] = args[1]
        elif action == 'rename':
            names[args[1]] = names.pop(args[0])
        elif action == 'remove':
            names.pop(args[0], None)
        if i <= last_sync:
            on_disk = dict(names)
        elif action != 'sync' and kept > 0:
            kept -= 1
            on_disk = dict(names)
    return {name: contents[number] for name, number in on_disk.items()}


def cut_trial(rng: random.Random, journal: list[tuple], config: Path, work_dir: Path) -> str:
    """Resume from the files that a power cut leaves.

    Returns:
        str: The moment.
    """
    end = rng.randint(0, len(journal))
    kept = rng.choice([0, 1, 2, 3, len(journal)])
    work_dir.mkdir()
    for name, content in after_cut(journal[:end], kept).items():
        (work_dir / name).write_bytes(content)
    code = wait(start(config, work_dir, '--resume'))
    if code:
        raise RuntimeError(
            f'cut at {end} of {len(journal)}, {kept} names more: not resumed, exit code {code}'
        )
    return f'cut at {end} of {len(journal)}'


def check(work_dir: Path, expected: dict, parts: tuple[str, ...]) -> None:
    """Compare the files of two trainings."""
    found = outcome(work_dir, 'validations' in parts)
    for part in parts:
        different = differences(expected[part], found[part], part)
        if different:
            raise RuntimeError(f'{different[:3]}')


def prepare(folder: Path, kind: str, keep: int, workers: int) -> dict:
    """Run and record an uninterrupted training."""
    name = f'{kind.replace(" ", "_")}_{keep}_{workers}'
    config = write_config(folder / f'{name}.py', folder / 'data', kind, keep, workers)
    work_dir, journal = folder / name, folder / f'{name}.journal'
    begin = time.monotonic()
    code = wait(start(config, work_dir, prepare=Recorder(work_dir, journal)))
    if code:
        sys.exit(Path(f'{work_dir}.txt').read_text()[-2000:])
    return dict(
        name=name,
        config=config,
        seconds=time.monotonic() - begin,
        expected=outcome(work_dir),
        journal=read_journal(journal),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--kills', type=int, default=100)
    parser.add_argument('--cuts', type=int, default=50)
    parser.add_argument('--full', type=int, default=20)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--variants', type=int, default=9, help='kinds of training (default: all 9)'
    )
    args = parser.parse_args()
    rng = random.Random(args.seed)
    folder = args.folder.resolve()
    make_vg_data(folder / 'data', num_train=10, with_images=False)
    variants = list(product(KINDS, (1, 2, -1)))
    rng.shuffle(variants)
    variants = [prepare(folder, kind, keep, workers=0) for kind, keep in variants[: args.variants]]
    passed, failed = Counter(), []
    trials = ['kills'] * args.kills + ['cuts'] * args.cuts + ['full'] * args.full
    for number, trial in enumerate(trials):
        variant = variants[number % len(variants)]
        work_dir = folder / f'{trial}_{number}'
        try:
            if trial == 'kills':
                kill_trial(rng, variant['config'], work_dir, variant['seconds'])
                check(
                    work_dir,
                    variant['expected'],
                    ('last', 'best', 'checkpoints', 'validations', 'drafts'),
                )
            elif trial == 'full':
                full_trial(rng, variant['config'], work_dir)
                check(work_dir, variant['expected'], ('last', 'best', 'checkpoints', 'drafts'))
            else:
                cut_trial(rng, variant['journal'], variant['config'], work_dir)
                check(work_dir, variant['expected'], ('last', 'best', 'drafts'))
            passed[trial] += 1
            shutil.rmtree(work_dir)
        except (RuntimeError, OSError, ValueError) as error:
            failed.append(f'{work_dir.name}, {variant["name"]}: {error}')
            print(failed[-1], flush=True)
    print(
        'ended as the uninterrupted run: '
        f'{passed["kills"]} of {args.kills} killed, '
        f'{passed["cuts"]} of {args.cuts} whose power was cut, '
        f'{passed["full"]} of {args.full} whose disk was full'
    )
    return len(failed)


if __name__ == '__main__':
    sys.exit(main())
