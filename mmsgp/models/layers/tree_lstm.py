"""Highway LSTMs over binary trees, level by level.

Shape shorthand: N objects of a batch, I inputs, H hidden units, C object classes.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .class_embedding import ClassEmbedding
from .object_trees import TreeLevels, TreeWalk
from .tree_recurrence import empty_states, run_level, tree_recurrence


class TreeLSTMCell(nn.Module):
    """A highway LSTM over trees, whose objects have one or two relatives each.

    With gates i, o, r and f_k (sigmoid) and candidate u (tanh) of the input and the
    relatives' outputs: ``c = i * u + sum_k f_k * c_k`` and
    ``h = r * o * tanh(c) + (1 - r) * W x``. Each gate's block starts orthogonal, the
    biases of forget gates at 1 over the number of relatives. Source: VCTree (Tang et al.,
    2019).

    Args:
        input_size: I.
        hidden_size: H.
        num_relatives: 1, the parent, or 2, the children.
    """

    def __init__(self, input_size: int, hidden_size: int, num_relatives: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        gates = 4 + num_relatives
        self.input_projection = nn.Linear(input_size, (gates + 1) * hidden_size)
        self.state_projections = nn.ModuleList(
            nn.Linear(hidden_size, gates * hidden_size, bias=False) for _ in range(num_relatives)
        )
        for projection in (self.input_projection, *self.state_projections):
            for block in projection.weight.data.split(hidden_size):
                nn.init.orthogonal_(block)
        bias = self.input_projection.bias.data
        nn.init.zeros_(bias)
        bias[4 * hidden_size : gates * hidden_size] = 1 / num_relatives

    def forward(self, projected: Tensor, walk: TreeWalk) -> Tensor:
        """Compute all levels.

        Args:
            projected: (N, (5 + relatives) * H), :attr:`input_projection` of the inputs,
                by level.
            walk: Upwards with two relatives, downwards with one.

        Returns:
            Tensor: Outputs h (N, H).
        """
        return tree_recurrence(projected, [p.weight for p in self.state_projections], walk)


class TreeLSTM(nn.Module):
    """Two LSTMs over trees, from the leaves to the root and back.

    Args:
        input_size: I.
        hidden_size: H, half of it for each direction.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.up = TreeLSTMCell(input_size, hidden_size // 2, num_relatives=2)
        self.down = TreeLSTMCell(input_size, hidden_size // 2, num_relatives=1)

    def forward(self, inputs: Tensor, levels: TreeLevels) -> Tensor:
        """Run over inputs (N, I): (N, H), first upwards, then downwards."""
        inputs = inputs.index_select(0, levels.order)
        both = [
            cell(cell.input_projection(inputs), walk)
            for cell, walk in ((self.up, levels.upwards), (self.down, levels.downwards))
        ]
        return torch.cat(both, dim=1).index_select(0, levels.rows)


class TreeLabelDecoder(nn.Module):
    """Labels objects from the root down; each sees the label of its parent.

    That is its known label (teacher forcing in training), or else the best class other
    than background.

    Args:
        num_classes: C, without background.
        input_size: I.
        hidden_size: H.
        embedding_dim: Size of a label's embedding.
        word_vectors: GloVe text file that the embedding of labels starts from. Defaults to
            None: random.
    """

    def __init__(
        self,
        num_classes: int,
        input_size: int,
        hidden_size: int,
        embedding_dim: int,
        word_vectors: str | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        # Classes, background and, in the last row, no parent.
        self.label_embedding = ClassEmbedding(num_classes + 2, embedding_dim, word_vectors)
        self.cell = TreeLSTMCell(input_size + embedding_dim, hidden_size, num_relatives=1)
        self.fc_label = nn.Linear(hidden_size, num_classes + 1)

    def forward(
        self,
        inputs: Tensor,
        known_labels: Tensor,
        levels: TreeLevels,
        all_known: bool = False,
    ) -> Tensor:
        """Decode level by level.

        Args:
            inputs: (N, I).
            known_labels: (N,); where it is background, children get the prediction.
            levels: The trees.
            all_known: Whether no label is background. No level then waits for the
                predictions of the one above. Defaults to False.

        Returns:
            Tensor: Class logits (N, C+1).
        """
        inputs = inputs.index_select(0, levels.order)
        labels = known_labels.index_select(0, levels.order)
        if not all_known:
            logits, labels = self._predict(inputs, labels, levels.downwards)
        if all_known or torch.is_grad_enabled():
            above = levels.downwards.relatives[:, 0]
            labels = F.pad(labels, (0, 1), value=self.num_classes + 1).index_select(0, above)
            projected = self.cell.input_projection(
                torch.cat([inputs, self.label_embedding(labels)], dim=1)
            )
            logits = self.fc_label(self.cell(projected, levels.downwards))
        return logits.index_select(0, levels.rows)

    @torch.no_grad()
    def _predict(self, inputs: Tensor, known: Tensor, walk: TreeWalk) -> tuple[Tensor, Tensor]:
        """Find the label that children of each object get, and logits, by level."""
        to_input = self.cell.input_projection
        # The projection of [input, label embedding] is the sum of two.
        of_input, of_label = to_input.weight.split(
            [inputs.shape[1], self.label_embedding.embedding_dim], dim=1
        )
        projected = F.linear(inputs, of_input, to_input.bias)
        words = F.linear(self.label_embedding.weight, of_label)  # (C+2, 6H)
        weights = [p.weight.to(projected.dtype) for p in self.cell.state_projections]
        states = empty_states(projected, weights)
        labels = F.pad(known, (0, 1), value=self.num_classes + 1)
        logits = []
        for own in walk.levels:
            projected[own] += words.index_select(0, labels[walk.relatives[own, 0]])
            run_level(own, projected, weights, walk.relatives, states)
            logits.append(self.fc_label(states.outputs[own]))
            best = logits[-1][:, :-1].argmax(dim=1)
            labels[own] = torch.where(known[own] < self.num_classes, known[own], best)
        return torch.cat(logits), labels[:-1]
