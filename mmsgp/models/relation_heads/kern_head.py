"""KERN: gated graph networks over co-occurring classes and predicates.

Shape shorthand: N objects of a batch, P pairs, B images, C object classes,
R predicates, H hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import ObjectGraph, PairGraph
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .relation_head import RelationHead


@MODELS.register_module()
class KERNHead(RelationHead):
    """The base model of KERN (Chen et al., 2019).

    A graph over all objects of an image and all classes labels the objects:
    a node for each object and class, joined by the classes' co-occurrence in
    the training set. A graph for each pair classifies it: nodes for subject,
    object and each predicate, joined by the predicates' co-occurrence with
    the two labels. All nodes of a pair's graph together are its feature.

    Args:
        num_classes: Object classes C, without background.
        num_predicates: Predicates R, without unknown.
        roi_extractor: See :class:`RelationHead`, as all that is not listed
            here.
        fc_head: Head of the objects.
        pair_features: Config of the features of pairs.
        hidden_size: H, units of a node. Defaults to 512.
        num_steps: Steps of message passing. Defaults to 3.
        frequency_prior: Defaults to None: no prior.
    """

    pairs_per_chunk = 256

    def __init__(
        self,
        *,
        num_classes: int,
        num_predicates: int,
        roi_extractor: dict,
        fc_head: dict,
        pair_features: dict,
        hidden_size: int = 512,
        num_steps: int = 3,
        frequency_prior: dict | None = None,
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
        super().__init__(
            num_classes=num_classes,
            num_predicates=num_predicates,
            relation_channels=(num_predicates + 3) * hidden_size,
            roi_extractor=roi_extractor,
            fc_head=fc_head,
            pair_features=pair_features,
            frequency_prior=frequency_prior,
            scorer=scorer,
            debiasing=debiasing,
            context_channels=fc_head['out_channels'],
            rank_by=rank_by,
            nms_iou_thr=nms_iou_thr,
            pair_sampler=pair_sampler,
            self_relations=self_relations,
            loss_object=loss_object,
            loss_relation=loss_relation,
            init_cfg=init_cfg,
        )
        channels = fc_head['out_channels']
        self.fc_object = nn.Linear(channels, hidden_size)
        self.object_graph = ObjectGraph(num_classes + 1, hidden_size, num_steps)
        self.fc_role = nn.Linear(channels, hidden_size)
        self.fc_pair = nn.Linear(channels, hidden_size)
        self.pair_graph = PairGraph(hidden_size, num_steps)
        self.register_buffer('object_cooccurrence', torch.zeros(num_classes + 1, num_classes + 1))
        self.register_buffer(
            'predicate_cooccurrence',
            torch.zeros(num_classes + 1, num_classes + 1, num_predicates + 1),
        )

    def build_classifier(self, relation_channels: int) -> nn.Module:
        """Build a linear classifier that starts close to zero.

        With margin 0, CCE falls when all logits shrink. Without a frequency
        prior, large random logits make training shrink the features until all
        pairs look the same; starting close to zero avoids this.
        """
        classifier = super().build_classifier(relation_channels)
        nn.init.xavier_normal_(classifier.weight, gain=0.01)
        return classifier

    def load_statistics(self, statistics, classes: Sequence[str]) -> None:
        """Take the co-occurrences of the training set.

        Raises:
            ValueError: If the data set has other numbers of classes.
        """
        super().load_statistics(statistics, classes)
        # The background co-occurs with nothing.
        objects = nn.functional.pad(torch.as_tensor(statistics.object_cooccurrence), (0, 1, 0, 1))
        predicates = torch.as_tensor(statistics.predicate_cooccurrence)
        for buffer, values in (
            (self.object_cooccurrence, objects),
            (self.predicate_cooccurrence, predicates),
        ):
            if buffer.shape != values.shape:
                raise ValueError(
                    'the co-occurrences of the data set have shape '
                    f'{tuple(values.shape)}, but the model needs '
                    f'{tuple(buffer.shape)}: set num_classes and '
                    "num_predicates of the relation head to the data set's"
                )
            buffer.copy_(values)

    def encode_objects(self, regions: RegionFeatures, objects: ObjectBatch) -> ObjectEncoding:
        """Classify the objects by their graph.

        Returns:
            ObjectEncoding: With the visual features as representation.
        """
        logits = objects.logits
        if not objects.is_labelled:
            logits = self.object_graph(
                self.fc_object(regions.objects),
                objects.image_ids,
                objects.num_images,
                self.object_cooccurrence,
            )
        return ObjectEncoding(logits, regions.objects)

    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """Compute all nodes of the graph of each pair: (P, (R+3) * H)."""
        roles = self.fc_role(context.representation)
        unions = self.fc_pair(regions.unions)
        subject, object_ = regions.pairs.unbind(1)
        weights = self.predicate_cooccurrence[context.labels[subject], context.labels[object_]]
        subjects, objects_ = (roles.index_select(0, ids) for ids in (subject, object_))
        return self.pair_graph(subjects, objects_, unions, weights)
