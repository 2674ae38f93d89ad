"""Greedy decoding of object labels, and joint suppression over classes.

Shape shorthand: B images, T steps (objects by confidence), C object classes.
"""
from __future__ import annotations

import torch
import torch.nn as nn
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from .class_embedding import ClassEmbedding
from .highway_lstm import highway_lstm_cell, init_highway_weights


class LabelDecoder(nn.Module):
    """A highway LSTM that sees the previous object's label at each step.

    In training the labels are given (teacher forcing); otherwise the best
    class other than background is taken, and handed on.

    Args:
        num_classes (int): C, without background.
        input_size (int): Size of an object's representation.
        hidden_size (int): Defaults to 256.
        embedding_dim (int): Size of a label's embedding. Defaults to 100.
        dropout (float): Recurrent dropout. Defaults to 0.1.
        word_vectors (str, optional): GloVe text file that the embedding of
            labels starts from, see :class:`ClassEmbedding`. Defaults to None.
    """

    def __init__(self,
                 num_classes: int,
                 input_size: int,
                 hidden_size: int = 256,
                 embedding_dim: int = 100,
                 dropout: float = 0.1,
                 word_vectors: str | None = None) -> None:
        super().__init__()
        self.num_classes = num_classes
        # Classes, background and, in the last row, the start of a sequence.
        self.label_embedding = ClassEmbedding(num_classes + 2, embedding_dim,
                                              word_vectors)
        self.input_projection = nn.Linear(input_size + embedding_dim,
                                          6 * hidden_size)
        self.state_projection = nn.Linear(hidden_size, 5 * hidden_size)
        self.fc_label = nn.Linear(hidden_size, num_classes + 1)
        self.dropout = nn.Dropout(dropout)
        init_highway_weights(self.input_projection, self.state_projection)

    def forward(self,
                inputs: Tensor,
                targets: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Decode all images step by step.

        Args:
            inputs (Tensor): (B, T, input_size), padding behind the objects.
            targets (Tensor, optional): (B, T), true labels; where one is
                background the prediction is handed on instead.

        Returns:
            tuple[Tensor, Tensor]: Class logits (B, T, C+1) and the labels
            that were handed on, (B, T).
        """
        batch, steps, _ = inputs.shape
        output = inputs.new_zeros(batch, self.state_projection.in_features)
        memory = torch.zeros_like(output)
        keep = self.dropout(torch.ones_like(output))
        label = torch.full((batch, ), self.num_classes + 1,
                           device=inputs.device)
        all_logits, all_labels = [], []
        for t in range(steps):
            step = torch.cat([inputs[:, t], self.label_embedding(label)], 1)
            output, memory = highway_lstm_cell(
                self.input_projection(step), self.state_projection(output),
                memory)
            output = output * keep
            logits = self.fc_label(output)
            label = logits[:, :-1].argmax(dim=1)
            if targets is not None:
                known = targets[:, t] < self.num_classes
                label = torch.where(known, targets[:, t], label)
            all_logits.append(logits)
            all_labels.append(label)
        return torch.stack(all_logits, 1), torch.stack(all_labels, 1)


def joint_nms(probabilities: Tensor,
              bboxes: Tensor,
              valid: Tensor,
              iou_thr: float = 0.3) -> Tensor:
    """Label boxes, best first, suppressing a class where it was just found.

    Again and again the highest probability over all boxes without a label and
    all classes labels its box; the class is then suppressed in every box that
    overlaps it there (the decoder of Neural Motifs). A suppressed class is
    taken only by a box that has all its classes suppressed.

    Args:
        probabilities (Tensor): (B, T, C), without background.
        bboxes (Tensor): (B, T, C, 4), the box of each class.
        valid (Tensor): (B, T), bool, False at padding.
        iou_thr (float): IoU from which boxes overlap. Defaults to 0.3.

    Returns:
        Tensor: (B, T), labels.
    """
    batch, steps, num_classes = probabilities.shape
    labelled = -2.0  # below any suppressed probability, which is in [-1, 0]
    scores = probabilities.masked_fill(~valid[..., None], labelled)
    labels = valid.new_zeros((batch, steps), dtype=torch.long)
    images = torch.arange(batch, device=scores.device)
    for _ in range(steps):
        best = scores.flatten(1).argmax(dim=1)  # (B,)
        box, label = best // num_classes, best % num_classes
        still_free = scores[images, box, label] > labelled
        labels[images, box] = torch.where(still_free, label,
                                          labels[images, box])
        class_boxes = bboxes[images, :, label]  # (B, T, 4)
        overlap = bbox_overlaps(class_boxes[images, box, None],
                                class_boxes)[:, 0] >= iou_thr  # (B, T)
        column = scores[images, :, label]  # (B, T)
        column = torch.where(overlap & (column > 0), column - 1, column)
        scores[images, :, label] = column
        scores[images, box] = labelled
    return labels
