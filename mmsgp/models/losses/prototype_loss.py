"""Losses of predicate prototypes.

Shape shorthand: P pairs, K prototypes (unknown included), D values.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS


def squared_distances(rows: Tensor, others: Tensor) -> Tensor:
    """Return ``||a - b||^2`` of rows (P, D) and others (K, D): (P, K)."""
    products = rows @ others.t()
    norms = rows.square().sum(dim=1)[:, None] + others.square().sum(dim=1)
    return (norms - 2 * products).clamp(min=0)


def similarity_loss(prototypes: Tensor) -> Tensor:
    """Return ``sum_k ||S_k|| / K^2`` with the cosines S of prototypes (K, D)."""
    unit = F.normalize(prototypes, dim=1)
    return (unit @ unit.detach().t()).norm(dim=1).sum() / len(prototypes) ** 2


def nearest_distances(prototypes: Tensor) -> Tensor:
    """Return the squared distance of each of K prototypes to its nearest other one."""
    distances = squared_distances(prototypes, prototypes.detach())
    own = torch.eye(len(prototypes), dtype=torch.bool, device=prototypes.device)
    return distances.masked_fill(own, torch.inf).amin(dim=1)


def pull_and_push(
    features: Tensor, prototypes: Tensor, labels: Tensor, num_negatives: int
) -> tuple[Tensor, Tensor]:
    """Return squared distances (P,) to the own prototype and to the nearest others.

    Args:
        features: (P, D).
        prototypes: (K, D).
        labels: (P,), the own prototype.
        num_negatives: How many of the nearest others are averaged, all of them if there
            are fewer.
    """
    distances = squared_distances(features, prototypes)
    own = labels[:, None] == torch.arange(len(prototypes), device=labels.device)
    count = min(num_negatives, len(prototypes) - 1)
    others = distances.masked_fill(own, torch.inf).topk(count, dim=1, largest=False).values
    return distances.gather(1, labels[:, None]).squeeze(1), others.mean(dim=1)


@MODELS.register_module()
class PrototypeLoss(nn.Module):
    """Prototypes apart from each other, and features close to their own.

    Three losses: the similarity of prototypes; their distance, ``max(0, margin - d)``
    with the squared distance d to the nearest other one; and pull-push,
    ``max(0, margin + d+ - d-)`` with the squared distances of a feature to its own
    prototype and on average to the nearest others. Source: PE-Net (Zheng et al., 2023);
    with ``smooth``, REACT++.

    Args:
        similarity_weight: Defaults to 1.0.
        distance_weight: Defaults to 1.0.
        pull_weight: Defaults to 1.0.
        distance_margin: Defaults to 7.0.
        pull_margin: Defaults to 1.0.
        num_negatives: Nearest other prototypes of pull-push. Defaults to 10.
        smooth: Softplus instead of ``max(0, .)``, on the unit sphere, and features alone
            are pulled, as in REACT++. Defaults to False.
    """

    def __init__(
        self,
        similarity_weight: float = 1.0,
        distance_weight: float = 1.0,
        pull_weight: float = 1.0,
        distance_margin: float = 7.0,
        pull_margin: float = 1.0,
        num_negatives: int = 10,
        smooth: bool = False,
    ) -> None:
        super().__init__()
        self.similarity_weight = similarity_weight
        self.distance_weight = distance_weight
        self.pull_weight = pull_weight
        self.distance_margin = distance_margin
        self.pull_margin = pull_margin
        self.num_negatives = num_negatives
        self.smooth = smooth

    def forward(self, features: Tensor, prototypes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Compute the losses of features (P, D) with prototypes (K, D) and labels (P,)."""
        penalty = F.softplus if self.smooth else F.relu
        targets = prototypes
        if self.smooth:
            features, prototypes = F.normalize(features, dim=1), F.normalize(prototypes, dim=1)
            targets = prototypes.detach()
        pull = features.sum() * 0
        if len(labels):
            own, others = pull_and_push(features, targets, labels, self.num_negatives)
            pull = penalty(own - others + self.pull_margin).mean()
        apart = penalty(self.distance_margin - nearest_distances(prototypes)).mean()
        return dict(
            loss_prototype_similarity=self.similarity_weight * similarity_loss(prototypes),
            loss_prototype_distance=self.distance_weight * apart,
            loss_prototype_pull=self.pull_weight * pull,
        )
