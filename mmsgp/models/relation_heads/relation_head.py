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
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch, SceneGraph
from mmsgp.structures.ranking import check_ranking, default_ranking

from ..debiasing.builder import build_debiasing
from ..losses import build_relation_loss, relation_loss
from .head_outputs import JoinedRows, ObjectContext, ObjectEncoding, RegionFeatures, RelationOutput
from .labelling import label_objects
from .ranking import rank_relations
from .region_pooling import RegionPooling, build_or_none


class RelationHead(RegionPooling, metaclass=ABCMeta):
    """Base of all relation heads: context, pairs, classify, rank.

    A base model supplies :meth:`encode_objects` and
    :meth:`relation_features`. Losses, Scorer and debiasing are components of
    the config. This class labels the objects as the task needs it.

    Args:
        num_classes: Object classes C, without background.
        num_predicates: Predicates R, without unknown.
        relation_channels: d_p, size of the :meth:`relation_features`.
        roi_extractor: RoI extractor of the objects.
        fc_head: Head that embeds the pooled objects to d_o.
        pair_features: Config of the features of pairs. These three are given,
            unless :meth:`extract_regions` is overridden.
        image_channels: d_i, channels of the last feature map. Defaults to None:
            those of ``roi_extractor``.
        frequency_prior: Config of a prior that is added to the predicate
            logits. Defaults to ``FrequencyPrior``.
        scorer: Config of the Scorer. Defaults to None.
        debiasing: Config of a :class:`~mmsgp.models.debiasing.Debiasing`, which
            changes predicate logits in training or in tests. Defaults to None.
        context_channels: Values of an object's ``context.representation``, of
            base models whose relations depend on the context of objects only
            through it: then a debiasing method may average it. Defaults to None.
        rank_by: How the relations of an image are ranked, see
            :mod:`mmsgp.structures.ranking`; it may change after training.
            Defaults to None: ``'expected_significance'`` with a Scorer, else
            ``'probability'``.
        nms_iou_thr: IoU of the joint suppression over classes that labels
            detected objects. Defaults to 0.3.
        pair_sampler: Config of the sampler of training pairs.
        self_relations: Whether annotated relations of an object with itself are
            trained on, as in the reference implementation. They are never
            predicted. Defaults to False.
        loss_object: Loss of object logits (N, C+1) and labels.
        loss_relation: Loss of predicate logits (P, R+1) and labels.
        init_cfg: Defaults to None.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        num_predicates: int,
        relation_channels: int,
        roi_extractor: dict | None = None,
        fc_head: dict | None = None,
        pair_features: dict | None = None,
        image_channels: int | None = None,
        frequency_prior: dict | None = dict(type='FrequencyPrior'),
        scorer: dict | None = None,
        debiasing: dict | None = None,
        context_channels: int | None = None,
        rank_by: str | None = None,
        nms_iou_thr: float = 0.3,
        pair_sampler: dict = dict(type='PairSampler'),
        self_relations: bool = False,
        loss_object: dict = dict(type='mmdet.CrossEntropyLoss'),
        loss_relation: dict = dict(type='mmdet.CrossEntropyLoss'),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            roi_extractor, fc_head, pair_features, pair_sampler, self_relations, init_cfg
        )
        self.num_classes = num_classes
        self.num_predicates = num_predicates
        self.nms_iou_thr = nms_iou_thr
        self.rank_by = rank_by or default_ranking(with_scorer=scorer is not None)
        check_ranking(self.rank_by, with_scorer=scorer is not None)
        self.fc_predicate = self.build_classifier(relation_channels)
        sizes = dict(num_classes=num_classes, num_predicates=num_predicates)
        self.frequency_prior = build_or_none(frequency_prior, **sizes)
        if image_channels is None and self.roi_extractor is not None:
            image_channels = self.roi_extractor.out_channels
        if scorer is not None and image_channels is None:
            raise ValueError(
                'relation_head.scorer needs image_channels, those of the last feature map, '
                'or a roi_extractor: set relation_head.image_channels'
            )
        self.scorer = build_or_none(
            scorer,
            relation_channels=relation_channels,
            num_predicates=num_predicates,
            image_channels=image_channels,
        )
        self.loss_object = MODELS.build(loss_object)
        self.loss_relation = build_relation_loss(loss_relation, num_predicates)
        self.debiasing = build_debiasing(
            debiasing,
            self,
            **sizes,
            relation_channels=relation_channels,
            context_channels=context_channels,
        )

    # ---- methods of a base model

    @abstractmethod
    def encode_objects(self, regions: RegionFeatures, objects: ObjectBatch) -> ObjectEncoding:
        """Step 1: relate the objects of each image and classify them.

        Args:
            regions: Visual features.
            objects: Boxes and the detector's logits. A decoder that uses
                previous labels takes ``objects.known_labels`` where they are
                not background. If ``objects.is_labelled``, the logits are not
                used and need not be computed.

        Returns:
            ObjectEncoding: The base class adds the labels.
        """

    @abstractmethod
    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """Step 2: features of relations.

        Args:
            context: Output of step 1, with labels.
            regions: Visual features, and the pairs.
            objects: The objects.

        Returns:
            Tensor: (P, d_p).
        """

    def encode_edges(self, context: ObjectContext, objects: ObjectBatch) -> ObjectContext:
        """Between steps 1 and 2: relate the objects again, with labels."""
        return context

    def build_classifier(self, relation_channels: int) -> nn.Module:
        """Build the layer of step 3, from features (P, d_p) to logits (P, R+1)."""
        classifier = nn.Linear(relation_channels, self.num_predicates + 1)
        nn.init.xavier_normal_(classifier.weight)
        return classifier

    def auxiliary_losses(self, context: ObjectContext, objects: ObjectBatch) -> dict[str, Tensor]:
        """Compute losses that only this base model has."""
        return {}

    def relation_losses(
        self, output: RelationOutput, objects: ObjectBatch, targets: Tensor
    ) -> dict[str, Tensor]:
        """Compute losses of the sampled pairs that only this base model has."""
        return {}

    def load_statistics(self, statistics, classes: Sequence[str]) -> None:
        """Take statistics and class names of the training set.

        Args:
            statistics: Of the training set.
            classes: The C class names.
        """
        if self.frequency_prior is not None:
            self.frequency_prior.fill(statistics.frequency_prior(self.frequency_prior.eps))

    # ---- the four steps

    def forward(self, regions: RegionFeatures, objects: ObjectBatch) -> RelationOutput:
        """Run context, pairs, classification and scoring.

        The head runs in full precision: it costs little here, and rare
        predicates are decided by small differences of scores.

        Args:
            regions: Visual features.
            objects: Boxes, logits and, depending on the task, labels.

        Returns:
            RelationOutput: Logits of objects and relations, labels and, with
            a Scorer, significance.
        """
        return self.forward_tasks(regions, [objects])[0]

    def forward_tasks(
        self, regions: RegionFeatures, tasks: Sequence[ObjectBatch]
    ) -> list[RelationOutput]:
        """Run :meth:`forward` for tasks that differ in what is known of the objects.

        Pairs that are pooled some at a time are pooled once for all tasks.

        Args:
            regions: Visual features.
            tasks: The same objects, with the labels of each task.
        """
        with torch.autocast(regions.images.device.type, enabled=False):
            return self._run_steps(regions, tasks)

    def _run_steps(
        self, regions: RegionFeatures, tasks: Sequence[ObjectBatch]
    ) -> list[RelationOutput]:
        contexts = [
            self.encode_edges(
                label_objects(self.encode_objects(regions, objects), objects, self.nms_iou_thr),
                objects,
            )
            for objects in tasks
        ]
        size = self.pairs_per_chunk if self.in_parts else max(1, len(regions.pairs))
        collected = [[JoinedRows(len(regions.pairs)) for _ in range(3)] for _ in tasks]
        for rows, part in regions.split_pairs(size):
            for results, context, objects in zip(collected, contexts, tasks):
                for result, values in zip(results, self._classify(context, part, objects)):
                    result.put(rows, values)
        outputs = []
        for results, context, objects in zip(collected, contexts, tasks):
            logits, embedded, features = (result.joined for result in results)
            significance = None
            if self.scorer is not None:
                image_ids = objects.image_ids[regions.pairs[:, 0]]
                sizes = regions.sizes_for(self.scorer)
                significance = self.scorer(embedded, regions.images, image_ids, **sizes)
            results.clear()  # before the next task: embeddings are large
            outputs.append(RelationOutput(context, logits, significance, regions.pairs, features))
        return outputs

    def _classify(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Logits of pairs (P, R+1), the Scorer's embedding; with gradients, features."""
        features = self.relation_features(context, regions, objects)
        logits = self.predicate_logits(features, context.labels[regions.pairs])
        embedded = None
        if self.scorer is not None:  # it gets the logits before debiasing
            embedded = self.scorer.embed(features, logits.softmax(dim=1))
        if self.debiasing is not None and not self.training:
            logits = self.debiasing.adjust(logits, self, context, regions, objects)
        return logits, embedded, features if torch.is_grad_enabled() else None

    def predicate_logits(self, features: Tensor, pair_labels: Tensor) -> Tensor:
        """Step 3: classify relations.

        The result depends only on arguments and weights, and each pair is
        treated alone.

        Args:
            features: (P, d_p), of :meth:`relation_features`.
            pair_labels: (P, 2), classes of subject and object.

        Returns:
            Tensor: (P, R+1), unknown first.
        """
        logits = self.fc_predicate(features)
        if self.frequency_prior is not None:
            logits = logits + self.frequency_prior(*pair_labels.unbind(1))
        return logits

    # ---- training

    def loss(
        self, regions: RegionFeatures, objects: ObjectBatch, targets: Tensor
    ) -> dict[str, Tensor]:
        """Compute the losses of a batch.

        Args:
            regions: Of the pairs of :meth:`sample_pairs`.
            objects: With ``targets``.
            targets: (P,), predicates of the pairs, 0 is unknown.

        Returns:
            dict: Losses by name, and the accuracy on objects and on annotated
            relations in percent, 0 if there are none.
        """
        output = self(regions, objects)
        if self.debiasing is not None:
            return self.debiasing.loss(self, output, regions, objects, targets)
        return self.loss_by_feat(output, objects, targets)

    def loss_by_feat(
        self, output: RelationOutput, objects: ObjectBatch, targets: Tensor
    ) -> dict[str, Tensor]:
        """Compute losses of an output, given objects and predicates (P,)."""
        annotated = targets > 0
        object_logits = output.context.logits
        losses = dict(
            loss_object=_loss_or_zero(self.loss_object, object_logits, objects.targets),
            loss_relation=relation_loss(
                self.loss_relation, output.relation_logits, targets, objects.targets[output.pairs]
            ),
            **self.auxiliary_losses(output.context, objects),
            **self.relation_losses(output, objects, targets),
        )
        if self.scorer is not None:
            losses['loss_significance'] = self.scorer.loss(output.significance, annotated)
        if len(objects.targets):
            losses['acc_object'] = accuracy(object_logits, objects.targets)
        if len(targets):
            # As a sum over all pairs, because a GPU would be waited for to select some.
            correct = annotated & (output.relation_logits[:, 1:].argmax(dim=1) + 1 == targets)
            losses['acc_relation'] = 100 * correct.sum() / annotated.sum().clamp(min=1)
        return losses

    # ---- inference

    def predict(self, regions: RegionFeatures, objects: ObjectBatch) -> list[SceneGraph]:
        """Predict graphs of B images, relations best first, boxes as given."""
        return self.predict_tasks(regions, [objects])[0]

    def predict_tasks(
        self, regions: RegionFeatures, tasks: Sequence[ObjectBatch]
    ) -> list[list[SceneGraph]]:
        """Predict the graphs of each task, see :meth:`forward_tasks`."""
        return [
            rank_relations(
                output.context.logits,
                output.context.labels,
                output.relation_logits,
                output.significance,
                objects,
                regions.pairs,
                self.rank_by,
            )
            for output, objects in zip(self.forward_tasks(regions, tasks), tasks)
        ]


def _loss_or_zero(loss: nn.Module, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss, or a zero with a gradient if there are no labels."""
    return loss(logits, labels) if len(labels) else logits.sum() * 0
