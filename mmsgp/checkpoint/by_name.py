"""Carry weights over to a model with other classes or predicates, by name.

Shape shorthand: C object classes, R predicates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn

from mmsgp.registry import MODELS

# The number in a config that each kind of name decides.
KINDS = {'classes': 'num_classes', 'predicates': 'num_predicates'}
Names = Mapping[str, Sequence[str]]


class NamedAxis(NamedTuple):
    """An axis of a tensor that has rows for each class, or for each predicate.

    Attributes:
        kind: ``'classes'`` or ``'predicates'``.
        repeat: Rows per name, e.g. 4 for the offsets of a box.
        others: Rows that belong to no name. Those of classes come last
            (background, start of a sequence), those of predicates first (unknown).
    """

    kind: str
    repeat: int
    others: int

    def rows(self, own: Sequence[str], found: Sequence[str]) -> tuple[list[int], list[int]]:
        """List the rows to write, and the rows of the same names to read them from."""
        targets, sources = [], []
        for target, name in enumerate(own):
            if name in found:
                targets += self._block(target)
                sources += self._block(found.index(name))
        for rows, names in ((targets, own), (sources, found)):
            start = 0 if self.kind == 'predicates' else self.repeat * len(names)
            rows += range(start, start + self.others)
        return targets, sources

    def size(self, names: Sequence[str]) -> int:
        """The length of the axis for some names."""
        return self.repeat * len(names) + self.others

    def _block(self, index: int) -> range:
        start = self.repeat * index + (self.others if self.kind == 'predicates' else 0)
        return range(start, start + self.repeat)


def named_axes(cfg: ConfigDict, names: Names) -> dict[str, dict[int, NamedAxis]]:
    """Find the axes of a model's tensors whose lengths follow from C or R.

    The model is built without memory, as it is and with one more class or predicate;
    the axes that grow are those with rows of the names.

    Args:
        cfg: Config of a detector or parser, with the numbers of ``names``.
        names: ``classes`` and, of a parser, ``predicates``.

    Returns:
        dict: The named axes, by number, of each tensor that has some.
    """
    sizes = {KINDS[kind]: len(names[kind]) for kind in KINDS if names.get(kind)}
    own = _shapes(_with_sizes(cfg, sizes))
    axes: dict[str, dict[int, NamedAxis]] = {}
    for kind, key in KINDS.items():
        if key not in sizes:
            continue
        grown = _shapes(_with_sizes(cfg, {**sizes, key: sizes[key] + 1}))
        for name, shape in own.items():
            for axis, (size, larger) in enumerate(zip(shape, grown[name])):
                repeat = larger - size
                if repeat:
                    others = size - repeat * sizes[key]
                    axes.setdefault(name, {})[axis] = NamedAxis(kind, repeat, others)
    return axes


def _with_sizes(value: object, sizes: Mapping[str, int]) -> object:
    """Copy a config; its numbers of classes and predicates become those in ``sizes``.

    Debiasing is left out: its other numbers may have to fit these.
    """
    if isinstance(value, Mapping):
        return ConfigDict(
            {
                key: sizes.get(key) or _with_sizes(item, sizes)
                for key, item in value.items()
                if key != 'debiasing'
            }
        )
    if isinstance(value, (list, tuple)):
        return type(value)(_with_sizes(item, sizes) for item in value)
    return value


def _shapes(cfg: ConfigDict) -> dict[str, tuple[int, ...]]:
    with torch.device('meta'):
        model = MODELS.build(cfg)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def holds_all(found: Names, own: Names, kind: str = 'classes') -> bool:
    """Whether all own names are among those that were found."""
    return set(own.get(kind) or ()) <= set(found.get(kind) or ())


@torch.no_grad()
def carry_over(
    model: nn.Module,
    axes: Mapping[str, Mapping[int, NamedAxis]],
    weights: Mapping[str, Tensor],
    found: Names,
    own: Names,
    source: str,
) -> list[str]:
    """Copy weights into a model; of named axes the rows of shared names.

    Buffers with rows of names are statistics of a training set and are not copied, nor is
    debiasing, whose weights are in the order of the frequencies there.

    Args:
        model: It has the statistics of its own training set already.
        axes: Result of :func:`named_axes`.
        weights: Tensors by their names in the model.
        found: Names that the weights were trained with.
        own: Names of the model.
        source: The checkpoint, for error messages.

    Returns:
        list[str]: Tensors of the model that keep their initial values.

    Raises:
        ValueError: If a shape differs in more than the numbers of names.
    """
    buffers = {name for name, _ in model.named_buffers()}
    missing = []
    for name, target in model.state_dict().items():
        named = axes.get(name, {})
        debiases = 'debiasing' in name.split('.')
        if (named or debiases) and name in buffers:
            continue
        if debiases or name not in weights:
            missing.append(name)
            continue
        shape = tuple(
            named[axis].size(found[named[axis].kind]) if axis in named else size
            for axis, size in enumerate(target.shape)
        )
        if tuple(weights[name].shape) != shape:
            raise ValueError(
                f'{source}: {name!r} has the shape {tuple(weights[name].shape)}, but {shape} '
                'fits the configured model: only the names of classes and predicates may '
                'differ; use the config that it was trained with, with your data set'
            )
        if not named:
            target.copy_(weights[name])
            continue
        targets, sources = zip(
            *(
                named[axis].rows(own[named[axis].kind], found[named[axis].kind])
                if axis in named
                else (range(size), range(size))
                for axis, size in enumerate(shape)
            )
        )
        target[_grid(targets)] = weights[name][_grid(sources)].to(target)
    return missing


def _grid(rows: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
    """Indices of the elements in some rows of each axis."""
    indices = (torch.tensor(list(axis), dtype=torch.long) for axis in rows)
    return torch.meshgrid(*indices, indexing='ij')
