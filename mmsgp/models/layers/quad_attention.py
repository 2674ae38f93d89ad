"""Attention among selected pairs and objects of each image.

Source: SQUAT (Jung et al., CVPR 2023).

Shape shorthand: B images, M pairs and T objects of the fullest image, K selected pairs, D
channels.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from .attention import Attention


class PairSelector(nn.Module):
    """Scores the pairs of an image, each beside the mean of all.

    Half of the hidden units are replaced by their mean over the image's pairs.

    Args:
        channels: D.
        hidden: Hidden units. Defaults to 512.
    """

    def __init__(self, channels: int, hidden: int = 512) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, hidden), nn.GELU())
        self.score = nn.Sequential(
            nn.Linear(hidden, hidden // 2),
            nn.GELU(),
            nn.Linear(hidden // 2, hidden // 4),
            nn.GELU(),
            nn.Linear(hidden // 4, 1),
        )

    def forward(self, pairs: Tensor, valid: Tensor) -> Tensor:
        """Score pairs (B, M, D), some of them ``valid`` (B, M): (B, M) logits."""
        own, shared = self.encode(pairs).chunk(2, dim=2)
        weights = valid[..., None].to(shared)
        mean = (shared * weights).sum(dim=1, keepdim=True)
        mean = mean / weights.sum(dim=1, keepdim=True).clamp(min=1)
        return self.score(torch.cat([own, mean.expand_as(shared)], dim=2)).squeeze(2)


def select(logits: Tensor, valid: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Select the best pairs of each image, at least one where there is one.

    Args:
        logits: (B, M).
        valid: (B, M), False at padding.
        share: Of each image's pairs, rounded down.

    Returns:
        tuple[Tensor, Tensor]: Indices (B, K), best first, and which of them are selected
        (B, K), bool: an image with fewer pairs has fewer.
    """
    available = valid.sum(dim=1)
    counts = (available * share).floor().long().clamp(min=1).minimum(available)
    indices = logits.masked_fill(~valid, -torch.inf).topk(max(1, int(counts.max())), dim=1).indices
    return indices, torch.arange(indices.shape[1], device=logits.device) < counts[:, None]


def take(pairs: Tensor, indices: Tensor) -> Tensor:
    """Return some of the pairs (B, M, D) by their indices (B, K): (B, K, D)."""
    return pairs.gather(1, indices[..., None].expand(-1, -1, pairs.shape[2]))


class QuadAttentionLayer(nn.Module):
    """Attention of selected pairs and of objects, to themselves and to each other.

    ``e = LN(e + SA(e))`` of the selected pairs and ``n = LN(n + SA(n))`` of the objects;
    then ``e = LN(e + A(e, pairs) + A(e, n))`` and ``n = LN(n + A(n, pairs) + A(n, n))``,
    each with its own selection of pairs as keys; then a feed-forward layer. The last two
    normalisations and the feed-forward layer are shared.

    Args:
        channels: D.
        num_heads: Of each attention.
        feedforward_channels: Hidden units.
        dropout: Of attention weights and of what a step adds.
        update_nodes: Whether the objects are needed afterwards. Defaults to True.
    """

    def __init__(
        self,
        channels: int,
        num_heads: int,
        feedforward_channels: int,
        dropout: float,
        update_nodes: bool = True,
    ) -> None:
        super().__init__()
        self.update_nodes = update_nodes
        names = ['pairs_self', 'nodes_self', 'pairs_pairs', 'pairs_nodes']
        names += ['nodes_pairs', 'nodes_nodes'] * update_nodes
        self.attend = nn.ModuleDict(
            {name: Attention(channels, num_heads, dropout=dropout) for name in names}
        )
        self.pairs_norm = nn.LayerNorm(channels)
        self.nodes_norm = nn.LayerNorm(channels)
        self.cross_norm = nn.LayerNorm(channels)
        self.last_norm = nn.LayerNorm(channels)
        self.feedforward = nn.Sequential(
            nn.Linear(channels, feedforward_channels),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(feedforward_channels, channels),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        pairs: Tensor,
        nodes: Tensor,
        node_mask: Tensor,
        queries: tuple[Tensor, Tensor],
        pair_keys: tuple[Tensor, Tensor],
        node_keys: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Run the layer.

        Args:
            pairs: (B, M, D).
            nodes: (B, T, D), the objects.
            node_mask: (B, T), False at padding; an image without objects has one key.
            queries: Indices (B, K) of the pairs that are changed, and which of them count.
            pair_keys: Alike, the pairs that these pairs see.
            node_keys: Alike, the pairs that objects see.

        Returns:
            tuple[Tensor, Tensor]: Pairs and objects; pairs that are not selected stay as
            they are, and objects have only seen each other without ``update_nodes``.
        """
        indices, chosen = queries
        before = take(pairs, indices)
        edges = self._add(self.pairs_norm, before, ('pairs_self', before, chosen))
        nodes = self._add(self.nodes_norm, nodes, ('nodes_self', nodes, node_mask))
        pairs = put(pairs, indices, chosen, edges)
        seen, mask = take(pairs, pair_keys[0]), pair_keys[1]
        edges = self._add(
            self.cross_norm, edges, ('pairs_pairs', seen, mask), ('pairs_nodes', nodes, node_mask)
        )
        if self.update_nodes:
            seen, mask = take(pairs, node_keys[0]), node_keys[1]
            own = 'nodes_nodes', nodes, node_mask
            nodes = self._feed(self._add(self.cross_norm, nodes, ('nodes_pairs', seen, mask), own))
        return put(pairs, indices, chosen, self._feed(edges)), nodes

    def _feed(self, rows: Tensor) -> Tensor:
        return self.last_norm(rows + self.dropout(self.feedforward(rows)))

    def _add(self, norm: nn.Module, rows: Tensor, *attended: tuple[str, Tensor, Tensor]) -> Tensor:
        """Return ``norm(rows + attention to each set of keys)``."""
        total = rows
        for name, keys, valid in attended:
            mask = valid.clone()
            mask[:, 0] = True  # attention without any key gives NaN
            found = self.attend[name](rows, keys, mask=mask[:, None, None, :])
            total = total + self.dropout(found)
        return norm(total)


def put(pairs: Tensor, indices: Tensor, chosen: Tensor, changed: Tensor) -> Tensor:
    """Write changed pairs (B, K, D) into all (B, M, D), where they are chosen (B, K)."""
    kept = torch.where(chosen[..., None], changed, take(pairs, indices))
    return pairs.scatter(1, indices[..., None].expand_as(kept), kept)
