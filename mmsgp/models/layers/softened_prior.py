"""The softened frequencies of predicates given the two classes."""

from __future__ import annotations

from torch import Tensor

from mmsgp.registry import MODELS

from .frequency_prior import FrequencyPrior


@MODELS.register_module()
class SoftenedFrequencyPrior(FrequencyPrior):
    """``log softmax_p(frequency(s, o, p))`` instead of the log-frequency.

    Source: the adaptive reasoning module of GPS-Net (Lin et al., 2020). Frequencies lie in
    0 .. 1, so the most frequent predicate is at most e times as probable as one that was
    never seen. As in :class:`FrequencyPrior`, unknown counts the overlapping pairs of all
    training images; the official code counts those of images with such a relation.
    """

    def fill(self, table: Tensor) -> None:
        """Set the table from log-frequencies, see :class:`FrequencyPrior`."""
        super().fill(table)
        frequencies = self.table.data.exp() - self.eps
        self.table.data = frequencies.log_softmax(dim=2)
