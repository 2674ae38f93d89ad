"""Choose the adapter of a detector."""

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

# By the class of the detector or its nearest base class. All other detectors, and
# those whose heads the adapter does not fit, get a GenericAdapter.
ADAPTERS: dict[type[BaseDetector], type[DetectorAdapter]] = {
    FasterRCNN: TwoStageAdapter,
    MaskRCNN: TwoStageAdapter,
    MaskScoringRCNN: TwoStageAdapter,
    PointRend: TwoStageAdapter,
    CascadeRCNN: TwoStageAdapter,
    # their box heads need more than maps and boxes
    HybridTaskCascade: GenericAdapter,
    SCNet: GenericAdapter,
}


def build_detector_adapter(detector: BaseDetector, cfg: dict | None = None) -> DetectorAdapter:
    """Build the adapter of a detector.

    Args:
        detector: The detector.
        cfg: Config of a :class:`DetectorAdapter`. Defaults to None: that of the
            detector's class in :data:`ADAPTERS`, else
            :class:`GenericAdapter`.

    Raises:
        ValueError: If the detector cannot propose boxes.
    """
    if cfg is not None:
        return TASK_UTILS.build({**cfg, 'detector': detector})
    if hasattr(detector, 'roi_head') and not hasattr(detector, 'rpn_head'):
        raise ValueError(
            f'the {type(detector).__name__} has no rpn_head, so it cannot '
            'propose boxes: use a detector that can, e.g. FasterRCNN, or set '
            'model.detector_adapter to a DetectorAdapter of your own'
        )
    adapter = next(
        (ADAPTERS[cls] for cls in type(detector).__mro__ if cls in ADAPTERS), GenericAdapter
    )
    return (adapter if adapter.fits(detector) else GenericAdapter)(detector)
