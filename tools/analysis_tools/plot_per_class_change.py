"""Draw the change of each predicate's recall between two runs (Fig. 4).

A run is the folder of a test, or FILE.csv:COLUMN for a column of a table with
the columns predicate and train_count. Writes PNG, PDF, and the numbers as CSV.
"""

from __future__ import annotations

import argparse

from mmsgp.cli.arguments import add_figure_arguments
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.reporting.per_class_recall import read_runs
from mmsgp.structures.tasks import TASK_TITLES
from mmsgp.visualization import plot_per_class_change, save_figure


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('first', metavar='RUN')
    parser.add_argument('second', metavar='RUN')
    add_figure_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        tables = read_runs([args.first, args.second], args.task, args.topk, args.names)
    first, second = (table.most_frequent(args.num_predicates) for table in tables.values())
    label = f'{TASK_TITLES.get(args.task, args.task)} recall@{args.topk}, from {{}} to {{}}'.format(
        *tables
    )
    paths = save_figure(
        plot_per_class_change(first.predicates, first.recall, second.recall, label),
        args.out or f'work_dirs/figures/per_class_change_{args.task}',
        ['predicate', 'train_count', *tables, 'difference'],
        zip(
            first.predicates,
            first.train_counts.tolist(),
            first.recall.tolist(),
            second.recall.tolist(),
            (second.recall - first.recall).tolist(),
        ),
    )
    print(*paths, sep='\n')


if __name__ == '__main__':
    main()
