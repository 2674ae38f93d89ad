from .vgg_bbox_head import VGGBBoxHead

__all__ = ['VGGBBoxHead']
