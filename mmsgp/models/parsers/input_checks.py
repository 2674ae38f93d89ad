"""Whether a parser reads images and feature maps as its detector makes them."""
from __future__ import annotations

import torch.nn as nn
from mmdet.models.roi_heads.roi_extractors.base_roi_extractor import (
    BaseRoIExtractor,
)
from torch import Tensor


def check_normalization(parser_cfg: dict, detector_cfg: dict) -> None:
    """Compare the parser's config of a data preprocessor with the detector's.

    Raises:
        ValueError: If mean, standard deviation or channel order differ.
    """
    expected = _normalization(detector_cfg)
    for key, value in _normalization(parser_cfg).items():
        if value != expected[key]:
            raise ValueError(
                f'data_preprocessor: {key} is {value}, and {expected[key]} in '
                "the detector's: leave the parser's out, it is then the "
                "detector's")


def _normalization(cfg: dict) -> dict:
    return dict(
        mean=list(cfg.get('mean') or ()),
        std=list(cfg.get('std') or ()),
        # either swaps the channels
        bgr_to_rgb=bool(cfg.get('bgr_to_rgb') or cfg.get('rgb_to_bgr')))


def check_strides(relation_head: nn.Module, batch_inputs: Tensor,
                  feature_maps: tuple[Tensor, ...]) -> None:
    """Compare the strides that regions are pooled with and those of the maps.

    Args:
        relation_head: With RoI extractors.
        batch_inputs: (B, 3, H, W).
        feature_maps: Of the inputs.

    Raises:
        ValueError: If a map is more than a pixel larger or smaller than its
            stride says.
    """
    sides = batch_inputs.shape[-2:]
    for name, module in relation_head.named_modules():
        if not isinstance(module, BaseRoIExtractor):
            continue
        for stride, level in zip(module.featmap_strides, feature_maps):
            if any(abs(side / stride - size) > 1
                   for side, size in zip(sides, level.shape[-2:])):
                raise ValueError(
                    f'relation_head.{name}: featmap_strides='
                    f'{module.featmap_strides} do not fit the maps of the '
                    'detector, whose strides are '
                    f'{[round(sides[1] / m.shape[-1]) for m in feature_maps]}')
