"""MotifNet: bidirectional context by LSTMs over objects and edges."""

from __future__ import annotations

from mmsgp.registry import MODELS

from .role_product_head import RoleProductHead


@MODELS.register_module()
class MotifNetHead(RoleProductHead):
    """The base model of Neural Motifs (Zellers et al., 2018).

    A :class:`RoleProductHead` with a
    :class:`~mmsgp.models.context_encoders.MotifContext`, and the arguments of
    both.

    Args:
        num_classes: Object classes C, without background.
        num_predicates: Predicates R, without unknown.
        roi_extractor: See :class:`RoleProductHead`, as all that is not listed
            here.
        fc_head: Head of the objects.
        pair_features: Config of the features of pairs.
        order: Which object the LSTMs see first, see
            :class:`~mmsgp.models.context_encoders.MotifContext`, as the next
            seven. Defaults to ``'confidence'``.
        hidden_size: Units of each LSTM. Defaults to 256.
        num_object_layers: Defaults to 1.
        num_edge_layers: Defaults to 2.
        position_dim: Size of a box's position. Defaults to 128.
        dropout: Recurrent dropout and that of the position. Defaults to 0.1.
        norm_momentum: Of the batch normalisation of positions. Defaults to 0.1.
        decoder_word_vectors: GloVe text file of the decoder's label embedding.
            Defaults to None: random.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        num_predicates: int,
        roi_extractor: dict,
        fc_head: dict,
        pair_features: dict,
        order: str = 'confidence',
        hidden_size: int = 256,
        num_object_layers: int = 1,
        num_edge_layers: int = 2,
        position_dim: int = 128,
        dropout: float = 0.1,
        norm_momentum: float = 0.1,
        decoder_word_vectors: str | None = None,
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
        super().__init__(
            num_classes=num_classes,
            num_predicates=num_predicates,
            roi_extractor=roi_extractor,
            fc_head=fc_head,
            pair_features=pair_features,
            context=dict(
                type='MotifContext',
                order=order,
                hidden_size=hidden_size,
                num_object_layers=num_object_layers,
                num_edge_layers=num_edge_layers,
                position_dim=position_dim,
                dropout=dropout,
                norm_momentum=norm_momentum,
                decoder_word_vectors=decoder_word_vectors,
            ),
            embedding_dim=embedding_dim,
            word_vectors=word_vectors,
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
