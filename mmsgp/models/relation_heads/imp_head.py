"""IMP: iterative message passing between objects and pairs.

Shape shorthand: N objects of a batch, P pairs, C object classes, H hidden units.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .relation_head import RelationHead


@MODELS.register_module()
class IMPHead(RelationHead):
    """Gated recurrent units of objects and pairs exchange messages (Xu et al., 2017).

    As in Scene-Graph-Benchmark: a pair (i, j) gets the gated sum of its objects' states,
    an object the gated sum of the states of its pairs as subject and as object. Both
    read the previous step. All pairs of an image take part, so pairs cannot be treated
    alone. There is no frequency prior and there are no word vectors.

    Args:
        num_classes: Object classes C, without background.
        fc_head: Head of the objects.
        hidden_size: H, units of an object and of a pair. Defaults to 512.
        num_steps: Steps of message passing. Defaults to 3.
        frequency_prior: Defaults to None: no prior.
        **kwargs: See :class:`RelationHead`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        fc_head: dict,
        hidden_size: int = 512,
        num_steps: int = 3,
        frequency_prior: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            fc_head=fc_head,
            relation_channels=hidden_size,
            frequency_prior=frequency_prior,
            **kwargs,
        )
        self.num_steps = num_steps
        channels = fc_head['out_channels']
        self.fc_object = nn.Linear(channels, hidden_size)
        self.fc_pair = nn.Linear(channels, hidden_size)
        self.object_unit = nn.GRUCell(hidden_size, hidden_size)
        self.pair_unit = nn.GRUCell(hidden_size, hidden_size)
        # of [object, pair]: subject to pair, object to pair, pair to subject, to object
        self.gates = nn.ModuleList(nn.Linear(2 * hidden_size, 1) for _ in range(4))
        self.fc_label = nn.Linear(hidden_size, num_classes + 1)

    def encode_objects(self, regions: RegionFeatures, objects: ObjectBatch) -> ObjectEncoding:
        """Pass messages, and classify the objects.

        Returns:
            ObjectEncoding: With states of objects (N, H) and of pairs (P, H).
        """
        state = self.object_unit(self.fc_object(regions.objects))
        pairs = self.pair_unit(self.fc_pair(regions.unions).relu())
        subject, object_ = regions.pairs.unbind(1)
        for _ in range(self.num_steps):
            subjects, objects_ = state[subject], state[object_]  # (P, H)
            from_subject, from_object, to_subject, to_object = (
                gate(torch.cat([node, pairs], dim=1)).sigmoid()
                for gate, node in zip(self.gates, (subjects, objects_) * 2)
            )
            received = torch.zeros_like(state)
            received = received.index_add(0, subject, to_subject * pairs)
            received = received.index_add(0, object_, to_object * pairs)
            sent = from_subject * subjects + from_object * objects_
            state, pairs = self.object_unit(received, state), self.pair_unit(sent, pairs)
        return ObjectEncoding(self.fc_label(state), state, pair_states=pairs)

    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """Return the states of the pairs: (P, H)."""
        return context.pair_states
