"""Heads whose relations are products of roles, over a context encoder.

Shape shorthand: N objects of a batch, P pairs, C object classes, E values of
a class embedding, d_o features of an object and of a pair.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch

from ..layers import ClassEmbedding
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .relation_head import RelationHead


@MODELS.register_module()
class RoleProductHead(RelationHead):
    """Subject role * object role * pair features, over a context encoder.

    The encoder gets each object with the embedding of its class: first the
    detector's, then the label. How it relates the objects is set by
    ``context``, for example ``context=dict(type='MotifContext')``.

    Args:
        num_classes: Object classes C, without background.
        num_predicates: Predicates R, without unknown.
        roi_extractor: See :class:`RelationHead`, as all that is not listed
            here.
        fc_head: Head of the objects; its ``out_channels`` d_o is also the
            size of a pair's feature.
        pair_features: Config of the features of pairs.
        context: Config of the
            :class:`~mmsgp.models.context_encoders.ContextEncoder`. Its layers
            become the head's.
        embedding_dim: Size E of a class embedding. Defaults to 200.
        word_vectors: GloVe text file with vectors of ``embedding_dim`` values.
            Defaults to None, random embeddings.
        relation_channels: Size of a relation's feature, for subclasses that add
            to the product. Defaults to None: d_o.
        context_channels: Values of an object's two roles. Defaults to None: 2 * d_o.
    """

    pairs_per_chunk = 512

    def __init__(
        self,
        *,
        num_classes: int,
        num_predicates: int,
        roi_extractor: dict,
        fc_head: dict,
        pair_features: dict,
        context: dict,
        embedding_dim: int = 200,
        word_vectors: str | None = None,
        relation_channels: int | None = None,
        context_channels: int | None = None,
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
        object_channels = fc_head['out_channels']
        super().__init__(
            num_classes=num_classes,
            num_predicates=num_predicates,
            relation_channels=relation_channels or object_channels,
            roi_extractor=roi_extractor,
            fc_head=fc_head,
            pair_features=pair_features,
            frequency_prior=frequency_prior,
            scorer=scorer,
            debiasing=debiasing,
            context_channels=context_channels or 2 * object_channels,
            rank_by=rank_by,
            nms_iou_thr=nms_iou_thr,
            pair_sampler=pair_sampler,
            self_relations=self_relations,
            loss_object=loss_object,
            loss_relation=loss_relation,
            init_cfg=init_cfg,
        )
        self.object_embedding = ClassEmbedding(num_classes + 1, embedding_dim, word_vectors)
        self.label_embedding = ClassEmbedding(num_classes + 1, embedding_dim, word_vectors)
        encoder = MODELS.build(
            {
                **context,
                'num_classes': num_classes,
                'object_channels': object_channels,
                'image_channels': self.roi_extractor.out_channels,
                'embedding_dim': embedding_dim,
            }
        )
        vars(self)['context'] = encoder  # without registering its layers twice
        self._take_layers(encoder)

    def _take_layers(self, encoder: nn.Module) -> None:
        """Make an encoder's layers layers of the head.

        They then have the same names in a checkpoint for every class of head.

        Raises:
            ValueError: If the encoder has a parameter or buffer outside of layers,
                or a layer with the name of a layer of the head.
        """
        for name, layer in encoder.named_children():
            if hasattr(self, name):
                raise _taken(encoder, name)
            self.add_module(name, layer)
        missing = encoder.state_dict().keys() - self.state_dict().keys()
        if missing:
            raise ValueError(
                f'{type(encoder).__name__}: {min(missing)!r} is outside of the '
                "context encoder's layers, so it would not be trained: put it "
                'into a layer'
            )

    def __setattr__(self, name: str, value: object) -> None:
        """Check that no layer of the encoder is replaced, because it goes on using it."""
        encoder = vars(self).get('context')
        if encoder is not None and name in dict(encoder.named_children()):
            raise _taken(encoder, name)
        super().__setattr__(name, value)

    def train(self, mode: bool = True) -> RoleProductHead:
        """Set the training mode, of the encoder too."""
        super().train(mode)
        self.context.train(mode)
        return self

    def init_weights(self) -> None:
        """Initialise the layers, then the encoder, if it has such a method."""
        record = vars(self).get('_params_init_info')  # of the whole parser
        if record is not None:
            self.context._params_init_info = record
        self._modules['context'] = self.context  # MMEngine asks the children
        super().init_weights()
        del self._modules['context']
        if record is not None:
            del self.context._params_init_info

    def load_statistics(self, statistics, classes: Sequence[str]) -> None:
        """Take statistics and word vectors, see :class:`RelationHead`."""
        super().load_statistics(statistics, classes)
        for layer in self.modules():
            if isinstance(layer, ClassEmbedding):
                layer.load_words(classes)

    def encode_objects(self, regions: RegionFeatures, objects: ObjectBatch) -> ObjectEncoding:
        """Compute the object context by the encoder."""
        classes = objects.logits.softmax(dim=1) @ self.object_embedding.weight
        return self.context.encode_objects(classes, regions, objects)

    def encode_edges(self, context: ObjectContext, objects: ObjectBatch) -> ObjectContext:
        """Compute the edge context by the encoder: (N, 2 * d_o)."""
        classes = self.label_embedding(context.labels)
        return context._replace(representation=self.context.encode_edges(classes, context, objects))

    def relation_features(
        self, context: ObjectContext, regions: RegionFeatures, objects: ObjectBatch
    ) -> Tensor:
        """Subject role * object role * pair features: (P, d_o)."""
        return multiply_roles(context.representation, regions)


def _taken(encoder: nn.Module, name: str) -> ValueError:
    return ValueError(
        f'{type(encoder).__name__}: the relation head has a {name!r} of its own, '
        "as well as the context encoder: rename the encoder's"
    )


def multiply_roles(roles: Tensor, regions: RegionFeatures) -> Tensor:
    """Subject role * object role * pair features: (P, d_o).

    Args:
        roles: (N, 2 * d_o), each object as subject and as object.
        regions: The pairs and their features.
    """
    subjects, objects = roles.chunk(2, dim=1)
    subject, object_ = regions.pairs.unbind(1)
    return subjects.index_select(0, subject) * objects.index_select(0, object_) * regions.unions
