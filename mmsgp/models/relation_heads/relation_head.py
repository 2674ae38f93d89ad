"""The four steps that all base models share.

Shape shorthand: B images, N objects of a batch, P pairs, C object classes,
R predicates, d_o, d_p and d_i features of an object, a relation, an image.
"""
from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn as nn
from mmdet.models.losses import accuracy
from mmdet.structures.bbox import bbox2roi
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.registry import MODELS, TASK_UTILS
from mmsgp.structures import ObjectBatch, SceneGraph

from ..task_modules import all_pairs, label_pairs, overlapping


class RegionFeatures(NamedTuple):
    """What a head sees of the image; the same for PredCls and SGCls."""
    objects: Tensor  # (N, d_o)
    pairs: Tensor  # (P, 2), indices of subject and object
    unions: Tensor  # (P, d_o), features of the pairs
    images: Tensor  # (B, d_i), average-pooled feature map


class ObjectContext(NamedTuple):
    """Step 1: objects that know of each other."""
    logits: Tensor  # (N, C+1), background last
    labels: Tensor  # (N,), given, taught or predicted
    representation: Tensor  # (N, d), model specific


class RelationOutput(NamedTuple):
    """Everything a head computes for some pairs."""
    object_logits: Tensor  # (N, C+1)
    object_labels: Tensor  # (N,)
    relation_logits: Tensor  # (P, R+1), unknown first
    significance: Tensor | None  # (P,), before the sigmoid


class RelationHead(BaseModule, metaclass=ABCMeta):
    """Base of all relation heads: context, pairs, classify, rank.

    A base model supplies :meth:`context` and :meth:`relate`; losses and the
    Scorer are components of the config.

    Args:
        num_classes (int): Object classes C, without background.
        num_predicates (int): Predicates R, without unknown.
        relation_channels (int): d_p, what :meth:`relate` returns.
        roi_extractor (dict): RoI extractor of the objects.
        fc_head (dict): Head that embeds the pooled objects to d_o.
        pair_features (dict): Config of the features of pairs.
        frequency_prior (dict, optional): Config of a prior that is added to
            the predicate logits. Defaults to ``FrequencyPrior``.
        scorer (dict, optional): Config of the Scorer; without one, relations
            are ranked by the product of probabilities. Defaults to None.
        pair_sampler (dict): Config of the sampler of training pairs.
        loss_object (dict): Loss of object logits (N, C+1) and labels.
        loss_relation (dict): Loss of predicate logits (P, R+1) and labels.
        init_cfg (dict, optional): Defaults to None.
    """

    def __init__(
            self,
            *,
            num_classes: int,
            num_predicates: int,
            relation_channels: int,
            roi_extractor: dict,
            fc_head: dict,
            pair_features: dict,
            frequency_prior: dict | None = dict(type='FrequencyPrior'),
            scorer: dict | None = None,
            pair_sampler: dict = dict(type='PairSampler'),
            loss_object: dict = dict(type='mmdet.CrossEntropyLoss'),
            loss_relation: dict = dict(type='mmdet.CrossEntropyLoss'),
            init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.num_classes = num_classes
        self.num_predicates = num_predicates
        self.roi_extractor = MODELS.build(roi_extractor)
        self.fc_head = MODELS.build(fc_head)
        self.pair_features = MODELS.build(pair_features)
        self.fc_predicate = nn.Linear(relation_channels, num_predicates + 1)
        nn.init.xavier_normal_(self.fc_predicate.weight)
        sizes = dict(num_classes=num_classes, num_predicates=num_predicates)
        self.frequency_prior = None if frequency_prior is None else \
            MODELS.build({**frequency_prior, **sizes})
        self.scorer = None if scorer is None else MODELS.build({
            **scorer, 'relation_channels': relation_channels,
            'num_predicates': num_predicates,
            'image_channels': self.roi_extractor.out_channels
        })
        self.pair_sampler = TASK_UTILS.build(pair_sampler)
        self.loss_object = MODELS.build(loss_object)
        self.loss_relation = MODELS.build(loss_relation)

    # ---- what a base model supplies

    @abstractmethod
    def context(self, features: Tensor, objects: ObjectBatch) -> ObjectContext:
        """Step 1: relate the objects of each image.

        Args:
            features (Tensor): (N, d_o).
            objects (ObjectBatch): Boxes, logits and what the task gives.
        """

    @abstractmethod
    def relate(self, context: ObjectContext, objects: ObjectBatch,
               pairs: Tensor, unions: Tensor) -> Tensor:
        """Step 2: features of relations.

        Args:
            context (ObjectContext): Output of step 1.
            objects (ObjectBatch): The objects.
            pairs (Tensor): (P, 2).
            unions (Tensor): (P, d_o).

        Returns:
            Tensor: (P, d_p).
        """

    def load_priors(self, statistics, classes: Sequence[str]) -> None:
        """Take what the head needs of the training set.

        Args:
            statistics (DatasetStatistics): Of the training set.
            classes (Sequence[str]): The C class names.
        """
        if self.frequency_prior is not None:
            self.frequency_prior.fill(statistics.frequency_prior())

    def copy_fc_heads(self, source: nn.Module) -> None:
        """Start the heads of objects and pairs as a copy of the detector's.

        Args:
            source (nn.Module): The detector's head; where sizes differ, a
                head keeps its own initialisation.
        """
        weights = source.state_dict()
        for head in (self.fc_head, self.pair_features.fc_head):
            own = head.state_dict()
            if {k: v.shape for k, v in own.items()
                } == {k: v.shape for k, v in weights.items()}:
                head.load_state_dict(weights)

    # ---- the four steps

    def extract_regions(self,
                        feature_maps: tuple[Tensor, ...],
                        objects: ObjectBatch,
                        pairs: Tensor | None = None) -> RegionFeatures:
        """Pool objects and pairs.

        Args:
            feature_maps (tuple[Tensor]): Of B images.
            objects (ObjectBatch): N objects.
            pairs (Tensor, optional): (P, 2). Defaults to all candidates.
        """
        if pairs is None:
            pairs = self.candidate_pairs(objects)
        rois = bbox2roi(list(objects.bboxes.split(objects.sizes)))
        return RegionFeatures(
            objects=self.fc_head(self.roi_extractor(feature_maps, rois)),
            pairs=pairs,
            unions=self.pair_features(feature_maps, objects.bboxes,
                                      objects.image_ids, pairs),
            images=feature_maps[-1].mean(dim=(2, 3)))

    @staticmethod
    def candidate_pairs(objects: ObjectBatch) -> Tensor:
        """All pairs of given boxes; of detected ones those that overlap."""
        pairs = all_pairs(objects.image_ids)
        if objects.class_bboxes is not None:
            pairs = pairs[overlapping(objects.bboxes, pairs)]
        return pairs

    def forward(self, regions: RegionFeatures,
                objects: ObjectBatch) -> RelationOutput:
        """Run context, pairs, classification and scoring.

        Args:
            regions (RegionFeatures): Visual features.
            objects (ObjectBatch): Boxes, logits and what the task gives.

        Returns:
            RelationOutput: Logits of objects and relations, labels and, with
            a Scorer, significance.
        """
        pairs = regions.pairs
        context = self.context(regions.objects, objects)
        features = self.relate(context, objects, pairs, regions.unions)
        logits = self.fc_predicate(features)  # (P, R+1)
        if self.frequency_prior is not None:
            logits = logits + self.frequency_prior(
                *context.labels[pairs].unbind(1))
        significance = None
        if self.scorer is not None:
            significance = self.scorer(features, logits.softmax(dim=1),
                                       regions.images,
                                       objects.image_ids[pairs[:, 0]])
        return RelationOutput(context.logits, context.labels, logits,
                              significance)

    # ---- training

    def loss(self, feature_maps: tuple[Tensor, ...], objects: ObjectBatch,
             relations: list[InstanceData]) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            feature_maps (tuple[Tensor]): Of B images.
            objects (ObjectBatch): With ``targets``.
            relations (list[InstanceData]): Annotated ``pairs`` and ``labels``
                of each image, no pair twice.

        Returns:
            dict: Losses by name, and the accuracy on objects and on annotated
            relations in percent.
        """
        pairs, labels = self.sample_pairs(objects, relations)
        regions = self.extract_regions(feature_maps, objects, pairs)
        return self.loss_by_feat(
            self(regions, objects), objects.targets, labels)

    def sample_pairs(
            self, objects: ObjectBatch,
            relations: list[InstanceData]) -> tuple[Tensor, Tensor]:
        """Training pairs (P, 2) and their predicates (P,), 0 is unknown."""
        start, annotated = 0, []
        for relation, size in zip(relations, objects.sizes):
            annotated.append(relation.pairs + start)
            start += size
        pairs = all_pairs(objects.image_ids)
        labels = label_pairs(pairs, torch.cat(annotated),
                             torch.cat([r.labels for r in relations]), start)
        sampled = self.pair_sampler(objects.image_ids[pairs[:, 0]], labels,
                                    objects.num_images)
        return pairs[sampled], labels[sampled]

    def loss_by_feat(self, output: RelationOutput, object_targets: Tensor,
                     relation_targets: Tensor) -> dict[str, Tensor]:
        """Losses of an output against labels (N,) and predicates (P,)."""
        annotated = relation_targets > 0
        losses = dict(
            loss_object=_loss_or_zero(self.loss_object, output.object_logits,
                                      object_targets),
            loss_relation=_loss_or_zero(self.loss_relation,
                                        output.relation_logits,
                                        relation_targets))
        if self.scorer is not None:
            losses['loss_significance'] = self.scorer.loss(
                output.significance, annotated)
        if len(object_targets):
            losses['acc_object'] = accuracy(output.object_logits,
                                            object_targets)
        if annotated.any():
            losses['acc_relation'] = accuracy(
                output.relation_logits[annotated, 1:],
                relation_targets[annotated] - 1)
        return losses

    # ---- inference

    def predict(self, regions: RegionFeatures,
                objects: ObjectBatch) -> list[SceneGraph]:
        """Graphs of B images, relations best first, boxes as given."""
        return self.predict_by_feat(
            self(regions, objects), objects, regions.pairs)

    def predict_by_feat(self, output: RelationOutput, objects: ObjectBatch,
                        pairs: Tensor) -> list[SceneGraph]:
        """Rank the relations of each image.

        With a Scorer relations are ranked by significance alone, otherwise by
        the product of the probabilities of subject, predicate and object.
        *Unknown* is never predicted.

        Args:
            output (RelationOutput): Output of :meth:`forward`.
            objects (ObjectBatch): The objects of B images.
            pairs (Tensor): (P, 2), image after image.

        Returns:
            list[SceneGraph]: One graph an image; its relations hold ``pairs``,
            ``labels``, ``scores``, ``distribution`` and, with a Scorer,
            ``significance``.
        """
        labels, bboxes = output.object_labels, objects.bboxes
        rows = torch.arange(len(labels), device=labels.device)
        scores = _full_precision(output.object_logits).softmax(
            dim=1)[rows, labels]
        if objects.labels is not None:
            scores = torch.ones_like(scores)
        if objects.class_bboxes is not None:
            bboxes = objects.class_bboxes[rows, labels]

        distribution = _full_precision(output.relation_logits).softmax(
            dim=1)  # (P, R+1)
        relation_scores, predicates = distribution[:, 1:].max(dim=1)
        relations = dict(labels=predicates + 1, distribution=distribution)
        if output.significance is None:
            relation_scores = relation_scores * scores[pairs].prod(dim=1)
            sort_key = relation_scores
        else:
            # Sorted by logit, for the sigmoid saturates.
            sort_key = _full_precision(output.significance)
            relation_scores = sort_key.sigmoid()
            relations['significance'] = relation_scores
        relations['scores'] = relation_scores

        graphs, start = [], 0
        image_of_pair = objects.image_ids[pairs[:, 0]]
        counts = image_of_pair.bincount(minlength=objects.num_images).tolist()
        pair_chunks = torch.arange(
            len(pairs), device=pairs.device).split(counts)
        for size, chunk in zip(objects.sizes, pair_chunks):
            order = chunk[sort_key[chunk].argsort(
                descending=True, stable=True)]
            image = slice(start, start + size)
            graphs.append(
                SceneGraph(
                    objects=InstanceData(
                        bboxes=bboxes[image],
                        labels=labels[image],
                        scores=scores[image]),
                    relations=InstanceData(
                        pairs=pairs[order] - start,
                        **{k: v[order]
                           for k, v in relations.items()})))
            start += size
        return graphs


def _loss_or_zero(loss: nn.Module, logits: Tensor, labels: Tensor) -> Tensor:
    """The loss, or a zero with a gradient where there is nothing to learn."""
    return loss(logits, labels) if len(labels) else logits.sum() * 0


def _full_precision(logits: Tensor) -> Tensor:
    """Half precision would make ties."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
