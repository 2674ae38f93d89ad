"""LinkNet: relational embeddings among the objects of an image.

Shape shorthand: N objects of a batch, P pairs, B images, C object classes,
d_o features of an object, d_p of a relation.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import RelativeLayoutEncoding
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .role_product_head import RoleProductHead


@MODELS.register_module()
class LinkNetHead(RoleProductHead):
    """The base model of LinkNet (Woo et al., 2018).

    A :class:`RoleProductHead` with a
    :class:`~mmsgp.models.context_encoders.LinkNetContext`. An encoding of the
    relative layout of the two boxes is appended to the product of roles, and
    an additional loss trains the image feature to predict the classes in the
    image.

    Args:
        num_classes: Object classes C, without background.
        num_predicates: Predicates R, without unknown.
        roi_extractor: See :class:`RoleProductHead`, as all that is not listed
            here.
        fc_head: Head of the objects.
        pair_features: Config of the features of pairs.
        hidden_size: Size of an object's context. Defaults to 256.
        layout_dim: Size of the relative layout. Defaults to 128.
        dropout: Of the layout. Defaults to 0.1.
        norm_momentum: Of the batch normalisation of layouts; 0.001 in the
            reference implementation, which takes thousands of steps. Defaults
            to 0.1.
        loss_image_weight: Weight of the loss of the classes in the image.
            Defaults to 1.0.
        image_activation: Activation of the classes in the image, ``'sigmoid'``
            or, as in the reference implementation, ``'softmax'`` (which sums to
            1 even if an image shows several classes). Defaults to ``'sigmoid'``.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        num_predicates: int,
        roi_extractor: dict,
        fc_head: dict,
        pair_features: dict,
        hidden_size: int = 256,
        layout_dim: int = 128,
        dropout: float = 0.1,
        norm_momentum: float = 0.1,
        loss_image_weight: float = 1.0,
        image_activation: str = 'sigmoid',
        embedding_dim: int = 200,
        word_vectors: str | None = None,
        frequency_prior: dict | None = dict(type='FrequencyPrior'),
        scorer: dict | None = None,
        debiasing: dict | None = None,
        rank_by: str | None = None,
        nms_iou_thr: float = 0.3,
        pair_sampler: dict = dict(type='PairSampler'),
        self_relations: bool = False,
        loss_object: dict = dict(type='mmdet.CrossEntropyLoss'),
        loss_relation: dict = dict(type='mmdet.CrossEntropyLoss'),
        init_cfg: dict | None = None,
    ) -> None:
        if image_activation not in ('sigmoid', 'softmax'):
            raise ValueError(
                "relation_head.image_activation must be 'sigmoid' "
                f"or 'softmax', got {image_activation!r}"
            )
        super().__init__(
            num_classes=num_classes,
            num_predicates=num_predicates,
            roi_extractor=roi_extractor,
            fc_head=fc_head,
            pair_features=pair_features,
            context=dict(type='LinkNetContext', hidden_size=hidden_size),
            embedding_dim=embedding_dim,
            word_vectors=word_vectors,
            relation_channels=fc_head['out_channels'] + layout_dim,
            frequency_prior=frequency_prior,
            scorer=scorer,
            debiasing=debiasing,
            rank_by=rank_by,
            nms_iou_thr=nms_iou_thr,
            pair_sampler=pair_sampler,
            self_relations=self_relations,
            loss_object=loss_object,
            loss_relation=loss_relation,
            init_cfg=init_cfg,
        )
        self.loss_image_weight = loss_image_weight
        self.image_activation = image_activation
        self.image_classifier = nn.Linear(self.roi_extractor.out_channels, num_classes + 1)
        self.layout = RelativeLayoutEncoding(layout_dim, dropout, norm_momentum)

    def encode_objects(self, regions: RegionFeatures, objects: ObjectBatch) -> ObjectEncoding:
        """Compute object context, and logits of the classes in an image."""
        encoding = super().encode_objects(regions, objects)
        return encoding._replace(image_logits=self.image_classifier(regions.images))

    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """[Subject role * object role * pair features, layout]: (P, d_p)."""
        layout = self.layout(*objects.bboxes[regions.pairs].unbind(1))
        product = super().relation_features(context, regions, objects)
        return torch.cat([product, layout], dim=1)

    def auxiliary_losses(self, context: ObjectContext, objects: ObjectBatch) -> dict[str, Tensor]:
        """Binary cross-entropy of each class: is it in the image?"""
        logits = context.image_logits
        present = torch.zeros_like(logits)
        present[:, : self.num_classes] = objects.present_classes()
        if self.image_activation == 'softmax':
            # PyTorch has no binary cross-entropy of probabilities in mixed
            # precision; log(1 - p) of a softmax is computed as log(1 - exp(log p)).
            log_p = logits.log_softmax(dim=1)
            log_not_p = torch.log1p(-log_p.exp().clamp(max=1 - 1e-7))
            loss = -(present * log_p + (1 - present) * log_not_p).mean()
        else:
            loss = F.binary_cross_entropy_with_logits(logits, present)
        return dict(loss_image=self.loss_image_weight * loss)
