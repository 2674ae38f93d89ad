"""Which adapter fits a detector."""
from __future__ import annotations

from mmdet.models.detectors import (
    BaseDetector,
    CascadeRCNN,
    FasterRCNN,
    HybridTaskCascade,
    MaskRCNN,
    MaskScoringRCNN,
    PointRend,
    SCNet,
)

from mmsgp.registry import TASK_UTILS

from .base import DetectorAdapter
from .generic import GenericAdapter
from .two_stage import TwoStageAdapter

# By the class of a detector or the nearest of its base classes; GenericAdapter
# is for all others, and where the adapter here does not fit the detector's heads.
ADAPTERS: dict[type[BaseDetector], type[DetectorAdapter]] = {
    FasterRCNN: TwoStageAdapter,
    MaskRCNN: TwoStageAdapter,
    MaskScoringRCNN: TwoStageAdapter,
    PointRend: TwoStageAdapter,
    CascadeRCNN: TwoStageAdapter,
    # their box heads need more than maps and boxes
    HybridTaskCascade: GenericAdapter,
    SCNet: GenericAdapter
}


def build_detector_adapter(detector: BaseDetector,
                           cfg: dict | None = None) -> DetectorAdapter:
    """Build the parser's view of a detector.

    Args:
        detector: The detector.
        cfg: Config of a :class:`DetectorAdapter`. Defaults to None: the one
            that :data:`ADAPTERS` has for the detector's class, else
            :class:`GenericAdapter`.

    Raises:
        ValueError: If the detector finds no boxes of its own.
    """
    if cfg is not None:
        return TASK_UTILS.build({**cfg, 'detector': detector})
    if hasattr(detector, 'roi_head') and not hasattr(detector, 'rpn_head'):
        raise ValueError(
            f'a {type(detector).__name__} without rpn_head classifies '
            'proposals that others made: take a detector that finds its own, '
            'e.g. a FasterRCNN, or name a DetectorAdapter of your own in '
            'model.detector_adapter')
    adapter = next((ADAPTERS[cls] for cls in type(detector).__mro__
                    if cls in ADAPTERS), GenericAdapter)
    return (adapter if adapter.fits(detector) else GenericAdapter)(detector)
