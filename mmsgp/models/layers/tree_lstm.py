"""Highway LSTMs over binary trees, level by level.

Shape shorthand: N objects of a batch, n objects of a level, I inputs, H hidden units, C
object classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .class_embedding import ClassEmbedding
from .object_trees import TreeLevels


class TreeLSTMCell(nn.Module):
    """One level of a highway LSTM, whose objects have one or two relatives each.

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

    def forward(
        self, projected: Tensor, relatives: Sequence[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """Compute a level.

        Args:
            projected: (n, (5 + relatives) * H), :attr:`input_projection` of the inputs.
            relatives: Output h and memory c of each relative, (n, H) each.

        Returns:
            tuple[Tensor, Tensor]: Output h and memory c, (n, H) each.
        """
        *gates, highway = projected.split(
            [projected.shape[1] - self.hidden_size, self.hidden_size], dim=1
        )
        states = (layer(h) for layer, (h, _) in zip(self.state_projections, relatives))
        i, o, r, u, *forget = sum(states, gates[0]).split(self.hidden_size, dim=1)
        memory = i.sigmoid() * u.tanh()
        for gate, (_, before) in zip(forget, relatives):
            memory = memory + gate.sigmoid() * before
        carry = r.sigmoid()
        return carry * o.sigmoid() * memory.tanh() + (1 - carry) * highway, memory


def relatives_of(
    output: Tensor, memory: Tensor, rows: Sequence[Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Look up relatives in the level before; the row after the last is zero."""
    output, memory = (F.pad(state, (0, 0, 0, 1)) for state in (output, memory))
    return [(output.index_select(0, row), memory.index_select(0, row)) for row in rows]


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
        both = []
        for cell, rows in ((self.up, levels.children), (self.down, levels.parents)):
            projected = cell.input_projection(inputs)[levels.order].split(levels.sizes)
            output = memory = inputs.new_zeros(0, cell.hidden_size)
            outputs = []
            sequence = list(zip(projected, rows))
            for own, row in reversed(sequence) if cell is self.up else sequence:
                output, memory = cell(own, relatives_of(output, memory, row))
                outputs.append(output)
            both.append(torch.cat([output[:0], *(outputs[::-1] if cell is self.up else outputs)]))
        joined = torch.cat(both, dim=1)
        return torch.empty_like(joined).index_copy(0, levels.order, joined)


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

    def forward(self, inputs: Tensor, known_labels: Tensor, levels: TreeLevels) -> Tensor:
        """Decode level by level.

        Args:
            inputs: (N, I).
            known_labels: (N,); where it is background, children get the prediction.
            levels: The trees.

        Returns:
            Tensor: Class logits (N, C+1).
        """
        output = memory = inputs.new_zeros(0, self.cell.hidden_size)
        labels = known_labels[:0]
        all_logits = [inputs.new_zeros(0, self.num_classes + 1)]
        rows = (values[levels.order].split(levels.sizes) for values in (inputs, known_labels))
        for own, known, row in zip(*rows, levels.parents):
            words = self.label_embedding(F.pad(labels, (0, 1), value=self.num_classes + 1)[row[0]])
            projected = self.cell.input_projection(torch.cat([own, words], dim=1))
            output, memory = self.cell(projected, relatives_of(output, memory, row))
            logits = self.fc_label(output)
            labels = torch.where(known < self.num_classes, known, logits[:, :-1].argmax(dim=1))
            all_logits.append(logits)
        joined = torch.cat(all_logits)
        return torch.empty_like(joined).index_copy(0, levels.order, joined)
