"""Batch normalisation for batches of any size."""

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class _SmallBatchMixin:
    """Normalises a batch of fewer than two samples by the running statistics.

    An image with one object, or a batch without pairs, has no variance, and
    PyTorch's layers raise an error in training.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training and len(inputs) < 2:
            return F.batch_norm(
                inputs,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                training=False,
                eps=self.eps,
            )
        return super().forward(inputs)


class BatchNorm1d(_SmallBatchMixin, nn.BatchNorm1d):
    """``nn.BatchNorm1d`` for any number of samples, also 0."""


class BatchNorm2d(_SmallBatchMixin, nn.BatchNorm2d):
    """``nn.BatchNorm2d`` for any number of samples, also 0."""
