"""Visual features of object pairs.

Shape shorthand: N objects, P pairs, U unordered pairs, D channels, S x S the
pooled size.
"""

from __future__ import annotations

import torch
import torch.nn as nn
from mmengine.model import BaseModule
from torch import Tensor

from mmsgp.registry import MODELS

from .normalization import BatchNorm2d
from .pair_masks import draw_pair_masks


@MODELS.register_module()
class PairFeatures(BaseModule):
    """Union box features plus an encoding of the two boxes as masks.

    ``fc_head(RoIAlign(union box) + conv(masks - 0.5))`` (reference
    implementation of Neural Motifs). On a CPU the union box of (i, j) and (j, i) is
    pooled once; a GPU pools it twice sooner than it tells how many different ones
    there are.

    Args:
        roi_extractor: Config of the RoI extractor of union boxes.
        fc_head: Config of the head that embeds the sum.
        roi_size: Side S of the pooled map. Defaults to 7.
        norm_momentum: Of the batch normalisation of masks; 0.01 in the
            reference implementation. Defaults to 0.1.
        init_cfg: Defaults to None.
        channels: D of the sum. Defaults to None: those of ``roi_extractor``.
    """

    def __init__(
        self,
        roi_extractor: dict,
        fc_head: dict,
        roi_size: int = 7,
        norm_momentum: float = 0.1,
        init_cfg: dict | None = None,
        channels: int | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.roi_extractor = MODELS.build(roi_extractor)
        self.fc_head = MODELS.build(fc_head)
        self.out_channels = self.fc_head.out_channels
        channels = channels or self.roi_extractor.out_channels
        # Halved twice, rounded up, the mask has roi_size cells.
        self.mask_size = 4 * roi_size - 1
        self.mask_encoder = nn.Sequential(
            nn.Conv2d(2, channels // 2, 7, stride=2, padding=3),
            nn.ReLU(inplace=True),
            BatchNorm2d(channels // 2, momentum=norm_momentum),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.Conv2d(channels // 2, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            BatchNorm2d(channels, momentum=norm_momentum),
        )

    def forward(
        self,
        feature_maps: tuple[Tensor],
        bboxes: Tensor,
        image_ids: Tensor,
        pairs: Tensor,
        image_sizes: Tensor | None = None,
    ) -> Tensor:
        """Compute the features of pairs.

        Args:
            feature_maps: The backbone's maps.
            bboxes: (N, 4), in pixels of the network's input.
            image_ids: (N,), image of each object in the batch.
            pairs: (P, 2), indices of subject and object.
            image_sizes: (B, 2), for :meth:`draw_masks`.

        Returns:
            Tensor: (P, out_channels).
        """
        masks = self.draw_masks(bboxes, image_ids, pairs, image_sizes)
        layout = self.mask_encoder(masks)  # (P, D, S, S)
        union = self._pool_unions(feature_maps, bboxes, image_ids, pairs)
        return self.fc_head(union + layout)

    def draw_masks(
        self, bboxes: Tensor, image_ids: Tensor, pairs: Tensor, image_sizes: Tensor | None
    ) -> Tensor:
        """Draw both boxes of a pair in the frame of their union: (P, 2, size, size)."""
        return draw_pair_masks(*bboxes[pairs].unbind(1), self.mask_size) - 0.5

    def _pool_unions(
        self, feature_maps: tuple[Tensor], bboxes: Tensor, image_ids: Tensor, pairs: Tensor
    ) -> Tensor:
        """Pool the union boxes: (P, D, S, S)."""
        first, second = pairs.amin(dim=1), pairs.amax(dim=1)
        inverse = slice(None)
        if not bboxes.is_cuda:
            unordered, inverse = torch.unique(first * len(bboxes) + second, return_inverse=True)
            first = unordered.div(max(1, len(bboxes)), rounding_mode='floor')
            second = unordered % max(1, len(bboxes))
        top_left = torch.minimum(bboxes[first, :2], bboxes[second, :2])
        bottom_right = torch.maximum(bboxes[first, 2:], bboxes[second, 2:])
        rois = torch.cat(
            [image_ids[first, None].to(bboxes.dtype), top_left, bottom_right], 1
        )  # (U or P, 5)
        feature_maps = feature_maps[: self.roi_extractor.num_inputs]
        return self.roi_extractor(feature_maps, rois)[inverse]
