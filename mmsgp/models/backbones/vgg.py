"""VGG and its fully connected head, with torchvision's parameter names.

Shape shorthand: B images, H x W pixels, K regions of interest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn as nn
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor

from mmsgp.models.layers.graphed import is_traced
from mmsgp.registry import MODELS

# Convolutions in each stage (Simonyan and Zisserman, 2015, Table 1).
STAGE_BLOCKS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


@MODELS.register_module()
class VGG(BaseModule):
    """The convolutions of VGG, conv1_1 up to the last stage's ReLU.

    The last stage has no max-pooling, so five stages have a stride of 16.
    Parameters are named as in torchvision (``features.0.weight`` ...), so its
    weight files load with ``init_cfg=dict(type='Pretrained',
    checkpoint=PATH_OR_URL)``. MMCV's ``VGG`` is not used because its widths are
    fixed.

    Args:
        depth: 11, 13, 16 or 19. Defaults to 16.
        base_channels: Channels of the first stage; each of the next three
            stages doubles them. Defaults to 64.
        num_stages: Stages to build, at most 5; the stride is
            ``2 ** (num_stages - 1)``. Defaults to 5.
        norm_cfg: Normalisation after each convolution, as in torchvision's
            ``vgg16_bn``. Defaults to None.
        init_cfg: Defaults to Kaiming initialisation.
    """

    def __init__(
        self,
        depth: int = 16,
        base_channels: int = 64,
        num_stages: int = 5,
        norm_cfg: dict | None = None,
        init_cfg: dict | Sequence[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg or dict(type='Kaiming', layer='Conv2d'))
        if depth not in STAGE_BLOCKS:
            raise ValueError(f'VGG depth must be one of {list(STAGE_BLOCKS)}, got {depth}')
        layers: list[nn.Module] = []
        in_channels = 3
        for stage, blocks in enumerate(STAGE_BLOCKS[depth][:num_stages]):
            if stage > 0:
                layers.append(nn.MaxPool2d(2, 2))
            out_channels = base_channels * 2 ** min(stage, 3)
            for _ in range(blocks):
                layers.append(nn.Conv2d(in_channels, out_channels, 3, padding=1))
                if norm_cfg is not None:
                    layers.append(build_norm_layer(norm_cfg, out_channels)[1])
                layers.append(nn.ReLU(inplace=True))
                in_channels = out_channels
        self.features = nn.Sequential(*layers)
        self.with_norm = norm_cfg is not None
        self.out_channels = in_channels

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        """Compute the feature map.

        Args:
            inputs: (B, 3, H, W), normalised images.

        Returns:
            tuple[Tensor]: One map, (B, out_channels, H/stride, W/stride).
        """
        if not self._fuses(inputs):
            return (self.features(inputs),)
        layers = iter(self.features)
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                inputs = torch.cudnn_convolution_relu(
                    inputs.to(layer.weight.dtype),
                    layer.weight,
                    layer.bias,
                    layer.stride,
                    layer.padding,
                    layer.dilation,
                    layer.groups,
                )
                next(layers)  # its ReLU
            else:
                inputs = layer(inputs)
        return (inputs,)

    def _fuses(self, inputs: Tensor) -> bool:
        """Whether cuDNN adds biases and applies ReLU within a convolution.

        It is faster in half precision, if the weights are, and with TF32; in float32 it
        is slower. PyTorch lets it choose algorithms that are not deterministic.
        """
        dtype = self.features[0].weight.dtype
        rounded = torch.is_autocast_enabled('cuda')
        return (
            inputs.is_cuda
            and torch.backends.cudnn.enabled
            and not torch.backends.cudnn.deterministic
            and not is_traced()
            and not (self.with_norm or torch.is_grad_enabled())
            and (
                dtype == torch.half
                or (dtype == torch.float and torch.backends.cudnn.allow_tf32 and not rounded)
            )
        )


@MODELS.register_module()
class VGGHead(BaseModule):
    """VGG's fc6 and fc7 over pooled regions.

    Parameters are named as in torchvision (``classifier.0``,
    ``classifier.3``), so its weight files load. The head of a trained detector
    loads with ``init_cfg=dict(type='Pretrained',
    checkpoint=..., prefix='roi_head.bbox_head.fc_head.')``.

    Args:
        in_channels: Channels of the pooled map. Defaults to 512.
        roi_size: Side of the pooled map. Defaults to 7.
        out_channels: Width of fc6 and fc7. Defaults to 4096.
        dropout: Dropout after each ReLU. Defaults to 0.5.
        final_activation: Whether ReLU and dropout follow fc7. Defaults to True.
        init_cfg: Defaults to None.
    """

    def __init__(
        self,
        in_channels: int = 512,
        roi_size: int = 7,
        out_channels: int = 4096,
        dropout: float = 0.5,
        final_activation: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.out_channels = out_channels
        layers = [
            nn.Linear(in_channels * roi_size**2, out_channels),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(out_channels, out_channels),
        ]
        if final_activation:
            layers += [nn.ReLU(inplace=True), nn.Dropout(dropout)]
        self.classifier = nn.Sequential(*layers)

    def forward(self, pooled: Tensor) -> Tensor:
        """Embed pooled regions.

        Args:
            pooled: (K, in_channels, roi_size, roi_size).

        Returns:
            Tensor: (K, out_channels).
        """
        return self.classifier(pooled.flatten(1))
