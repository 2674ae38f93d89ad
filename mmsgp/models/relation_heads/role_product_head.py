"""The base of heads whose relations are products of roles.

Shape shorthand: N objects of a batch, P pairs, D features of a pair.
"""
from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..layers import ClassEmbedding
from .head_outputs import RegionFeatures
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
    pairs_per_chunk = 512

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


def multiply_roles(roles: Tensor, regions: RegionFeatures) -> Tensor:
    """Subject role * object role * pair features: (P, D).

    Args:
        roles (Tensor): (N, 2 * D), each object as subject and as object.
        regions (RegionFeatures): The pairs and their features.
    """
    subjects, targets = roles.chunk(2, dim=1)
    first, second = regions.pairs.unbind(1)
    return subjects[first] * targets[second] * regions.unions
