"""Score saved predictions again, without the model and its data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmsgp.cli.arguments import add_recall_arguments
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.evaluation import PredictionFile, SceneGraphMetric
from mmsgp.evaluation.presets import PRESETS
from mmsgp.structures.ranking import RANKINGS
from mmsgp.utils.progress import Progress
from mmsgp.utils.unwritten import collecting_unwritten


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('predictions', help='file of tools/test.py --out')
    parser.add_argument(
        '--out-dir',
        help='folder for metrics.json, the tables and ranks.npz (default: none are written)',
    )
    parser.add_argument(
        '--preset',
        choices=PRESETS,
        default='mmsgp',
        help="protocol of a publication (default: mmsgp, the toolbox's own)",
    )
    parser.add_argument(
        '--zero-shot-file',
        metavar='FILE',
        help="SGB's zeroshot_triplet.pytorch: triplets that count as unseen",
    )
    parser.add_argument('--iou-thr', type=float, default=0.5)
    parser.add_argument(
        '--rank-by',
        choices=RANKINGS,
        help='list the relations in this order (default: as the model did)',
    )
    add_recall_arguments(parser)
    parser.add_argument('--no-classwise', action='store_true', help='print no tables of predicates')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        run(args)


def run(args: argparse.Namespace) -> None:
    predictions = PredictionFile(args.predictions, args.rank_by)
    metric = SceneGraphMetric(
        iou_thr=args.iou_thr,
        topk=args.topk,
        metric=args.metrics,
        groups=args.groups,
        ng_limit=predictions.ng_limit,
        classwise=not args.no_classwise,
        output_dir=args.out_dir,
        preset=args.preset,
        zero_shot_file=args.zero_shot_file,
    )
    if metric.with_ng and metric.ng_limit > predictions.ng_limit:
        raise ValueError(
            f'{args.predictions} keeps {predictions.ng_limit} predictions '
            'per image without graph constraint: K must not be larger, '
            f'but is {metric.ng_limit}. Choose other --topk, or --metrics '
            'without ng-'
        )
    metric.dataset_meta = predictions.meta
    with Progress('matching', len(predictions)) as progress:
        for sample in predictions:
            metric.process({}, [sample])
            progress.advance()
    with collecting_unwritten() as unwritten:
        metric.evaluate(len(predictions))
    if unwritten:
        sys.exit('these files could not be written: ' + ', '.join(unwritten))
    if args.out_dir is not None:
        print(f'Results: {Path(args.out_dir).resolve()}')


if __name__ == '__main__':
    main()
