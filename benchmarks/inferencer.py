"""Parse a folder of images: SceneGraphInferencer compared with tools/test.py.

The same model of a MiniVG config parses the same test images of MiniVG (SGGen)
alternately; graphs are compared before times. The time of tools/test.py is that of
its loop over the images without metrics; both include reading the images. Without a
checkpoint, weights are random and up to 20 objects are detected.

    python benchmarks/inferencer.py [--checkpoint FILE] [--images 100]
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from pathlib import Path

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

from mmsgp.apis import SceneGraphInferencer
from mmsgp.checkpoint.config_text import parse_config_text
from mmsgp.checkpoint.loading import load_checkpoint_file, load_trained_model
from mmsgp.testing.models import write_random_checkpoint

RANDOM_OBJECTS = 20


class Collector(Hook):
    """Keeps the paths, the best relations and the seconds of the loop."""

    def before_test_epoch(self, runner) -> None:
        self.relations = {}
        self.start = time.perf_counter()

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=()) -> None:
        for sample in outputs:
            relations = sample.pred_scene_graphs['sggen'].relations[:100]
            self.relations[sample.img_path] = torch.cat(
                [relations.pairs, relations.labels[:, None]], dim=1
            ).tolist()
        self.seconds = time.perf_counter() - self.start


def make_runner(
    checkpoint: Path, batch_size: int, num_images: int, work_dir: str
) -> tuple[Runner, Collector]:
    """The test of the first images, as tools/test.py --tasks sggen runs it."""
    text = load_checkpoint_file(str(checkpoint), 'cpu')['meta']['cfg']
    cfg = parse_config_text(text, str(checkpoint))
    cfg.merge_from_dict(
        {
            'work_dir': work_dir,
            'log_level': 'ERROR',
            'model.test_tasks': ('sggen',),
            'test_dataloader.batch_size': batch_size,
            'test_dataloader.dataset.indices': num_images,
        }
    )
    runner = Runner.from_cfg(cfg)
    load_trained_model(runner, str(checkpoint))
    collector = Collector()
    runner.register_hook(collector)
    return runner, collector


def compare(checkpoint: Path, batch_size: int, num_images: int, rounds: int) -> tuple[float, float]:
    """Measure the best seconds of test and of the inferencer."""
    with tempfile.TemporaryDirectory() as folder:
        runner, collector = make_runner(checkpoint, batch_size, num_images, folder)
        inferencer = SceneGraphInferencer(
            weights=checkpoint,
            device=str(next(runner.model.parameters()).device),
            show_progress=False,
        )
        images = Path(folder, 'images')
        images.mkdir()
        best = [float('inf')] * 2
        for _ in range(rounds):
            runner.test()
            for path in collector.relations:
                link = images / Path(path).name
                if not link.exists():
                    link.symlink_to(Path(path).resolve())
            start = time.perf_counter()
            graphs = inferencer(images, batch_size=batch_size)['predictions']
            seconds = time.perf_counter() - start
            assert_same(collector.relations, graphs)
            best = [min(best[0], collector.seconds), min(best[1], seconds)]
    return best[0], best[1]


def assert_same(relations: dict[str, list], graphs: list[dict]) -> None:
    """Check that the best relations per image are equal; near ties may swap."""
    by_name = {Path(path).name: value for path, value in relations.items()}
    assert len(graphs) == len(by_name)
    differing = 0
    for graph in graphs:
        rows = [[r['subject'], r['object'], r['label']] for r in graph['relations']]
        differing += rows != by_name[Path(graph['image']).name]
    # In another batch, rounding differs in the last digit.
    assert differing <= 0.1 * len(graphs), f'{differing} graphs differ'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--checkpoint', type=Path)
    parser.add_argument('--images', type=int, default=100)
    parser.add_argument('--batch-sizes', type=int, nargs='+', default=[1, 8])
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    table = Table(title=f'{args.images} images, {torch.get_num_threads()} threads')
    for column in ('batch size', 'test (ms per image)', 'inferencer', 'ratio'):
        table.add_column(column, justify='right')
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = args.checkpoint or write_random_checkpoint(
            Path(folder, 'random.pth'), max_objects=RANDOM_OBJECTS
        )
        for batch_size in args.batch_sizes:
            test, inferencer = compare(checkpoint, batch_size, args.images, args.rounds)
            ratio = inferencer / test
            table.add_row(
                str(batch_size),
                f'{1e3 * test / args.images:.1f}',
                f'{1e3 * inferencer / args.images:.1f}',
                f'{ratio:.2f}',
            )
            results[batch_size] = dict(test=test, inferencer=inferencer, ratio=ratio)
    Console().print(table)
    print(json.dumps(results))


if __name__ == '__main__':
    main()
