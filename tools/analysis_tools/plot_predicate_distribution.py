"""Draw how often each predicate is annotated in training (Fig. 1a).

Writes PNG, PDF, and the numbers as CSV.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from mmengine.registry import init_default_scope

from mmsgp.cli.arguments import positive
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.engine.config_file import read_config_file
from mmsgp.registry import DATASETS
from mmsgp.reporting.per_class_recall import read_runs
from mmsgp.visualization import plot_predicate_distribution, save_figure


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'source', help='config, whose training data are counted; or folder of a test run'
    )
    parser.add_argument(
        '--num-predicates',
        type=positive,
        metavar='N',
        help='draw only the N most frequent (default: all)',
    )
    parser.add_argument(
        '--out',
        help='the files without their ending (default: %(default)s)',
        default='work_dirs/figures/predicate_distribution',
    )
    return parser.parse_args()


def count_predicates(source: str) -> tuple[list[str], np.ndarray]:
    """Return names and numbers of relations, the most frequent first."""
    if not source.endswith('.py'):
        # All its tables have the same counts.
        tables = sorted(Path(source).glob('per_class_recall_*.csv'))
        task = tables[0].stem.removeprefix('per_class_recall_') if tables else 'predcls'
        (table,) = read_runs([source], task, 'all').values()
        return list(table.predicates), table.train_counts
    cfg = read_config_file(source)
    init_default_scope(cfg.default_scope)
    meta = DATASETS.build(cfg.train_dataloader.dataset).metainfo
    counts = np.array(meta['predicate_train_counts'])
    order = np.argsort(-counts, kind='stable')
    return [meta['predicates'][i] for i in order], counts[order]


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        predicates, counts = count_predicates(args.source)
    shown = slice(args.num_predicates)
    paths = save_figure(
        plot_predicate_distribution(predicates[shown], counts[shown]),
        args.out,
        ['predicate', 'train_count', 'share'],
        zip(predicates, counts.tolist(), (counts / counts.sum()).tolist()),
    )
    print(*paths, sep='\n')


if __name__ == '__main__':
    main()
