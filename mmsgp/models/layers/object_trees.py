"""A binary tree over the objects of each image, laid out level by level.

Shape shorthand: N objects of a batch, B images, T objects of the fullest image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


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
    scores, valid = scores.cpu(), valid.cpu()
    pairs = valid[:, None, :] & valid[:, :, None] & ~torch.eye(valid.shape[1], dtype=torch.bool)
    chosen = (scores.sigmoid() * pairs).sum(dim=2).masked_fill(~valid, -1).argmax(dim=1)
    free = valid.clone()
    best = torch.full(valid.shape, -torch.inf, dtype=scores.dtype)  # score to the tree
    nearest, parent, left, right, last, depth = (
        torch.full(valid.shape, -1, dtype=torch.long) for _ in range(6)
    )
    image = torch.arange(len(valid))
    for step in range(valid.shape[1]):
        if step:
            chosen = best.masked_fill(~free, -torch.inf).argmax(dim=1)
        growing = free[image, chosen]  # images that still have an object
        rows, node = image[growing], chosen[growing]
        if step:
            above = nearest[rows, node]
            sibling = last[rows, above]
            parent[rows, node] = torch.where(sibling < 0, above, sibling)
            only = sibling < 0
            left[rows[only], above[only]] = node[only]
            right[rows[~only], sibling[~only]] = node[~only]
            last[rows, above] = node
            depth[rows, node] = depth[rows, parent[rows, node]] + 1
        else:
            depth[rows, node] = 0
        free[rows, node] = False
        closer = scores[rows, node] > best[rows]
        best[rows] = torch.where(closer, scores[rows, node], best[rows])
        nearest[rows] = torch.where(closer, node[:, None], nearest[rows])
    starts = valid.sum(dim=1).cumsum(0) - valid.sum(dim=1)
    return Trees(
        *(torch.where(own < 0, own, own + starts[:, None])[valid] for own in (parent, left, right)),
        depth[valid],
    )


class TreeLevels:
    """The objects of all trees by depth, so that a level is computed at once.

    Args:
        trees: The trees.
        device: Of the objects' features.

    Attributes:
        order: (N,), objects by depth.
        sizes: Number of objects of each level; without objects, one empty level.
        parents: For each level one tuple: the row of an object's parent in the level
            above, or the number of rows there if it has none.
        children: For each level the rows of left and right child in the level below,
            alike.
    """

    def __init__(self, trees: Trees, device: torch.device) -> None:
        order = trees.depth.argsort(stable=True)
        self.sizes = trees.depth.bincount(minlength=1).tolist()
        starts = torch.tensor([0, *self.sizes]).cumsum(0)
        row = torch.empty_like(order)
        row[order] = torch.arange(len(order)) - starts[trees.depth[order]]
        above, below = [0, *self.sizes[:-1]], [*self.sizes[1:], 0]

        def rows_of(relative: Tensor, sizes: Sequence[int]) -> tuple[Tensor, ...]:
            own = relative[order]
            missing = torch.tensor(sizes, dtype=torch.long)[trees.depth[order]]
            found = torch.where(own < 0, missing, row[own])
            return found.to(device).split(self.sizes)

        self.order = order.to(device)
        self.parents = list(zip(rows_of(trees.parent, above)))
        self.children = list(zip(rows_of(trees.left, below), rows_of(trees.right, below)))
