"""From what is kept of single images to the ranks of a data set."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .relation_ranks import RelationRanks, TaskRanks


def collect_ranks(results: Sequence[dict],
                  names: Sequence[str],
                  train_counts: Sequence[int] | None = None,
                  ng_limit: int = 100) -> RelationRanks:
    """The ranks of all images in flat arrays.

    Args:
        results (Sequence[dict]): What ``SceneGraphMetric.process`` keeps.
        names (Sequence[str]): R predicate names.
        train_counts (Sequence[int], optional): R numbers of training
            relations.
        ng_limit (int): Predictions that were ranked without the graph
            constraint.

    Raises:
        ValueError: If there is no relation, images were not treated alike, or
            a predicate has no name.
    """
    sizes = [result['table'].shape[1] for result in results]
    if not sum(sizes):
        raise ValueError(
            f'None of the {len(results)} evaluated images has an annotated '
            'relation, so recall is undefined. Check the split and the '
            'annotation file of the evaluated data set.')
    # An image without relations has no columns.
    filled = [result for result, size in zip(results, sizes) if size]
    layout = _common_rows(filled)
    for result in filled:
        missing = sorted(set(layout) - set(result['layout']))
        if missing:
            other = next(r for r in filled if missing[0] in r['layout'])
            raise ValueError(
                f"{name_of(result['key'])} lacks {missing}, which "
                f"{name_of(other['key'])} has; expected the same tasks and "
                'fields for all.')
        given = result['table'][result['layout'].index('predicate')]
        if not 1 <= given.min() <= given.max() <= len(names):
            raise ValueError(
                f'Annotated predicates {given.min()}..{given.max()} of '
                f"{name_of(result['key'])} lie outside 1..{len(names)}. Do "
                'the annotations and the list of predicate names belong to '
                'the same data set?')
    columns = [r['table'][[r['layout'].index(row) for row in layout]]
               for r in filled]
    rows = dict(zip(layout, np.concatenate(columns, axis=1)))
    tasks = {}
    for row in layout:
        if '/' in row:
            task, kind = row.split('/')
            tasks.setdefault(task, {})[kind] = rows[row]
    return RelationRanks(
        image_ids=np.array([str(result['key'][0]) for result in results]),
        images=np.repeat(np.arange(len(results)), sizes),
        predicates=rows['predicate'].astype(np.int64),
        first_of_pair=rows['first_of_pair'].astype(bool),
        unseen=rows['unseen'].astype(bool) if 'unseen' in rows else None,
        tasks={task: TaskRanks(**ranks) for task, ranks in tasks.items()},
        names=tuple(names),
        train_counts=train_counts,
        ng_limit=ng_limit)


def _common_rows(results: Sequence[dict]) -> tuple[str, ...]:
    """Rows that all images must have.

    An image without predictions for a task always has ranks without the graph
    constraint; where other images lack them they are left out.
    """
    layouts = dict.fromkeys(result['layout'] for result in results)
    rows = dict.fromkeys(row for layout in layouts for row in layout)
    return tuple(row for row in rows if not row.endswith('/unconstrained')
                 or all(row in layout for layout in layouts))


def image_key(sample: dict) -> tuple:
    """What tells an image of a data set from the others."""
    return tuple(
        sample.get(field) for field in ('img_id', 'img_path', 'sample_idx'))


def name_of(key: tuple) -> str:
    return f'image {key[0]} ({key[1]})'


def once(results: Sequence[dict]) -> list[dict]:
    """Images without those that occurred before; all that have no id."""
    unique = {}
    for i, result in enumerate(results):
        known = any(value is not None for value in result['key'])
        unique.setdefault(result['key'] if known else i, result)
    return list(unique.values())
