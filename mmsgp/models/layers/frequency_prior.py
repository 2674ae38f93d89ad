"""The log-frequency of predicates given the two classes."""

from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS


@MODELS.register_module()
class FrequencyPrior(nn.Module):
    """A trainable table of predicate logits for each pair of classes.

    ``table[s, o] = log(count(s, o, p) / sum_p count(s, o, p) + eps)``, with
    the counts of the training set. It is zero until :meth:`fill` is called, when
    training starts, and is saved in the checkpoint.

    Args:
        num_classes: Object classes C, without background.
        num_predicates: Predicates R, without unknown.
        eps: Added to each frequency, so that unseen triplets are possible: the
            larger it is, the less visual evidence they need. Defaults to 1e-3,
            as in the reference implementation of Neural Motifs.

    Raises:
        ValueError: If ``eps`` is not positive.
    """

    def __init__(self, num_classes: int, num_predicates: int, eps: float = 1e-3) -> None:
        super().__init__()
        if eps <= 0:
            raise ValueError(f'frequency_prior.eps must be positive, got {eps!r}')
        self.eps = eps
        rows = num_classes + 1
        self.table = nn.Parameter(torch.zeros(rows, rows, num_predicates + 1))

    @torch.no_grad()
    def fill(self, table: Tensor) -> None:
        """Set the table.

        Args:
            table: (C+1, C+1, R+1), from
                :meth:`DatasetStatistics.frequency_prior`.

        Raises:
            ValueError: If the table has another size than the model's.
        """
        table = torch.as_tensor(table)
        if table.shape != self.table.shape:
            raise ValueError(
                'the frequency prior of the data set has shape '
                f'{tuple(table.shape)} (classes + 1, classes + 1, predicates '
                f'+ 1), but the model needs {tuple(self.table.shape)}: set '
                'num_classes and num_predicates of the relation head to the '
                "data set's"
            )
        self.table.copy_(table)

    def forward(self, subjects: Tensor, objects: Tensor) -> Tensor:
        """Look up the logits of pairs.

        Args:
            subjects: (P,), classes of the subjects.
            objects: (P,), classes of the objects.

        Returns:
            Tensor: (P, R+1).
        """
        rows, _, channels = self.table.shape
        # Its gradient is far cheaper than that of indexing by two tensors.
        return nn.functional.embedding(subjects * rows + objects, self.table.view(-1, channels))
