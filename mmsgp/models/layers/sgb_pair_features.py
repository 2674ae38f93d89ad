"""Visual features of object pairs, as in Scene-Graph-Benchmark.

Shape shorthand: N objects, P pairs, B images, U unordered pairs, L levels, D channels of
one, S x S the pooled size.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from torch import Tensor

from mmsgp.registry import MODELS

from .pair_features import PairFeatures


@MODELS.register_module()
class SGBPairFeatures(PairFeatures):
    """Union boxes pooled from all levels, plus an encoding of the boxes in their image.

    ``fc_head(ReLU(conv([RoIAlign of each level])) + conv(masks))``: each level pools the
    union box, and a convolution reduces the concatenation to the channels of one. The masks
    show the two boxes, as ones, on a grid over the whole image.

    Args:
        roi_extractor: Config of MMDetection's ``GenericRoIExtractor`` with
            ``aggregation='concat'`` and ``out_channels`` of all levels together.
        fc_head: Config of the head that embeds the sum.
        channels: D, channels of one level, and of the sum. Defaults to 256.
        roi_size: Side S of the pooled map. Defaults to 7.
        norm_momentum: Of the batch normalisation of masks. Defaults to 0.01, as in the
            official code.
        init_cfg: Defaults to None.
    """

    def __init__(
        self,
        roi_extractor: dict,
        fc_head: dict,
        channels: int = 256,
        roi_size: int = 7,
        norm_momentum: float = 0.01,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(roi_extractor, fc_head, roi_size, norm_momentum, init_cfg, channels)
        self.reduce = nn.Sequential(
            nn.Conv2d(self.roi_extractor.out_channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
        )

    def draw_masks(
        self, bboxes: Tensor, image_ids: Tensor, pairs: Tensor, image_sizes: Tensor | None
    ) -> Tensor:
        """Draw both boxes of a pair on a grid over their image: (P, 2, size, size).

        Raises:
            ValueError: If there are no sizes of images.
        """
        if image_sizes is None:
            raise ValueError(
                'objects.image_sizes is missing: SGBPairFeatures draws boxes relative to their '
                'image, give an ObjectBatch the width and height of each image'
            )
        scale = self.mask_size / image_sizes[image_ids].repeat(1, 2)
        first, last = (bboxes * scale).chunk(2, dim=1)
        first, last = first.floor()[..., None], last.ceil()[..., None]  # (N, 2, 1)
        cells = torch.arange(self.mask_size, device=bboxes.device)
        along_x, along_y = ((cells >= first) & (cells <= last)).unbind(1)  # (N, size)
        masks = along_y[:, :, None] & along_x[:, None, :]
        return masks[pairs].to(bboxes)

    def _pool_unions(
        self, feature_maps: tuple[Tensor], bboxes: Tensor, image_ids: Tensor, pairs: Tensor
    ) -> Tensor:
        """Pool and reduce each unordered pair once: (P, D, S, S)."""
        return self.reduce(super()._pool_unions(feature_maps, bboxes, image_ids, pairs))
