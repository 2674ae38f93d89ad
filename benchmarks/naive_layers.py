"""Layers of relation heads as their formulas have them, without anything shared."""

from __future__ import annotations

import torch
from torch import Tensor

from mmsgp.models.layers import PairGraph


def naive_masks(subjects: Tensor, objects: Tensor, size: int = 27) -> Tensor:
    """Masks of pairs one by one, cell by cell of each axis."""
    masks = []
    for pair in zip(subjects.tolist(), objects.tolist()):
        start = [min(b[i] for b in pair) for i in (0, 1)]
        end = [max(b[i] for b in pair) for i in (2, 3)]
        scale = [size / max(e - s, 1e-6) for s, e in zip(start, end)]
        rows = []
        for b in pair:
            along = [
                [
                    max(0.0, min(1.0, cell + 1 - (b[i] - start[i]) * scale[i]))
                    * max(0.0, min(1.0, (b[i + 2] - start[i]) * scale[i] - cell))
                    for cell in range(size)
                ]
                for i in (0, 1)
            ]
            rows.append(torch.tensor(along[1])[:, None] * torch.tensor(along[0])[None])
        masks.append(torch.stack(rows))
    return torch.stack(masks)


def straightforward_pairs(
    graph: PairGraph, subjects: Tensor, objects: Tensor, pairs: Tensor, weights: Tensor
) -> Tensor:
    """Compute all nodes of all pairs, with all messages."""
    unit, hidden = graph.unit, subjects.shape[1]
    num_predicates = weights.shape[1]
    inputs = state = torch.cat(
        [subjects[:, None], objects[:, None], pairs[:, None].expand(-1, num_predicates, -1)], dim=1
    )
    for _ in range(graph.num_steps):
        to_ends = (weights[..., None] * state[:, 2:]).sum(1, keepdim=True)
        to_predicates = weights[..., None] * state[:, :2].sum(1, keepdim=True)
        message = torch.cat([to_ends.expand(-1, 2, -1), to_predicates], dim=1)
        message = unit.fc_message(torch.cat([message, message], dim=2))
        gates = unit.fc_gates(state)
        update, reset = torch.sigmoid(message[..., : 2 * hidden] + gates).chunk(2, dim=2)
        candidate = torch.tanh(message[..., 2 * hidden :] + unit.fc_candidate(reset * state))
        state = (1 - update) * state + update * candidate
    nodes = torch.relu(graph.readout.fc(torch.cat([state, inputs], dim=2)))
    return nodes.flatten(1)


def looped_pairs(graph: PairGraph, *rows: Tensor) -> Tensor:
    """The same, pair by pair."""
    return torch.cat(
        [
            straightforward_pairs(graph, *(row[i : i + 1] for row in rows))
            for i in range(len(rows[0]))
        ]
    )
