"""The base of heads whose relations are products of roles.

Shape shorthand: N objects of a batch, P pairs, D features of a pair.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..layers import ClassEmbedding
from .outputs import RegionFeatures
from .visual_relation_head import VisualRelationHead


class RoleProductHead(VisualRelationHead):
    """Subject role * object role * pair features, over class embeddings.

    Args:
        num_classes (int): Object classes C, without background.
        embedding_dim (int): Size of a class embedding. Defaults to 200.
        word_vectors (str, optional): GloVe text file with vectors of
            ``embedding_dim`` values. Defaults to None, random embeddings.
        **kwargs: Arguments of :class:`VisualRelationHead`.
    """

    def __init__(self,
                 *,
                 num_classes: int,
                 embedding_dim: int = 200,
                 word_vectors: str | None = None,
                 **kwargs) -> None:
        super().__init__(num_classes=num_classes, **kwargs)
        self.object_embedding = ClassEmbedding(num_classes + 1, embedding_dim,
                                               word_vectors)
        self.label_embedding = ClassEmbedding(num_classes + 1, embedding_dim,
                                              word_vectors)

    def load_priors(self, statistics, classes: Sequence[str]) -> None:
        """Take priors, and the words' vectors, see :class:`RelationHead`."""
        super().load_priors(statistics, classes)
        self.object_embedding.load_words(classes)
        self.label_embedding.load_words(classes)


def multiply_roles(roles: Tensor,
                   regions: RegionFeatures,
                   behind: Tensor | None = None,
                   pairs_per_chunk: int = 64) -> Tensor:
    """Subject role * object role * pair features.

    Args:
        roles (Tensor): (N, 2 * D), each object as subject and as object.
        regions (RegionFeatures): The pairs and their features.
        behind (Tensor, optional): (P, E), more features of the pairs, to stand
            behind the product. Defaults to None.
        pairs_per_chunk (int): Without gradients so many pairs are multiplied
            at once, that factors stay in a processor's cache. Defaults to
            64.

    Returns:
        Tensor: (P, D + E).
    """
    subjects, targets = roles.chunk(2, dim=1)
    first, second = regions.pairs.unbind(1)
    unions = regions.unions
    if torch.is_grad_enabled():
        product = subjects[first] * targets[second] * unions
        return product if behind is None else torch.cat([product, behind], 1)
    behind = unions[:, :0] if behind is None else behind
    features = unions.new_empty(
        len(unions), unions.shape[1] + behind.shape[1],
        dtype=torch.result_type(roles, unions))
    product = features[:, :unions.shape[1]]
    features[:, unions.shape[1]:] = behind
    rows = (first, second, unions, product)
    for one, other, union, out in zip(
            *(row.split(pairs_per_chunk) for row in rows)):
        torch.mul(subjects[one], targets[other], out=out).mul_(union)
    return features
