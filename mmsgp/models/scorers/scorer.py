"""The Scorer: how significant is a relation in its image?

Shape shorthand: P relations, B images, R predicates, D features of a
relation, I features of an image.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmsgp.registry import MODELS

from ..layers import count_groups


@MODELS.register_module()
class RelationSelfAttention(nn.Module):
    """Single-head self-attention among the relations of each image.

    ``softmax(q k^T) v`` with q, k, v = ReLU(FC(H)) and no scaling (Huang et
    al., 2020, Eq. 5). Only one image's attention matrix is in memory at a time,
    and none if PyTorch has a fused kernel.

    Args:
        in_channels: Size of H.
        out_channels: Size of q, k and v.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(in_channels, out_channels)
        self.key = nn.Linear(in_channels, out_channels)
        self.value = nn.Linear(in_channels, out_channels)

    def forward(self, hidden: Tensor, sizes: list[int]) -> Tensor:
        """Attend to the relations of the same image.

        Args:
            hidden: (P, in_channels), image after image.
            sizes: Number of relations of each image.

        Returns:
            Tensor: (P, out_channels).
        """
        query, key, value = (F.relu_(fc(hidden)) for fc in (self.query, self.key, self.value))
        if torch.is_grad_enabled() and len(sizes) > 1:
            return attend_in_batch(query, key, value, sizes)
        query, key, value = (rows.split(sizes) for rows in (query, key, value))
        return torch.cat(
            [
                # Fused kernels take batches of heads, hence four dimensions.
                F.scaled_dot_product_attention(
                    q[None, None], k[None, None], v[None, None], scale=1.0
                )[0, 0]
                for q, k, v in zip(query, key, value)
            ]
        )


def attend_in_batch(query: Tensor, key: Tensor, value: Tensor, sizes: list[int]) -> Tensor:
    """Attend to the rows of the same image, padded to the largest, in one operation.

    Args:
        query: (P, D), image after image, as the next two.
        key: (P, D).
        value: (P, D).
        sizes: Number of rows of each of the B images.

    Returns:
        Tensor: (P, D).
    """
    longest = max(1, *sizes)
    # Made on the CPU, which knows the sizes.
    valid = torch.arange(longest) < torch.tensor(sizes)[:, None]
    rows = torch.cat([torch.arange(size) + i * longest for i, size in enumerate(sizes)])
    rows = rows.to(query.device, non_blocking=True)
    valid[:, 0] = True  # softmax needs at least one key
    mask = valid[:, None, None].to(query.device, non_blocking=True)  # (B, 1, 1, longest)
    padded = (
        tensor.new_zeros(len(sizes) * longest, tensor.shape[1])
        .index_copy(0, rows, tensor)
        .view(len(sizes), 1, longest, -1)
        for tensor in (query, key, value)
    )
    attended = F.scaled_dot_product_attention(*padded, attn_mask=mask, scale=1.0)
    return attended.flatten(0, 2).index_select(0, rows)


@MODELS.register_module()
class RelationFC(nn.Module):
    """ReLU(FC) per relation: the Scorer without self-attention.

    Args:
        in_channels: Size of H.
        out_channels: Size of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(in_channels, out_channels)

    def forward(self, hidden: Tensor, sizes: list[int]) -> Tensor:
        """Map (P, in_channels) to (P, out_channels)."""
        return F.relu(self.fc(hidden))


@MODELS.register_module()
class Scorer(BaseModule):
    """Scores the significance of relations (Huang et al., 2020).

    ``H = [ReLU(FC(feature)) + ReLU(FC(distribution)), image feature]``, then
    self-attention among the relations of an image, then FC_1.

    Args:
        relation_channels: D.
        num_predicates: R.
        image_channels: I. Defaults to 512.
        hidden_channels: Size of the embedded relation. Defaults to 512.
        attention_channels: Size of q, k and v. Defaults to 256.
        attention: Config of the module that relates the relations of an image.
            Defaults to ``RelationSelfAttention``; ``RelationFC`` is the variant
            without self-attention.
        loss: Config of the loss, see ``losses/significance_loss.py``. Defaults
            to binary cross-entropy.
        init_cfg: Defaults to None.
    """

    def __init__(
        self,
        relation_channels: int,
        num_predicates: int,
        image_channels: int = 512,
        hidden_channels: int = 512,
        attention_channels: int = 256,
        attention: dict = dict(type='RelationSelfAttention'),
        loss: dict = dict(type='SignificanceBCELoss'),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.fc_feature = nn.Linear(relation_channels, hidden_channels)
        self.fc_distribution = nn.Linear(num_predicates + 1, hidden_channels)
        # Published checkpoints hold its weights under the name `context`.
        self.context = MODELS.build(
            {
                **attention,
                'in_channels': hidden_channels + image_channels,
                'out_channels': attention_channels,
            }
        )
        self.fc_score = nn.Linear(attention_channels, 1)
        self.loss_significance = MODELS.build(loss)

    def embed(self, features: Tensor, distributions: Tensor) -> Tensor:
        """``ReLU(FC(feature)) + ReLU(FC(distribution))`` of each relation.

        Relations are independent here, so they may be embedded in chunks.

        Args:
            features: (P, D), before the predicate classifier.
            distributions: (P, R+1), predicate probabilities.

        Returns:
            Tensor: (P, hidden_channels).
        """
        return F.relu_(self.fc_feature(features)) + F.relu_(self.fc_distribution(distributions))

    def forward(
        self,
        embedded: Tensor,
        image_features: Tensor,
        image_ids: Tensor,
        sizes: Sequence[int] | None = None,
    ) -> Tensor:
        """Score the relations of each image.

        Args:
            embedded: (P, hidden_channels), from :meth:`embed`.
            image_features: (B, I), globally average-pooled.
            image_ids: (P,), image of each relation, in any order.
            sizes: Number of relations of each image. Defaults to None: counted,
                for which a GPU is waited for.

        Returns:
            Tensor: (P,), significance before the sigmoid.
        """
        if len(image_features) == 1 and not torch.is_grad_enabled():
            # A crowded image: nothing is copied only to be sorted.
            images = image_features.expand(len(embedded), -1)
            return self._score(embedded, images, [len(embedded)])
        order = image_ids.argsort(stable=True)
        sizes = list(sizes or count_groups(image_ids, len(image_features)).tolist())
        parts = [(order, sizes)]
        if not torch.is_grad_enabled():  # one image at a time: less memory
            parts = [(rows, [len(rows)]) for rows in order.split(sizes)]
        logits = torch.cat(
            [
                self._score(
                    embedded.index_select(0, rows),
                    image_features.index_select(0, image_ids[rows]),
                    sizes,
                )
                for rows, sizes in parts
            ]
        )
        return torch.empty_like(logits).index_copy(0, order, logits)

    def _score(self, embedded: Tensor, images: Tensor, sizes: list[int]) -> Tensor:
        """Score relations with the features of their image, image after image."""
        attended = self.context(torch.cat([embedded, images], dim=1), sizes)
        return self.fc_score(attended).squeeze(1)

    def loss(self, logits: Tensor, annotated: Tensor) -> Tensor:
        """Compute the loss of significance logits (P,) against ``annotated`` (P,)."""
        return self.loss_significance(logits, annotated)
