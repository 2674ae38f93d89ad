"""Draw the recall of each predicate in one or more runs (Fig. 1b).

A run is the folder of a test, or FILE.csv:COLUMN for a column of a table with
the columns predicate and train_count. Writes PNG, PDF, and the numbers as CSV.
"""

from __future__ import annotations

import argparse

from mmsgp.cli.arguments import add_figure_arguments
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.reporting.per_class_recall import read_runs
from mmsgp.structures.tasks import TASK_TITLES
from mmsgp.visualization import plot_per_class_recall, save_figure


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', nargs='+', metavar='RUN')
    add_figure_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        tables = {
            name: table.most_frequent(args.num_predicates)
            for name, table in read_runs(args.runs, args.task, args.topk, args.names).items()
        }
    first = next(iter(tables.values()))
    recalls = {name: table.recall for name, table in tables.items()}
    title = TASK_TITLES.get(args.task, args.task)
    paths = save_figure(
        plot_per_class_recall(first.predicates, recalls, f'{title} recall@{args.topk}'),
        args.out or f'work_dirs/figures/per_class_recall_{args.task}',
        ['predicate', 'train_count', *recalls],
        zip(
            first.predicates,
            first.train_counts.tolist(),
            *(recall.tolist() for recall in recalls.values()),
        ),
    )
    print(*paths, sep='\n')


if __name__ == '__main__':
    main()
