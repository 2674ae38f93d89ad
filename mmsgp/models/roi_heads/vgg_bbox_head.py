"""The box head of Faster R-CNN on VGG."""

from __future__ import annotations

from mmdet.models.roi_heads.bbox_heads import BBoxHead
from torch import Tensor

from mmsgp.registry import MODELS


@MODELS.register_module()
class VGGBBoxHead(BBoxHead):
    """MMDetection's box head over VGG's fc6 and fc7.

    Args:
        fc_head: Config of the :class:`VGGHead`.
        **kwargs: Arguments of MMDetection's ``BBoxHead``.
    """

    def __init__(self, fc_head: dict, **kwargs) -> None:
        super().__init__(in_channels=fc_head['out_channels'], roi_feat_size=1, **kwargs)
        self.fc_head = MODELS.build(fc_head)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Classify and regress pooled regions (K, D, S, S).

        Returns:
            tuple[Tensor, Tensor]: Class logits (K, C+1), background last,
            and box deltas (K, 4C).
        """
        embedded = self.fc_head(x)
        return self.fc_cls(embedded), self.fc_reg(embedded)
