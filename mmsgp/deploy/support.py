"""The parts of a parser that can be exported; all others raise an error that names them."""

from __future__ import annotations

from mmcv.ops import RoIAlign
from mmdet.models.dense_heads import RTMDetHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor

from mmsgp.models import SceneGraphParser
from mmsgp.models.context_encoders import (
    LinkNetContext,
    SGBTransformerContext,
    TransformerContext,
)
from mmsgp.models.debiasing import TotalDirectEffect
from mmsgp.models.detector_adapters import GenericAdapter
from mmsgp.models.layers import PairFeatures
from mmsgp.models.relation_heads import (
    FrequencyHead,
    LinkNetHead,
    PENetHead,
    REACTHead,
    RelationHead,
    RoleProductHead,
    TransformerHead,
)
from mmsgp.models.scorers.scorer import RelationFC, RelationSelfAttention, Scorer

HEADS = (FrequencyHead, LinkNetHead, PENetHead, REACTHead, RoleProductHead, TransformerHead)
CONTEXTS = (LinkNetContext, SGBTransformerContext, TransformerContext)


def check_relation_head(head: RelationHead) -> None:
    """Check that a head can relate a fixed number of objects.

    Raises:
        ValueError: If it cannot. The message names the part that is in the way.
    """
    if type(head) not in HEADS:
        raise _refused(
            type(head).__name__,
            'it has no form for a fixed number of objects, because its recurrence or its '
            'messages depend on the number of objects or pairs; these heads have one: '
            + ', '.join(kind.__name__ for kind in HEADS),
        )
    if isinstance(head, RoleProductHead) and not isinstance(head.context, CONTEXTS):
        raise _refused(
            type(head.context).__name__,
            'it has no form for a fixed number of objects; these encoders have one: '
            + ', '.join(kind.__name__ for kind in CONTEXTS),
        )
    if head.roi_extractor is not None:
        if type(head.pair_features) is not PairFeatures:
            raise _refused(type(head.pair_features).__name__, 'only PairFeatures is known')
        for extractor in (head.roi_extractor, head.pair_features.roi_extractor):
            _check_extractor(extractor)
    scorer = head.scorer
    if scorer is not None and type(scorer) is not Scorer:
        raise _refused(type(scorer).__name__, 'of significance, only Scorer is known')
    if scorer is not None and type(scorer.context) not in (RelationSelfAttention, RelationFC):
        raise _refused(
            type(scorer.context).__name__,
            'its attention has no mask; RelationSelfAttention and RelationFC are known',
        )
    if isinstance(head.debiasing, TotalDirectEffect):
        raise _refused('TotalDirectEffect', 'it runs a part of the head again, on other objects')


def check_detector(parser: SceneGraphParser, num_objects: int) -> None:
    """Check that the detector can be part of the graph.

    Raises:
        ValueError: If it cannot. The message says so, and names the relation part.
    """
    detector, alone = parser.detector, '; the relation part alone can be: --relation-only'
    head = getattr(detector, 'bbox_head', None)
    if type(parser.detector_adapter) is not GenericAdapter or not isinstance(head, RTMDetHead):
        raise _refused(
            type(detector).__name__,
            f'of detectors, only RTMDet is known, without proposals or queries{alone}',
        )
    cfg = head.test_cfg
    if not head.use_sigmoid_cls:
        raise _refused('bbox_head', f'loss_cls.use_sigmoid must be True{alone}')
    if set(cfg.nms) != {'type', 'iou_threshold'} or cfg.nms.type != 'nms':
        raise _refused('bbox_head', f"test_cfg.nms={dict(cfg.nms)} is not 'nms' alone{alone}")
    if cfg.get('min_bbox_size', -1) < 0:
        raise _refused('bbox_head', f'test_cfg.min_bbox_size must be at least 0{alone}')
    if num_objects > cfg.max_per_img:
        raise ValueError(
            f'{num_objects} objects are more than the detector gives: lower --objects, or raise '
            f'test_cfg.max_per_img={cfg.max_per_img} of the detector'
        )


def _check_extractor(extractor) -> None:
    if not isinstance(extractor, SingleRoIExtractor) or not all(
        isinstance(layer, RoIAlign)
        and layer.aligned
        and layer.pool_mode == 'avg'
        and not layer.use_torchvision
        for layer in extractor.roi_layers
    ):
        raise _refused(
            type(extractor).__name__, 'only SingleRoIExtractor with an aligned RoIAlign is known'
        )


def _refused(part: str, reason: str) -> ValueError:
    return ValueError(f'{part} cannot be exported: {reason}')
