"""Heads whose pairs of roles gate the union features, over a context encoder.

Shape shorthand: N objects of a batch, P pairs, H hidden units of a role, d_o features
of a union.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import SummedLinear, init_xavier, project_parts
from .head_outputs import ObjectContext, RegionFeatures
from .role_product_head import RoleProductHead


@MODELS.register_module()
class GatedPairHead(RoleProductHead):
    """A gate of [subject role, object role] on the union feature, beside the roles.

    With p = [subject role, object role], the relation feature is [u * gate(p), p], and
    each half has a linear classifier of its own. Source: the predictors of
    Scene-Graph-Benchmark (Tang et al., 2020) for Transformer and VCTree.

    Args:
        fc_head: Head of the objects, as of :class:`RoleProductHead`; its
            ``out_channels`` is d_o.
        context: Config of a context encoder whose roles have ``hidden_size`` values each.
        hidden_size: H. Defaults to 512.
        **kwargs: See :class:`RoleProductHead`.
    """

    def __init__(self, *, fc_head: dict, context: dict, hidden_size: int = 512, **kwargs) -> None:
        channels = fc_head['out_channels']
        super().__init__(
            fc_head=fc_head,
            context=dict(hidden_size=hidden_size, **context),
            relation_channels=channels + 2 * hidden_size,
            context_channels=2 * hidden_size,
            **kwargs,
        )
        self.fc_gate = init_xavier(nn.Linear(2 * hidden_size, channels))

    def build_classifier(self, relation_channels: int) -> nn.Module:
        """Build a classifier with a layer for the union and one for the roles."""
        union = self.fc_head.out_channels
        return SummedLinear((union, relation_channels - union), self.num_predicates + 1)

    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """[Gated union feature, roles]: (P, d_o + 2 * H)."""
        subjects, objects_ = context.representation.chunk(2, dim=1)
        subject, object_ = regions.pairs.unbind(1)
        # The gate is linear in the roles: each is projected once, not once per pair.
        of_subject, of_object = project_parts(self.fc_gate.weight, subjects, objects_)
        of_subject = of_subject + self.fc_gate.bias.to(of_subject.dtype)
        gates = of_subject.index_select(0, subject) + of_object.index_select(0, object_)
        roles = subjects.index_select(0, subject), objects_.index_select(0, object_)
        return torch.cat([regions.unions * gates, *roles], dim=1)
