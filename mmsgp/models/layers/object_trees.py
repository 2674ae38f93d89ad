"""A binary tree over the objects of each image, laid out level by level.

Shape shorthand: N objects of a batch, B images, T objects of the fullest image, K relatives
of an object, J objects that it is a relative of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import full_precision


class Trees(NamedTuple):
    """Binary trees of a batch, by the index of each object's relatives, -1 without one."""

    parent: Tensor  # (N,)
    left: Tensor  # (N,), first child of the spanning tree
    right: Tensor  # (N,), next sibling of the spanning tree
    depth: Tensor  # (N,), 0 is a root


@torch.no_grad()
def grow_trees(scores: Tensor, valid: Tensor) -> Trees:
    """Grow maximum spanning trees and make them binary.

    The root has the largest mean ``sigmoid(score)``. Then the object with the highest score
    to an object of the tree is attached to it, until all are (Prim's algorithm). In the
    binary tree, an object's left child is its first child, its right child the next child
    of its parent, in the order in which they were attached. Of equal scores the first
    object wins. All images grow at the same time, one object per step. Source: VCTree (Tang
    et al., 2019).

    Args:
        scores: (B, T, T), symmetric.
        valid: (B, T), bool, False at padding, which follows an image's objects.

    Returns:
        Trees: On the CPU.
    """
    scores, valid = full_precision(scores.cpu()), valid.cpu()
    pairs = valid[:, None, :] & valid[:, :, None] & ~torch.eye(valid.shape[1], dtype=torch.bool)
    roots = (scores.sigmoid() * pairs).sum(dim=2).masked_fill(~valid, -1).argmax(dim=1)
    # Padding comes last. NumPy takes a fraction of PyTorch's time for such small steps.
    scores = scores.masked_fill(~valid[:, None], torch.finfo(scores.dtype).min).numpy()
    chosen, image = roots.numpy(), np.arange(len(valid))
    steps, above = np.full((2, *valid.shape), -1)  # when, and to which object of the image
    best = np.full_like(scores[:, 0], -np.inf)  # score to the tree
    for step in range(valid.shape[1]):
        if step:
            chosen = best.argmax(axis=1)
        steps[image, chosen] = step
        scores[image, :, chosen] = best[image, chosen] = -np.inf
        closer = scores[image, chosen] > best
        best = np.where(closer, scores[image, chosen], best)
        above = np.where(closer, chosen[:, None], above)
    starts = (valid.sum(dim=1).cumsum(0) - valid.sum(dim=1)).numpy()
    above = np.where(above < 0, above, above + starts[:, None])
    return make_binary(*(some[valid.numpy()] for some in (steps, above)))


def make_binary(steps: np.ndarray, above: np.ndarray) -> Trees:
    """Make spanning trees binary, see :func:`grow_trees`.

    Args:
        steps: (N,), when an object was attached.
        above: (N,), to which object; -1 is a root.
    """
    parent, left, right, last = ([-1] * len(steps) for _ in range(4))
    depth = [0] * len(steps)
    above = above.tolist()
    for node in steps.argsort(kind='stable').tolist():
        if above[node] < 0:
            continue
        sibling = last[above[node]]
        if sibling < 0:
            parent[node] = above[node]
            left[above[node]] = node
        else:
            parent[node] = sibling
            right[sibling] = node
        last[above[node]] = node
        depth[node] = depth[parent[node]] + 1
    return Trees(*(torch.tensor(own, dtype=torch.long) for own in (parent, left, right, depth)))


class TreeWalk(NamedTuple):
    """All levels of all trees in one direction, where the rows of a level follow each other.

    From level to level each object sees its relatives: two children on the way up, the
    parent on the way down.
    """

    levels: Sequence[slice]  # rows of each level, the first first
    relatives: Tensor  # (N, K), rows, N without one
    # Where an object is a relative: row * K + which of the K, K * N without one.
    givers: Tensor  # (N, J)


class TreeLevels:
    """The objects of all trees by depth, so that a level is computed at once.

    Args:
        trees: The trees.
        device: Of the objects' features.

    Attributes:
        order: (N,), objects by depth.
        rows: (N,), the reverse: place of each object in it.
        upwards: From the leaves to the roots. Without objects, one empty level.
        downwards: From the roots to the leaves.
    """

    def __init__(self, trees: Trees, device: torch.device) -> None:
        order = trees.depth.argsort(stable=True)
        count = len(order)
        rows = torch.full((count + 1,), count)  # the last for index -1: no relative
        rows[order] = torch.arange(count)
        parent, left, right = (rows[some[order]] for some in trees[:3])
        is_right = F.pad(right, (0, 1), value=-1)[parent] == rows[order]
        packed = torch.stack([order, rows[:-1], parent, left, right, 2 * parent + is_right])
        self.order, self.rows, parent, left, right, seat = packed.to(device)
        sizes = trees.depth.bincount(minlength=1)
        ends = sizes.cumsum(0)
        levels = [slice(*limits) for limits in zip((ends - sizes).tolist(), ends.tolist())]
        children = torch.stack([left, right], dim=1)
        self.upwards = TreeWalk(levels[::-1], children, seat[:, None])
        self.downwards = TreeWalk(levels, parent[:, None], children)
