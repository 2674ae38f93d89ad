"""Feature maps of a frozen detector.

Shape shorthand: B images, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from mmdet.models.detectors import BaseDetector
from torch import Tensor, nn
from torch.func import functional_call

from mmsgp.models.layers.graphed import GraphedFunction, is_traced

# Shapes of batches whose kernels are recorded.
MAX_SHAPES = 4
# Layers that do not wait for a GPU, so that their kernels can be recorded.
RECORDABLE = (
    *(nn.Conv2d, nn.MaxPool2d, nn.BatchNorm2d, nn.GroupNorm, nn.Identity),
    *(nn.ReLU, nn.SiLU, nn.Sigmoid, nn.Upsample),
)


class FrozenMaps:
    """Runs ``extract_feat`` of a detector that is not trained.

    On a GPU, unless it computes in float32, images have their channels next to each other,
    so that no convolution changes the layout. The weights of convolutions and linear layers
    are brought into that layout and, in mixed precision, into half precision once and not
    in each step. And if all layers are convolutions and the like, their kernels are launched
    at once (:class:`GraphedFunction`).

    Args:
        detector: The detector.
    """

    def __init__(self, detector: BaseDetector) -> None:
        self.detector = detector
        self._weights: tuple | None = None
        self._runs: dict[tuple, Callable[[Tensor], tuple[Tensor, ...]]] = {}

    def __call__(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps of images (B, 3, H, W), in the layout in which MMCV pools."""
        if not inputs.is_cuda or is_traced():
            return tuple(level.contiguous() for level in self.detector.extract_feat(inputs))
        half = torch.get_autocast_dtype('cuda') if torch.is_autocast_enabled('cuda') else None
        weights = tuple(
            (tensor.data_ptr(), None if tensor.is_inference() else tensor._version)
            for tensor in (*self.detector.parameters(), *self.detector.buffers())
        )
        if weights != self._weights:
            self._weights = weights
            self._runs.clear()
        setting = half, torch.backends.cudnn.allow_tf32
        if setting not in self._runs:
            run = Extraction(self.detector, half)
            self._runs[setting] = GraphedFunction(run, MAX_SHAPES) if run.recordable else run
        return self._runs[setting](inputs)


class Extraction:
    """``extract_feat`` with converted weights.

    Args:
        detector: The detector.
        half: Precision of convolutions and linear layers. None: that of the weights.
    """

    def __init__(self, detector: BaseDetector, half: torch.dtype | None) -> None:
        self.module = _ExtractFeat(detector)
        dtype = half or next(detector.parameters()).dtype
        rounds = dtype in (torch.half, torch.bfloat16) or torch.backends.cudnn.allow_tf32
        self.layout = torch.channels_last if rounds else torch.contiguous_format
        self.precision = dict(device_type='cuda', dtype=half, enabled=half is not None)
        layers = {
            f'detector.{part}.{name}': layer
            for part in ('backbone', 'neck')
            for name, layer in getattr(detector, part, nn.Identity()).named_modules()
            if not list(layer.children())
        }
        # A compiled backbone is left as it is.
        compiled = detector.backbone._compiled_call_impl is not None
        self.recordable = not compiled and all(
            isinstance(layer, RECORDABLE) for layer in layers.values()
        )
        self.weights = {
            f'{name}.{kind}': converted(weight, half, self.layout)
            for name, layer in layers.items()
            if isinstance(layer, (nn.Conv2d, nn.Linear)) and not compiled
            for kind, weight in layer.named_parameters(recurse=False)
        }

    def __call__(self, inputs: Tensor) -> tuple[Tensor, ...]:
        inputs = inputs.contiguous(memory_format=self.layout)
        with torch.autocast(**self.precision, cache_enabled=False):
            levels = functional_call(self.module, self.weights, inputs)
        return tuple(level.contiguous() for level in levels)


class _ExtractFeat(nn.Module):
    """A detector whose forward function is ``extract_feat``."""

    def __init__(self, detector: BaseDetector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        return self.detector.extract_feat(inputs)


def converted(weight: Tensor, dtype: torch.dtype | None, layout: torch.memory_format) -> Tensor:
    """Return a weight in another precision, that of a convolution in another layout."""
    layout = layout if weight.dim() == 4 else torch.preserve_format
    return weight.detach().to(dtype or weight.dtype, memory_format=layout)
