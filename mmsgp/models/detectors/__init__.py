from .boxes_and_labels import BoxesAndLabels, logits_by_overlap
from .object_detector import (
    ObjectDetector,
    build_object_detector,
    select_objects,
)
from .relu6_rpn_head import ReLU6RPNHead
from .scene_graph_parser import SceneGraphParser
from .two_stage import TwoStageObjects
from .vgg_bbox_head import VGGBBoxHead

__all__ = [
    'BoxesAndLabels', 'ObjectDetector', 'ReLU6RPNHead', 'SceneGraphParser',
    'TwoStageObjects', 'VGGBBoxHead', 'build_object_detector',
    'logits_by_overlap', 'select_objects'
]
