"""Draw R@K against mR@K over tau, the strength of logit adjustment in tests.

Reads one file of predictions with all predicates of all pairs, without the model:

    tools/test.py CONFIG CHECKPOINT --out FILE --cfg-options
        test_evaluator.ng_limit=1000000

Choose tau on validation images (test_dataloader.dataset.split=val). Writes PNG, PDF,
CSV and JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from rich.progress import track

from mmsgp.cli.arguments import threshold
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.evaluation import PredictionFile, RelationRanks
from mmsgp.evaluation.distributions import adjusted, distribution_of
from mmsgp.evaluation.functional import evaluate_task
from mmsgp.evaluation.image_matching import ImageMatcher
from mmsgp.evaluation.presets import PRESETS, get_preset
from mmsgp.structures.tasks import TASK_TITLES
from mmsgp.utils.files import replacing
from mmsgp.visualization import plot_tradeoff, save_figure


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('predictions', help='file of tools/test.py --out, see above')
    parser.add_argument(
        '--tau',
        type=float,
        nargs='+',
        default=[round(0.1 * i, 1) for i in range(11)],
        help='(default: 0 to 1 in steps of 0.1)',
    )
    parser.add_argument('--topk', type=threshold, default=100, help='(default: 100)')
    parser.add_argument('--preset', choices=PRESETS, default='mmsgp', help='(default: mmsgp)')
    parser.add_argument(
        '--out',
        default='work_dirs/figures/sweep_tau',
        help='the files without their ending (default: %(default)s)',
    )
    args = parser.parse_args()
    args.tau = sorted(set(args.tau))
    return args


def log_frequencies(predictions: PredictionFile, path: str) -> np.ndarray:
    """Return the log-shares of the predicates in training.

    Raises:
        ValueError: If the file does not have their numbers.
    """
    counts = predictions.meta.get('predicate_train_counts')
    if not counts or not any(counts):
        raise ValueError(
            f"{path} has no 'predicate_train_counts', which imported predictions lack: test "
            'the model with tools/test.py --out'
        )
    return np.log(np.maximum(counts, 1) / np.sum(counts))


def sweep(args: argparse.Namespace) -> dict[float, dict[str, float]]:
    """Return R@K and mR@K of each task by tau."""
    predictions = PredictionFile(args.predictions, rank_by='probability')
    frequency = log_frequencies(predictions, args.predictions)
    match = ImageMatcher(0.5, 100, with_ng=False, preset=get_preset(args.preset))
    images = {tau: [] for tau in args.tau}
    for sample in track(predictions, 'Matching', len(predictions), transient=True):
        graphs = sample['pred_scene_graphs']
        tables = {
            task: distribution_of(
                graph, len(frequency), f'{args.predictions}: {task} of image {sample["img_id"]}'
            )
            for task, graph in graphs.items()
        }
        for tau, matched in images.items():
            changed = {
                task: adjusted(graph, tables[task], frequency, tau)
                for task, graph in graphs.items()
            }
            matched.append(match({**sample, 'pred_scene_graphs': changed}))
    results = {}
    for tau, matched in images.items():
        ranks = RelationRanks.concatenate(
            matched, predictions.meta['predicates'], preset=args.preset
        )
        results[tau] = {
            f'{task}/{name}': 100 * float(value)
            for task in ranks.tasks
            for name, value in evaluate_task(
                ranks, task, (args.topk,), ('R', 'mR', 'F')
            ).values.items()
        }
    return results


def run(args: argparse.Namespace) -> None:
    results = sweep(args)
    tasks = list(dict.fromkeys(key.split('/')[0] for key in next(iter(results.values()))))
    curves, rows = {}, []
    for task in tasks:
        points = [
            (tau, *(values[f'{task}/{name}@{args.topk}'] for name in ('mR', 'R')))
            for tau, values in results.items()
        ]
        curves[TASK_TITLES[task]] = points
        rows += [(task, *point) for point in points]
    paths = save_figure(
        plot_tradeoff(curves, args.topk),
        args.out,
        ['task', 'tau', f'mR@{args.topk}', f'R@{args.topk}'],
        rows,
    )
    path = Path(f'{args.out}.json')
    with replacing(path) as draft:
        draft.write_text(json.dumps({str(tau): v for tau, v in results.items()}, indent=2) + '\n')
    for task in tasks:
        best = max(results, key=lambda tau: results[tau][f'{task}/F@{args.topk}'])
        values = ', '.join(
            f'{name}@{args.topk} {results[best][f"{task}/{name}@{args.topk}"]:.2f}'
            for name in ('R', 'mR', 'F')
        )
        print(f'{task}: tau {best:g} has the largest F: {values}')
    print(*paths, path, sep='\n')


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        run(args)


if __name__ == '__main__':
    main()
