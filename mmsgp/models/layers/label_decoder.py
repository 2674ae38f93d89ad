"""Greedy decoding of object labels.

Shape shorthand: B images, T steps (objects by confidence), C object classes.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from .class_embedding import ClassEmbedding
from .highway_lstm import highway_lstm_cell, init_highway_weights


class LabelDecoder(nn.Module):
    """A highway LSTM that sees the previous object's label at each step.

    That is its known label (teacher forcing in training), or else the best class
    other than background.

    Args:
        num_classes: C, without background.
        input_size: Size of an object's representation.
        hidden_size: Defaults to 256.
        embedding_dim: Size of a label's embedding. Defaults to 100.
        dropout: Recurrent dropout. Defaults to 0.1.
        word_vectors: GloVe text file that the embedding of labels starts from,
            see :class:`ClassEmbedding`. Defaults to None.
    """

    def __init__(
        self,
        num_classes: int,
        input_size: int,
        hidden_size: int = 256,
        embedding_dim: int = 100,
        dropout: float = 0.1,
        word_vectors: str | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        # Classes, background and, in the last row, the start of a sequence.
        self.label_embedding = ClassEmbedding(num_classes + 2, embedding_dim, word_vectors)
        self.input_projection = nn.Linear(input_size + embedding_dim, 6 * hidden_size)
        self.state_projection = nn.Linear(hidden_size, 5 * hidden_size)
        self.fc_label = nn.Linear(hidden_size, num_classes + 1)
        self.dropout = nn.Dropout(dropout)
        init_highway_weights(self.input_projection, self.state_projection)

    def forward(self, inputs: Tensor, known_labels: Tensor) -> Tensor:
        """Decode all images step by step.

        Args:
            inputs: (B, T, input_size), padded after the objects.
            known_labels: (B, T); where it is background, the next step
                gets the prediction.

        Returns:
            Tensor: Class logits (B, T, C+1).
        """
        batch, steps, _ = inputs.shape
        output = inputs.new_zeros(batch, self.state_projection.in_features)
        memory = torch.zeros_like(output)
        keep = self.dropout(torch.ones_like(output))
        label = torch.full((batch,), self.num_classes + 1, device=inputs.device)
        all_logits = []
        for t in range(steps):
            step = torch.cat([inputs[:, t], self.label_embedding(label)], 1)
            output, memory = highway_lstm_cell(
                self.input_projection(step), self.state_projection(output), memory
            )
            output = output * keep
            logits = self.fc_label(output)
            known = known_labels[:, t]
            label = torch.where(known < self.num_classes, known, logits[:, :-1].argmax(dim=1))
            all_logits.append(logits)
        return torch.stack(all_logits, 1)
