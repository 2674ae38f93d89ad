"""Greedy decoding of object labels.

Shape shorthand: B images, T steps (objects by confidence), C object classes.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .class_embedding import ClassEmbedding
from .graphed import GraphedFunction, pad_steps
from .highway_lstm import highway_lstm_cell, init_highway_weights
from .highway_recurrence import highway_recurrence


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

    def forward(self, inputs: Tensor, known_labels: Tensor, all_known: bool = False) -> Tensor:
        """Decode all images.

        Args:
            inputs: (B, T, input_size), padded after the objects.
            known_labels: (B, T); where it is background, the next step
                gets the prediction.
            all_known: Whether no label is background. No step then waits for the
                prediction of the one before. Defaults to False.

        Returns:
            Tensor: Class logits (B, T, C+1).
        """
        to_input, to_state = self.input_projection, self.state_projection
        keep = self.dropout(inputs.new_ones(len(inputs), to_state.in_features))
        # The projection of [input, label embedding] is the sum of two.
        of_input, of_label = to_input.weight.split(
            [inputs.shape[2], self.label_embedding.embedding_dim], dim=1
        )
        projected = F.linear(inputs, of_input, to_input.bias)  # (B, T, 6H)
        labels = F.linear(self.label_embedding.weight, of_label)  # (C+2, 6H)
        if all_known:
            before = F.pad(known_labels[:, :-1], (1, 0), value=self.num_classes + 1)
            outputs = highway_recurrence(
                projected + F.embedding(before, labels),
                torch.ones_like(before, dtype=torch.bool),
                keep,
                to_state.weight,
                to_state.bias,
                reverse=False,
            )
            return self.fc_label(outputs)
        arguments = (
            *pad_steps(projected, known_labels),
            labels,
            keep,
            *(x for layer in (to_state, self.fc_label) for x in (layer.weight, layer.bias)),
        )
        decode = decode_steps if torch.is_grad_enabled() else graphed_decode_steps
        return decode(*arguments)[0][:, : inputs.shape[1]]


def decode_steps(
    projected: Tensor,
    known_labels: Tensor,
    labels: Tensor,
    keep: Tensor,
    state_weight: Tensor,
    state_bias: Tensor,
    label_weight: Tensor,
    label_bias: Tensor,
) -> tuple[Tensor]:
    """Run all steps of a :class:`LabelDecoder`, each with the label of the one before.

    Args:
        projected: (B, T, 6H), projected inputs.
        known_labels: (B, T); C where the next step gets the prediction.
        labels: (C+2, 6H), projected embedding of each label, of background and of the
            start.
        keep: (B, H), factors of each output, those of dropout.
        state_weight: (5H, H), of the projection of the previous output.
        state_bias: (5H,).
        label_weight: (C+1, H), of the classifier.
        label_bias: (C+1,).

    Returns:
        tuple[Tensor]: Class logits (B, T, C+1).
    """
    background = len(labels) - 2
    output = memory = torch.zeros_like(keep)
    label, all_logits = torch.full_like(known_labels[:, 0], background + 1), []
    for step, known in zip(projected.unbind(dim=1), known_labels.unbind(dim=1)):
        output, memory = highway_lstm_cell(
            step + F.embedding(label, labels), F.linear(output, state_weight, state_bias), memory
        )
        output = output * keep
        logits = F.linear(output, label_weight, label_bias)
        label = torch.where(known < background, known, logits[:, :-1].argmax(dim=1))
        all_logits.append(logits)
    return (torch.stack(all_logits, dim=1),)


graphed_decode_steps = GraphedFunction(decode_steps)
