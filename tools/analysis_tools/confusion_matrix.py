"""Draw the confusion matrix of the predicates (Fig. 5).

Reads ranks.npz of a folder that tools/test.py or eval_predictions.py wrote; the
test collects the predicted predicates. For another split, test on it:
--cfg-options test_dataloader.dataset.split=train. Writes PNG, PDF, and
the counts as CSV. Predicates are sorted by frequency in training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsgp.cli.errors import exit_on_user_error
from mmsgp.evaluation.functional import predicate_confusion
from mmsgp.evaluation.relation_ranks import RANKS_FILE, RelationRanks
from mmsgp.visualization import plot_confusion_matrix, save_figure


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('run', type=Path, help='folder of a test run')
    parser.add_argument('--task', default='predcls', help='(default: predcls)')
    parser.add_argument(
        '--out',
        help='the files without their ending (default: work_dirs/figures/confusion_matrix_TASK)',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        ranks = RelationRanks.load(args.run / RANKS_FILE).sorted_by_frequency()
        counts = predicate_confusion(ranks, args.task)
    paths = save_figure(
        plot_confusion_matrix(ranks.names, counts),
        args.out or f'work_dirs/figures/confusion_matrix_{args.task}',
        ['annotated', 'no prediction', *ranks.names],
        ([name, *row] for name, row in zip(ranks.names, counts.tolist())),
    )
    print(*paths, sep='\n')


if __name__ == '__main__':
    main()
