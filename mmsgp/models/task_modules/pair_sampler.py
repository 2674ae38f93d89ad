"""Sampling of the pairs that a relation head is trained on.

Shape shorthand: P pairs, S sampled pairs, B images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmsgp.registry import TASK_UTILS

from ..layers import count_groups


@TASK_UTILS.register_module()
class PairSampler:
    """Draws annotated and unknown pairs at random.

    At most ``num * positive_fraction`` of ``num`` pairs are annotated; the rest
    are unknown.

    Args:
        num: Pairs per image. Defaults to 256.
        positive_fraction: Defaults to 0.25.
        quota: ``'image'``: both limits hold per image. ``'batch'``: they hold
            for the whole batch, so an image with many objects may have more
            (reference implementation of Neural Motifs). Defaults to
            ``'image'``.

    Raises:
        ValueError: If ``quota`` is neither of the two.
    """

    def __init__(
        self, num: int = 256, positive_fraction: float = 0.25, quota: str = 'image'
    ) -> None:
        if quota not in ('image', 'batch'):
            raise ValueError(f"pair_sampler.quota must be 'image' or 'batch', got {quota!r}")
        self.num = num
        self.positive_fraction = positive_fraction
        self.quota = quota

    def __call__(self, image_ids: Tensor, labels: Tensor, num_images: int) -> Tensor:
        """Sample pairs.

        Args:
            image_ids: (P,), image of each pair.
            labels: (P,), predicates, 0 is unknown. Pairs with -1 are never drawn.
            num_images: B.

        Returns:
            Tensor: (S,), indices of the sampled pairs, ascending.
        """
        num = self.num
        if self.quota == 'batch':  # as one image
            num *= num_images
            image_ids, num_images = torch.zeros_like(image_ids), 1
        max_positive = int(num * self.positive_fraction)
        positive = labels > 0
        groups = image_ids * 3 + labels.sign() + 1  # left out, unknown, annotated
        rank = self._rank_in_group(groups, 3 * num_images)
        num_positive = count_groups(groups, 3 * num_images)[2::3]
        room = num - num_positive.clamp(max=max_positive)
        quota = torch.where(positive, max_positive, room[image_ids]).masked_fill(labels < 0, 0)
        # The only place where a GPU is waited for: it alone knows how many there are.
        return (rank < quota).nonzero().squeeze(1)

    @staticmethod
    def _rank_in_group(groups: Tensor, num_groups: int) -> Tensor:
        """Draw a random rank for each element within its group."""
        shuffled = torch.randperm(len(groups), device=groups.device)
        order = shuffled[groups[shuffled].argsort(stable=True)]
        sizes = count_groups(groups, num_groups)
        starts = sizes.cumsum(0) - sizes
        rank = torch.empty_like(groups)
        rank[order] = torch.arange(len(groups), device=groups.device) - starts[groups[order]]
        return rank
