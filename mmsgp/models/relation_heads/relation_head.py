"""The four steps that all base models share.

Shape shorthand: B images, N objects of a batch, P pairs, C object classes,
R predicates, d_o, d_p and d_i features of an object, a relation, an image.
"""
from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn as nn
from mmdet.models.losses import accuracy
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor

from mmsgp.registry import MODELS, TASK_UTILS
from mmsgp.structures import ObjectBatch, SceneGraph
from mmsgp.structures.ranking import check_ranking, default_ranking

from ..layers import ObjectSequences, joint_nms
from ..task_modules import all_pairs, label_pairs, overlapping
from .head_outputs import ObjectContext, RegionFeatures, RelationOutput
from .ranking import rank_relations


class RelationHead(BaseModule, metaclass=ABCMeta):
    """Base of all relation heads: context, pairs, classify, rank.

    A base model supplies :meth:`context` and :meth:`relate`; losses and the
    Scorer are components of the config. Most base models look at objects and
    pairs: they derive from :class:`~.visual_relation_head.VisualRelationHead`.

    Args:
        num_classes (int): Object classes C, without background.
        num_predicates (int): Predicates R, without unknown.
        relation_channels (int): d_p, what :meth:`relate` returns.
        image_channels (int): d_i, channels of the last feature map.
        extractors (dict[str, dict]): Configs of modules that look at the
            feature maps, by the name of their attribute. Defaults to none.
        frequency_prior (dict, optional): Config of a prior that is added to
            the predicate logits. Defaults to ``FrequencyPrior``.
        scorer (dict, optional): Config of the Scorer. Defaults to None.
        rank_by (str, optional): What orders the relations of an image, see
            :mod:`mmsgp.structures.ranking`; it may change after training.
            Defaults to None: ``'expected_significance'`` with a Scorer, else
            ``'probability'``.
        nms_iou_thr (float): IoU of the joint suppression over classes that
            labels detected objects. Defaults to 0.3.
        pair_sampler (dict): Config of the sampler of training pairs.
        self_relations (bool): Whether annotated relations of an object with
            itself are trained on, as in the reference implementation. Tests
            never predict one. Defaults to False.
        loss_object (dict): Loss of object logits (N, C+1) and labels.
        loss_relation (dict): Loss of predicate logits (P, R+1) and labels.
        init_cfg (dict, optional): Defaults to None.

    Attributes:
        pairs_per_chunk (int, optional): A base model whose :meth:`relate`
            looks at each pair alone may have it called on so many at once
            where no gradients are needed: features of pairs are the largest
            tensors of all. Defaults to None: on all pairs.
    """
    pairs_per_chunk: int | None = None

    def __init__(
            self,
            *,
            num_classes: int,
            num_predicates: int,
            relation_channels: int,
            image_channels: int,
            extractors: dict[str, dict] = {},
            frequency_prior: dict | None = dict(type='FrequencyPrior'),
            scorer: dict | None = None,
            rank_by: str | None = None,
            nms_iou_thr: float = 0.3,
            pair_sampler: dict = dict(type='PairSampler'),
            self_relations: bool = False,
            loss_object: dict = dict(type='mmdet.CrossEntropyLoss'),
            loss_relation: dict = dict(type='mmdet.CrossEntropyLoss'),
            init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.num_classes = num_classes
        self.num_predicates = num_predicates
        self.nms_iou_thr = nms_iou_thr
        self.self_relations = self_relations
        self.rank_by = rank_by or default_ranking(with_scorer=scorer is not None)
        check_ranking(self.rank_by, with_scorer=scorer is not None)
        for name, extractor in extractors.items():
            setattr(self, name, MODELS.build(extractor))
        self.fc_predicate = self.build_classifier(relation_channels)
        sizes = dict(num_classes=num_classes, num_predicates=num_predicates)
        self.frequency_prior = None if frequency_prior is None else \
            MODELS.build({**frequency_prior, **sizes})
        self.scorer = None if scorer is None else MODELS.build({
            **scorer, 'relation_channels': relation_channels,
            'num_predicates': num_predicates,
            'image_channels': image_channels
        })
        self.pair_sampler = TASK_UTILS.build(pair_sampler)
        self.loss_object = MODELS.build(loss_object)
        self.loss_relation = MODELS.build(loss_relation)

    # ---- what a base model supplies

    @abstractmethod
    def context(self, regions: RegionFeatures,
                objects: ObjectBatch) -> ObjectContext:
        """Step 1: relate the objects of each image.

        Args:
            regions (RegionFeatures): Visual features.
            objects (ObjectBatch): Boxes, logits and what the task gives.
        """

    @abstractmethod
    def relate(self, context: ObjectContext, regions: RegionFeatures,
               objects: ObjectBatch) -> Tensor:
        """Step 2: features of relations.

        Args:
            context (ObjectContext): Output of step 1.
            regions (RegionFeatures): Visual features, and the pairs.
            objects (ObjectBatch): The objects.

        Returns:
            Tensor: (P, d_p).
        """

    def build_classifier(self, relation_channels: int) -> nn.Module:
        """Step 3: what turns features (P, d_p) into logits (P, R+1)."""
        classifier = nn.Linear(relation_channels, self.num_predicates + 1)
        nn.init.xavier_normal_(classifier.weight)
        return classifier

    def own_losses(self, context: ObjectContext,
                   objects: ObjectBatch) -> dict[str, Tensor]:
        """Losses that only this base model has."""
        return {}

    def load_priors(self, statistics, classes: Sequence[str]) -> None:
        """Take what the head needs of the training set.

        Args:
            statistics (DatasetStatistics): Of the training set.
            classes (Sequence[str]): The C class names.
        """
        if self.frequency_prior is not None:
            self.frequency_prior.fill(
                statistics.frequency_prior(self.frequency_prior.eps))

    def copy_fc_heads(self, source: nn.Module) -> None:
        """Start heads of VGG's fc layers as a copy of the detector's.

        Args:
            source (nn.Module): The detector's head.
        """

    def choose_labels(self, logits: Tensor, objects: ObjectBatch) -> Tensor:
        """Labels of objects: given, taught, or the best class.

        Detected objects are labelled by :func:`joint_nms`.

        Args:
            logits (Tensor): (N, C+1).
            objects (ObjectBatch): What the task gives.

        Returns:
            Tensor: (N,).
        """
        if objects.labels is not None:
            return objects.labels
        best = logits[:, :-1].argmax(dim=1)
        if objects.targets is not None:
            known = objects.targets < self.num_classes
            return torch.where(known, objects.targets, best)
        if objects.class_bboxes is None:
            return best
        sequences = ObjectSequences(objects.image_ids, objects.sizes,
                                    logits.new_zeros(len(logits)))
        return sequences.unpad(
            joint_nms(
                sequences.pad(logits.softmax(dim=1)[:, :-1]),
                sequences.pad(objects.class_bboxes), sequences.valid,
                self.nms_iou_thr))

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
        return RegionFeatures(pairs, feature_maps[-1].mean(dim=(2, 3)))

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

        Mixed precision ends here: it is for vision, where the work is. Rare
        predicates are told by close scores.

        Args:
            regions (RegionFeatures): Visual features.
            objects (ObjectBatch): Boxes, logits and what the task gives.

        Returns:
            RelationOutput: Logits of objects and relations, labels and, with
            a Scorer, significance.
        """
        with torch.autocast(regions.images.device.type, enabled=False):
            return self._run_steps(regions, objects)

    def _run_steps(self, regions: RegionFeatures,
                   objects: ObjectBatch) -> RelationOutput:
        context = self.context(regions, objects)
        chunks = [regions]
        # In training statistics of a batch are those of all its pairs.
        if self.pairs_per_chunk and not (self.training or
                                         torch.is_grad_enabled()):
            chunks = regions.split_pairs(self.pairs_per_chunk)
        logits, embedded = zip(*(self._classify(context, chunk, objects)
                                 for chunk in chunks))
        significance = None
        if self.scorer is not None:
            significance = self.scorer(
                torch.cat(embedded), regions.images,
                objects.image_ids[regions.pairs[:, 0]])
        return RelationOutput(context, torch.cat(logits), significance)

    def _classify(self, context: ObjectContext, regions: RegionFeatures,
                  objects: ObjectBatch) -> tuple[Tensor, Tensor | None]:
        """Logits of pairs (P, R+1), and what the Scorer makes of them."""
        features = self.relate(context, regions, objects)
        logits = self.fc_predicate(features)
        if self.frequency_prior is not None:
            logits = logits + self.frequency_prior(
                *context.labels[regions.pairs].unbind(1))
        if self.scorer is None:
            return logits, None
        return logits, self.scorer.embed(features, logits.softmax(dim=1))

    # ---- training

    def loss(self, feature_maps: tuple[Tensor, ...], objects: ObjectBatch,
             relations: list[InstanceData]) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            feature_maps (tuple[Tensor]): Of B images.
            objects (ObjectBatch): With ``targets``.
            relations (list[InstanceData]): Annotated ``pairs`` of these
                objects and their ``labels``, image by image, no pair twice.

        Returns:
            dict: Losses by name, and the accuracy on objects and on annotated
            relations in percent.
        """
        pairs, labels = self.sample_pairs(objects, relations)
        regions = self.extract_regions(feature_maps, objects, pairs)
        return self.loss_by_feat(self(regions, objects), objects, labels)

    def sample_pairs(
            self, objects: ObjectBatch,
            relations: list[InstanceData]) -> tuple[Tensor, Tensor]:
        """Training pairs (P, 2) and their predicates (P,), 0 is unknown."""
        start, annotated = 0, []
        for relation, size in zip(relations, objects.sizes):
            annotated.append(relation.pairs + start)
            start += size
        annotated = torch.cat(annotated)
        pairs = self.candidate_pairs(objects)
        if self.self_relations:
            own = annotated[:, 0] == annotated[:, 1]
            pairs = torch.cat([pairs, annotated[own]])
        labels = label_pairs(pairs, annotated,
                             torch.cat([r.labels for r in relations]), start)
        sampled = self.pair_sampler(objects.image_ids[pairs[:, 0]], labels,
                                    objects.num_images)
        return pairs[sampled], labels[sampled]

    def loss_by_feat(self, output: RelationOutput, objects: ObjectBatch,
                     relation_targets: Tensor) -> dict[str, Tensor]:
        """Losses of an output against the objects and predicates (P,)."""
        annotated = relation_targets > 0
        object_logits = output.context.logits
        losses = dict(
            loss_object=_loss_or_zero(self.loss_object, object_logits,
                                      objects.targets),
            loss_relation=_loss_or_zero(self.loss_relation,
                                        output.relation_logits,
                                        relation_targets),
            **self.own_losses(output.context, objects))
        if self.scorer is not None:
            losses['loss_significance'] = self.scorer.loss(
                output.significance, annotated)
        if len(objects.targets):
            losses['acc_object'] = accuracy(object_logits, objects.targets)
        if annotated.any():
            losses['acc_relation'] = accuracy(
                output.relation_logits[annotated, 1:],
                relation_targets[annotated] - 1)
        return losses

    # ---- inference

    def predict(self, regions: RegionFeatures,
                objects: ObjectBatch) -> list[SceneGraph]:
        """Graphs of B images, relations best first, boxes as given."""
        output = self(regions, objects)
        return rank_relations(output.context.logits, output.context.labels,
                              output.relation_logits, output.significance,
                              objects, regions.pairs, self.rank_by)


def _loss_or_zero(loss: nn.Module, logits: Tensor, labels: Tensor) -> Tensor:
    """The loss, or a zero with a gradient where there is nothing to learn."""
    return loss(logits, labels) if len(labels) else logits.sum() * 0
