"""Checks of the names of classes and predicates.

Shape shorthand: C object classes, R predicates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from mmdet.datasets.transforms import RandomFlip

from mmsgp.datasets.graph_annotations import SPLITS
from mmsgp.datasets.transforms import LoadRelations, SceneGraphRandomFlip
from mmsgp.datasets.transforms.flip import unpaired_predicates, words
from mmsgp.registry import TRANSFORMS, names_subclass

from .data import CheckedData
from .findings import WARNING, Finding, some

# Words by which other toolkits say that two objects are not related.
NO_RELATION = {
    'none', 'no', 'null', 'nil', 'na', 'n a', 'nan', 'background', 'bg', 'no relation',
    'norelation', 'no rel', 'no predicate', 'no interaction', 'unrelated', 'not related',
    'nothing', 'negative', 'unknown', 'undefined', 'empty',
}  # fmt: skip
BACKGROUND = {'background', 'bg', 'no object', 'none', 'null', 'nothing'}


def check_names(data: CheckedData) -> Iterator[Finding]:
    """Names that mean nothing, or the same."""
    annotations = data.annotations
    counts = np.bincount(annotations.relations[:, 2], minlength=len(annotations.predicates) + 1)
    for number, name in enumerate(annotations.predicates, 1):
        if ' '.join(words(name)) in NO_RELATION:
            share = 100 * counts[number] / max(counts.sum(), 1)
            yield Finding(
                'no_relation_predicate', WARNING, int(counts[number]),
                f'the predicate {name!r} (number {number}, {share:.0f} % of the relations) seems '
                'to say that two objects are not related. It would be learnt and counted as a '
                'relation: remove it and its relations, pairs without one need no annotation',
            )  # fmt: skip
    for number, name in enumerate(annotations.classes, 1):
        if ' '.join(words(name)) in BACKGROUND:
            yield Finding(
                'background_class', WARNING, 1,
                f'the class {name!r} (number {number}) seems to be the background, which the '
                'detector adds itself: remove it and its boxes',
            )  # fmt: skip
    for kind in ('classes', 'predicates'):
        names = getattr(annotations, kind)
        alike = Counter(map(words, names))
        same = [name for name in names if alike[words(name)] > 1]
        if same:
            yield Finding(
                'similar_names', WARNING, len(same),
                f'{len(same)} {kind} differ only in capitals or separators: join those that mean '
                'the same',
                some(same),
            )  # fmt: skip


def check_use(data: CheckedData) -> Iterator[Finding]:
    """Classes and predicates that training never shows."""
    annotations = data.annotations
    is_train = annotations.splits == SPLITS.index('train')
    if not is_train.any():  # a finding of its own
        return
    for kind, values, image_of in (
        ('classes', annotations.labels, annotations.image_of_box),
        ('predicates', annotations.relations[:, 2] - 1, annotations.image_of_relation),
    ):
        names = getattr(annotations, kind)
        # a wrong label is the reader's finding
        valid = (values >= 0) & (values < len(names))
        in_train, elsewhere = (
            np.bincount(values[valid & (is_train[image_of] == which)], minlength=len(names))
            for which in (True, False)
        )
        unused = (in_train == 0) & (elsewhere == 0)
        for check, rows, what in (
            (f'unused_{kind}', unused, f'{kind} occur nowhere: leave them out of the names'),
            (
                f'untrained_{kind}',
                (in_train == 0) & ~unused,
                f'{kind} occur only in validation or test, and cannot be learnt: their recall is '
                '0. Split the images anew',
            ),
        ):
            if rows.any():
                message = f'{rows.sum()} of {len(names)} {what}'
                yield Finding(check, WARNING, int(rows.sum()), message, some(names, rows))


def check_labels(data: CheckedData) -> Iterator[Finding]:
    """Classes of boxes without a name."""
    annotations = data.annotations
    wrong = (annotations.labels < 0) | (annotations.labels >= len(annotations.classes))
    if wrong.any():
        found = np.unique(annotations.labels[wrong])[:5].tolist()
        yield Finding(
            'classes_without_name', 'error', int(wrong.sum()),
            f'{wrong.sum()} boxes have a class that has no name, e.g. {found}: expected '
            f'0 .. {len(annotations.classes) - 1}',
            some([data.names[i] for i in annotations.image_of_box[wrong][:5]]),
        )  # fmt: skip


def check_flips(data: CheckedData) -> Iterator[Finding]:
    """Predicates of one side that a flip of the image makes wrong."""
    for place, pipeline in data.pipelines.items():
        if not _has(pipeline, LoadRelations):
            continue
        for i, step in enumerate(pipeline):
            if step.get('prob', 0.5) and names_subclass(step['type'], TRANSFORMS, RandomFlip):
                own = names_subclass(step['type'], TRANSFORMS, SceneGraphRandomFlip)
                yield from _check_flip(data, step, f'{place}.{i}', own)


def _check_flip(data: CheckedData, step: dict, place: str, own: bool) -> Iterator[Finding]:
    predicates = data.annotations.predicates
    swaps = step.get('swap_predicates') if own else []
    try:
        unpaired = unpaired_predicates(
            predicates, None if swaps is None else tuple(map(tuple, swaps))
        )
    except ValueError as error:
        yield Finding('swap_predicates', 'error', 1, str(error))
        return
    if unpaired and not step.get('unpaired'):
        advice = (
            f'set --cfg-options {place}.unpaired=no_flip (such images are not flipped), or '
            '=keep if the word is no direction, or swap_predicates'
            if own
            else 'take SceneGraphRandomFlip, which swaps them'
        )
        yield Finding(
            'one_sided_predicates', WARNING, len(unpaired),
            f'{step["type"]} mirrors images, but {len(unpaired)} predicates with left or right '
            f'have no partner that they become: {advice}',
            some(unpaired),
        )  # fmt: skip


def _has(pipeline: Sequence[dict], kind: type) -> bool:
    return any(names_subclass(step['type'], TRANSFORMS, kind) for step in pipeline)
