"""VCTree: trees of objects, and which objects belong together.

Shape shorthand: N objects of a batch, B images, T objects of the fullest image, C object
classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import count_groups
from .gated_pair_head import GatedPairHead
from .head_outputs import RelationOutput


@MODELS.register_module()
class VCTreeHead(GatedPairHead):
    """The base model of VCTree (Tang et al., CVPR 2019), as in Scene-Graph-Benchmark.

    A :class:`GatedPairHead` with a
    :class:`~mmsgp.models.context_encoders.VCTreeContext`, and the arguments of both. An
    additional loss trains the scores of pairs, from which the trees are grown: is a pair
    related, in either direction? There is no fine-tuning by REINFORCE.

    Args:
        hidden_size: Size of an object's context. Defaults to 512; the paper's numbers have
            1024.
        position_dim: Size of a box's position. Defaults to 128.
        norm_momentum: See :class:`VCTreeContext`. Defaults to 0.1.
        decode_inputs: See :class:`VCTreeContext`. Defaults to False.
        decoder_word_vectors: GloVe text file of the decoder's label embedding. Defaults to
            None: random.
        loss_pair_weight: Weight of the additional loss. Defaults to 1.0.
        **kwargs: See :class:`RoleProductHead`.
    """

    def __init__(
        self,
        *,
        hidden_size: int = 512,
        position_dim: int = 128,
        norm_momentum: float = 0.1,
        decode_inputs: bool = False,
        decoder_word_vectors: str | None = None,
        loss_pair_weight: float = 1.0,
        **kwargs,
    ) -> None:
        super().__init__(
            hidden_size=hidden_size,
            context=dict(
                type='VCTreeContext',
                position_dim=position_dim,
                norm_momentum=norm_momentum,
                decode_inputs=decode_inputs,
                decoder_word_vectors=decoder_word_vectors,
            ),
            **kwargs,
        )
        self.loss_pair_weight = loss_pair_weight

    def load_statistics(self, statistics, classes: Sequence[str]) -> None:
        """Take statistics, see :class:`RelationHead`; how often classes are related.

        The co-occurrence starts as the number of relations between two classes, over the
        largest such number.

        Raises:
            ValueError: If the data set has other numbers of classes.
        """
        super().load_statistics(statistics, classes)
        counts = torch.as_tensor(statistics.triplet_counts[..., 1:].sum(axis=2)).float()
        table = self.scorer_of_pairs.cooccurrence.weight
        if counts.shape != table.shape:
            raise ValueError(
                f'the data set has {len(counts) - 1} classes, but the relation head has '
                f"{self.num_classes}: set num_classes of the relation head to the data set's"
            )
        counts = counts + counts.t()
        table.data.copy_(counts / counts.amax().clamp(min=1))

    def relation_losses(
        self, output: RelationOutput, objects: ObjectBatch, targets: Tensor
    ) -> dict[str, Tensor]:
        """Binary cross-entropy of each pair of objects: are they related?"""
        logits = output.context.pair_states.logits  # (B, T, T)
        sizes = count_groups(objects.image_ids, objects.num_images)
        starts = sizes.cumsum(0) - sizes
        steps = torch.arange(logits.shape[1], device=logits.device)
        valid = steps < sizes[:, None]
        subject, object_ = output.pairs.unbind(1)
        image = objects.image_ids[subject]
        places = image, subject - starts[image], object_ - starts[image]
        related = torch.zeros_like(logits).index_put(
            places, (targets > 0).to(logits), accumulate=True
        )
        related = ((related + related.transpose(1, 2)) > 0).to(logits)
        pairs = valid[:, :, None] & valid[:, None, :] & (steps[:, None] != steps)
        losses = F.binary_cross_entropy_with_logits(logits, related, reduction='none') * pairs
        return dict(loss_pair=self.loss_pair_weight * losses.sum() / pairs.sum().clamp(min=1))
