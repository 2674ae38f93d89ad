from .base import ObjectDetector, build_object_detector, select_objects
from .boxes_and_labels import BoxesAndLabels, logits_by_overlap
from .two_stage import TwoStageObjects

__all__ = [
    'BoxesAndLabels', 'ObjectDetector', 'TwoStageObjects', 'build_object_detector',
    'logits_by_overlap', 'select_objects'
]
