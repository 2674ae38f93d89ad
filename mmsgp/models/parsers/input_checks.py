"""Check a parser's settings, and that it and its detector agree on images and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch.nn as nn
from mmdet.models.roi_heads.roi_extractors.base_roi_extractor import (
    BaseRoIExtractor,
)
from torch import Tensor

from mmsgp.structures.tasks import TASKS

TRAINING_TASKS = ('sgcls', 'sggen')
SGGEN_PAIRS = ('overlapping', 'all')


def check_normalization(parser_cfg: dict, detector_cfg: dict) -> None:
    """Check that parser and detector normalise images in the same way.

    Args:
        parser_cfg: Config of the parser's data preprocessor.
        detector_cfg: Config of the detector's.

    Raises:
        ValueError: If mean, standard deviation or channel order differ.
    """
    expected = _normalization(detector_cfg)
    for key, value in _normalization(parser_cfg).items():
        if value != expected[key]:
            raise ValueError(
                f'data_preprocessor.{key} is {value}, but {expected[key]} in '
                "the detector's: leave model.data_preprocessor out to use the "
                "detector's"
            )


def _normalization(cfg: dict) -> dict:
    return dict(
        mean=list(cfg.get('mean') or ()),
        std=list(cfg.get('std') or ()),
        # both swap red and blue
        bgr_to_rgb=bool(cfg.get('bgr_to_rgb') or cfg.get('rgb_to_bgr')),
    )


def check_strides(
    relation_head: nn.Module, batch_inputs: Tensor, feature_maps: tuple[Tensor, ...]
) -> None:
    """Check that regions are pooled with the strides of the feature maps.

    Args:
        relation_head: With RoI extractors.
        batch_inputs: (B, 3, H, W).
        feature_maps: Of the inputs.

    Raises:
        ValueError: If the size of a map differs by more than a pixel from the one
            that its stride gives.
    """
    sides = batch_inputs.shape[-2:]
    for name, module in relation_head.named_modules():
        if not isinstance(module, BaseRoIExtractor):
            continue
        for stride, level in zip(module.featmap_strides, feature_maps):
            if any(abs(side / stride - size) > 1 for side, size in zip(sides, level.shape[-2:])):
                raise ValueError(
                    f'relation_head.{name}: featmap_strides='
                    f'{module.featmap_strides} do not fit the feature maps '
                    'of the detector, whose strides are '
                    f'{[round(sides[1] / m.shape[-1]) for m in feature_maps]}'
                )


def check_tasks(train_task: str, test_tasks: Sequence[str]) -> None:
    """Check the tasks of a parser.

    Raises:
        ValueError: If one is unknown, or there is none to test.
    """
    unknown = set(test_tasks) - set(TASKS)
    if unknown or not test_tasks:
        raise ValueError(f'test_tasks must be one or more of {TASKS}, got {tuple(test_tasks)}')
    if train_task not in TRAINING_TASKS:
        raise ValueError(f'train_task must be one of {TRAINING_TASKS}, got {train_task!r}')


def check_pairs(sggen_pairs: str) -> None:
    """Check the name of the candidate pairs of SGGen.

    Raises:
        ValueError: If it is unknown.
    """
    if sggen_pairs not in SGGEN_PAIRS:
        raise ValueError(f'sggen_pairs must be one of {SGGEN_PAIRS}, got {sggen_pairs!r}')


def check_keys(detection_cfg: Mapping, known: Mapping) -> None:
    """Check the names of the thresholds of SGGen.

    Raises:
        ValueError: If one is unknown.
    """
    for key in detection_cfg:
        if key not in known:
            raise ValueError(f'detection_cfg may have the keys {list(known)}, got {key!r}')
