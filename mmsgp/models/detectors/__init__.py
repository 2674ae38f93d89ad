from .relu6_rpn_head import ReLU6RPNHead
from .scene_graph_parser import SceneGraphParser
from .two_stage import classify_boxes, detect_objects
from .vgg_bbox_head import VGGBBoxHead

__all__ = [
    'ReLU6RPNHead', 'SceneGraphParser', 'VGGBBoxHead', 'classify_boxes',
    'detect_objects'
]
