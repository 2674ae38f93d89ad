"""Sampling of the pairs that a relation head is trained on.

Shape shorthand: P pairs, S sampled pairs, B images.
"""
from __future__ import annotations

import torch
from torch import Tensor

from mmsgp.registry import TASK_UTILS


@TASK_UTILS.register_module()
class PairSampler:
    """Draws annotated and unknown pairs of each image at random.

    At most ``num * positive_fraction`` pairs of an image are annotated; the
    rest, up to ``num``, is unknown (Neural Motifs, reference implementation).

    Args:
        num (int): Pairs an image. Defaults to 256.
        positive_fraction (float): Defaults to 0.25.
    """

    def __init__(self,
                 num: int = 256,
                 positive_fraction: float = 0.25) -> None:
        self.num = num
        self.max_positive = int(num * positive_fraction)

    def __call__(self, image_ids: Tensor, labels: Tensor,
                 num_images: int) -> Tensor:
        """Sample.

        Args:
            image_ids (Tensor): (P,), image of each pair.
            labels (Tensor): (P,), predicates, 0 is unknown.
            num_images (int): B.

        Returns:
            Tensor: (S,), indices of the sampled pairs, ascending.
        """
        positive = labels > 0
        rank = self._rank_in_group(image_ids * 2 + positive)
        num_positive = image_ids[positive].bincount(minlength=num_images)
        room = self.num - num_positive.clamp(max=self.max_positive)
        quota = torch.where(positive, self.max_positive, room[image_ids])
        return (rank < quota).nonzero().squeeze(1)

    @staticmethod
    def _rank_in_group(groups: Tensor) -> Tensor:
        """Random rank of each element among those of its group."""
        shuffled = torch.randperm(len(groups), device=groups.device)
        order = shuffled[groups[shuffled].argsort(stable=True)]
        sizes = groups.bincount()
        starts = sizes.cumsum(0) - sizes
        rank = torch.empty_like(groups)
        rank[order] = torch.arange(
            len(groups), device=groups.device) - starts[groups[order]]
        return rank
