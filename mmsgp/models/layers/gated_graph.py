"""Gated graph networks of objects and of pairs.

Source: KERN (Chen et al., 2019).

Shape shorthand: N objects of a batch, B images, K classes (background
included), P pairs, K' predicates (unknown included), H hidden units.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class GatedGraphUnit(nn.Module):
    """Gated update (GRU) of a node's state h (H) by a message a (2H).

    ``z = sigmoid(W3 a + U3 h)``, ``r = sigmoid(W4 a + U4 h)``,
    ``c = tanh(W5 a + U5 (r * h))``, ``h' = (1 - z) * h + z * c``.

    Args:
        hidden_size: H.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.fc_message = nn.Linear(2 * hidden_size, 3 * hidden_size)  # W345
        self.fc_gates = nn.Linear(hidden_size, 2 * hidden_size)  # U3, U4
        self.fc_candidate = nn.Linear(hidden_size, hidden_size)  # U5

    def weight_of_halves(self) -> Tensor:
        """Return W3, W4, W5 (3H, H) for a message of two equal halves."""
        first, second = self.fc_message.weight.chunk(2, dim=1)
        return first + second

    def gates(self, state: Tensor) -> Tensor:
        """Compute the part of states (..., H) in both gates, with biases: (..., 2H)."""
        bias = self.fc_message.bias[: 2 * state.shape[-1]]
        return F.linear(state, self.fc_gates.weight, self.fc_gates.bias + bias)

    def forward(
        self,
        message: Tensor,
        state: Tensor,
        weights: Tensor | None = None,
        gates: Tensor | None = None,
    ) -> Tensor:
        """Run one step; shared states and messages are broadcast.

        Args:
            message: (..., 3H), W3, W4, W5 times the message; their bias is
                added here.
            state: (..., H).
            weights: (..., 1), factors of the message. Defaults to None: 1.
            gates: (..., 2H), :meth:`gates` of the state where they are known;
                overwritten.

        Returns:
            Tensor: (..., H).
        """
        hidden = state.shape[-1]
        weights = state.new_ones(()) if weights is None else weights
        gates = self.gates(state) if gates is None else gates
        to_gates, to_candidate = message.split([2 * hidden, hidden], dim=-1)
        gates = add_product(gates, weights, to_gates)
        gates = torch.sigmoid(gates, out=reusable(gates))
        update, reset = gates.chunk(2, dim=-1)
        candidate = F.linear(
            reset * state,
            self.fc_candidate.weight,
            self.fc_candidate.bias + self.fc_message.bias[2 * hidden :],
        )
        candidate = add_product(candidate, weights, to_candidate)
        candidate = torch.tanh(candidate, out=reusable(candidate))
        return torch.lerp(state, candidate.to(state), update.to(state))


def reusable(tensor: Tensor) -> Tensor | None:
    """Return a tensor that nobody needs any more, to be overwritten; None with gradients.

    Memory traffic bounds the speed of a graph outside of matrix products. With
    gradients a change in place would cost a copy in the backward pass.
    """
    return None if torch.is_grad_enabled() else tensor


def add_product(total: Tensor, factor: Tensor, values: Tensor) -> Tensor:
    """Return ``total + factor * values``, see :func:`reusable`."""
    fits = total.shape == torch.broadcast_shapes(total.shape, values.shape)
    return torch.addcmul(total, factor, values, out=reusable(total) if fits else None)


class Readout(nn.Module):
    """``ReLU(FC([state, input]))`` of each node.

    Args:
        hidden_size: H.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.fc = nn.Linear(2 * hidden_size, hidden_size)

    def forward(self, state: Tensor, inputs: Tensor, owners: Tensor | None = None) -> Tensor:
        """Read out (..., H).

        Nodes may share ``inputs``: by broadcasting, or by ``owners``, the row
        of ``inputs`` of each node.
        """
        of_state, of_input = self.fc.weight.chunk(2, dim=1)
        of_input = F.linear(inputs, of_input)
        if owners is not None:
            of_input = of_input.index_select(0, owners)
        total = F.linear(state, of_state, self.fc.bias)
        total = torch.add(total, of_input, out=reusable(total))
        return torch.relu(total)


class ObjectGraph(nn.Module):
    """Labels objects by a graph with a node for each object and class.

    The message to the nodes of an object is the classes' co-occurrence, and
    its transpose, times the sum of the other objects' states. All read-outs
    of an object together give its logits.

    Args:
        num_classes: K.
        hidden_size: H.
        num_steps: Steps of message passing.
    """

    def __init__(self, num_classes: int, hidden_size: int, num_steps: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_steps = num_steps
        self.unit = GatedGraphUnit(hidden_size)
        self.readout = Readout(hidden_size)
        self.classifier = nn.Linear(num_classes * hidden_size, num_classes)

    def forward(
        self, inputs: Tensor, image_ids: Tensor, num_images: int, cooccurrence: Tensor
    ) -> Tensor:
        """Run the graphs of all images.

        Args:
            inputs: (N, H), initial state of all nodes of an object.
            image_ids: (N,), the image of each object.
            num_images: B.
            cooccurrence: (K, K).

        Returns:
            Tensor: (N, K), logits.
        """
        incoming, outgoing = cooccurrence.t(), cooccurrence
        state = inputs[:, None]  # (N, 1, H): the nodes start equal
        for step in range(self.num_steps):
            total = state.new_zeros(num_images, *state.shape[1:]).index_add(0, image_ids, state)
            others = total.index_select(0, image_ids) - state  # (N, 1 or K, H)
            if step == 0:  # the shared part is projected once
                message = sum(
                    matrix.sum(dim=1)[:, None] * F.linear(others, weight)
                    for matrix, weight in zip(
                        (incoming, outgoing), self.unit.fc_message.weight.chunk(2, dim=1)
                    )
                )
            else:
                message = F.linear(
                    torch.cat([incoming @ others, outgoing @ others], dim=2),
                    self.unit.fc_message.weight,
                )
            state = self.unit(message, state)
        nodes = self.readout(state, inputs[:, None])  # (N, K, H)
        return self.classifier(nodes.flatten(1))


class PairGraph(nn.Module):
    """Features of pairs by graphs of subject, object and predicates.

    Subject and object are joined with predicate node r by a weight a_r, in
    both directions, so that both halves of a message are equal. The message
    to subject and object is ``sum_r a_r h_r``, that to r is
    ``a_r (h_s + h_o)``; ``h_s + h_o`` is projected once per pair. All predicate
    nodes start equal, so the first step projects their state once per pair. Most
    nodes have no edge (a_r = 0: predicates that the training set never has
    between the two classes). They stay equal: one node per pair stands for all
    of them.

    Args:
        hidden_size: H.
        num_steps: Steps of message passing.
        nodes_per_chunk: Without gradients on a CPU, approximate number of nodes
            computed at once, to fit into its cache. Defaults to 2048.
    """

    def __init__(self, hidden_size: int, num_steps: int, nodes_per_chunk: int = 2048) -> None:
        super().__init__()
        self.num_steps = num_steps
        self.nodes_per_chunk = nodes_per_chunk
        self.unit = GatedGraphUnit(hidden_size)
        self.readout = Readout(hidden_size)

    def forward(self, subjects: Tensor, objects: Tensor, pairs: Tensor, weights: Tensor) -> Tensor:
        """Run the graphs.

        Args:
            subjects: (P, H), initial state of the subject nodes.
            objects: (P, H), that of the object nodes.
            pairs: (P, H), that of all predicate nodes.
            weights: (P, K'), of the training set: zeros are left out and get no
                gradient.

        Returns:
            Tensor: (P, (K' + 2) * H), read-outs of subject, object and
            predicates.
        """
        rows = subjects, objects, pairs, weights
        fold = self.unit.weight_of_halves()  # (3H, H)
        # Memory of a GPU is bounded by the number of pairs, and it likes large chunks.
        if torch.is_grad_enabled() or weights.is_cuda:
            return self._run(fold, *rows)
        num_nodes = len(pairs) + int(weights.count_nonzero())
        if num_nodes <= self.nodes_per_chunk:
            return self._run(fold, *rows)
        size = max(1, self.nodes_per_chunk * len(pairs) // num_nodes)
        chunks = zip(*(row.split(size) for row in rows))
        return torch.cat([self._run(fold, *chunk) for chunk in chunks])

    def _run(
        self, fold: Tensor, subjects: Tensor, objects: Tensor, pairs: Tensor, weights: Tensor
    ) -> Tensor:
        unit = self.unit
        # T predicate nodes: the edgeless one of each pair, then the others.
        pair, predicate = weights.nonzero(as_tuple=True)
        edgeless = torch.arange(len(pairs), device=pair.device)
        owners = torch.cat([edgeless, pair])  # (T,)
        edges = torch.cat([weights.new_zeros(len(pairs)), weights[pair, predicate]])[
            :, None
        ]  # (T, 1)
        nodes = edgeless[:, None].repeat(1, weights.shape[1])  # (P, K')
        nodes[pair, predicate] = torch.arange(len(pairs), len(owners), device=pair.device)

        ends = inputs = torch.stack([subjects, objects], dim=1)  # (P, 2, H)
        predicates, gates = (rows.index_select(0, owners) for rows in (pairs, unit.gates(pairs)))
        for _ in range(self.num_steps):
            sent = edges * predicates
            to_ends = sent.new_zeros(pairs.shape).index_add(0, owners, sent)
            to_predicates = F.linear(ends.sum(dim=1), fold)
            predicates = unit(to_predicates.index_select(0, owners), predicates, edges, gates)
            ends = unit(F.linear(to_ends, fold)[:, None], ends)
            gates = None
        predicates = self.readout(predicates, pairs, owners).index_select(0, nodes.flatten())
        predicates = predicates.unflatten(0, nodes.shape)  # (P, K', H)
        return torch.cat([self.readout(ends, inputs), predicates], dim=1).flatten(1)
