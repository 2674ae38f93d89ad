"""Small models and random inputs for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn as nn
from mmengine.config import Config
from mmengine.structures import InstanceData

from mmsgp.checkpoint.integrity import add_checksum
from mmsgp.models import SceneGraphParser
from mmsgp.registry import MODELS
from mmsgp.structures import ObjectBatch, SceneGraph, SceneGraphDataSample

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'

# Settings of small heads, by their type.
HEADS = {
    'MotifNetHead': {},
    'LinkNetHead': {},
    'KERNHead': dict(hidden_size=16),
    'FrequencyHead': dict(visual=False, image_channels=64),
    'TransformerHead': dict(hidden_size=32, num_heads=4, feedforward_channels=32),
    'IMPHead': dict(hidden_size=32),
    'GPSNetHead': dict(hidden_size=32, frequency_prior=dict(type='FrequencyPrior')),
    'PENetHead': dict(hidden_size=32, embedding_dim=16, object_channels=32),
    'VCTreeHead': dict(hidden_size=32),
    'GatedPairHead': dict(hidden_size=32, context=dict(type='SGBMotifContext')),
    'SQUATHead': dict(
        hidden_size=32, attention_channels=32, num_heads=4, feedforward_channels=32, num_layers=1
    ),
    'REACTHead': dict(
        visual=False,
        in_channels=[64],
        strides=[8],
        hidden_size=32,
        embedding_dim=16,
        object_channels=32,
    ),
}


def small_model_cfg(
    num_classes: int = 5, num_predicates: int = 4, visual: bool = True, **relation_head
) -> Config:
    """Build the config of a MotifNet on the small VGG, with other head settings.

    Without ``visual``, the head gets only the given settings.
    """
    cfg = Config.fromfile(CONFIGS / 'motifnet_ce_minivg.py').model
    cfg.detector.init_cfg = None
    cfg.detector.roi_head.bbox_head.num_classes = num_classes
    if not visual:
        cfg.relation_head = {}
    cfg.relation_head.update(
        num_classes=num_classes, num_predicates=num_predicates, **relation_head
    )
    return cfg


def small_parser(seed: int = 0, **kwargs) -> SceneGraphParser:
    """Build a small parser with random weights, see :func:`small_model_cfg`."""
    torch.manual_seed(seed)
    model = MODELS.build(small_model_cfg(**kwargs))
    model.init_weights()
    return model


def write_random_checkpoint(
    path: str | Path, config: str = 'motifnet_cce_scorer_minivg', max_objects: int = 6
) -> Path:
    """Write a checkpoint as training does, with random weights.

    Args:
        path: The file.
        config: Name of a config of a scene graph parser.
        max_objects: Largest number of detected objects per image.

    Returns:
        Path: The file.
    """
    cfg = Config.fromfile(CONFIGS / f'{config}.py')
    cfg.model.detection_cfg = dict(score_thr=0.01, iou_thr=0.3, max_per_image=max_objects)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.has_priors.fill_(1)
    head = model.relation_head
    names = dict(
        classes=tuple(f'class {c}' for c in range(head.num_classes)),
        predicates=tuple(f'predicate {p}' for p in range(1, head.num_predicates + 1)),
        predicate_train_counts=list(range(1, head.num_predicates + 1)),
    )
    checkpoint = dict(
        state_dict=model.state_dict(), meta=dict(cfg=cfg.pretty_text, dataset_meta=names)
    )
    add_checksum(checkpoint)
    torch.save(checkpoint, path)
    return Path(path)


@torch.no_grad()
def spread_detections(
    detector: nn.Module, images: torch.Tensor, score: float = -4.0, size: float = 2.0
) -> None:
    """Set the last layers of an RTMDet so that it finds objects of many classes and sizes.

    Args:
        detector: With random weights.
        images: (B, 3, H, W), which then have scores around ``sigmoid(score)``.
        score: Mean of the class logits.
        size: Mean distance of a box's sides, in strides.
    """
    head = detector.bbox_head
    for layers in (head.rtm_cls, head.rtm_reg):
        for layer in layers:
            torch.nn.init.normal_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    outputs = head(detector.extract_feat(images))
    for maps, layers, mean in zip(outputs, (head.rtm_cls, head.rtm_reg), (score, size)):
        for output, layer, (stride, _) in zip(maps, layers, head.prior_generator.strides):
            layer.weight /= output.std() / (1 if layers is head.rtm_cls else stride)
            layer.bias.fill_(mean)


def random_bboxes(num: int, size: float = 96.0) -> torch.Tensor:
    """Draw boxes of at least 8 pixels within a square image."""
    top_left = torch.rand(num, 2) * (size - 16)
    extent = 8 + torch.rand(num, 2) * (size - 8 - top_left)
    return torch.cat([top_left, (top_left + extent).clamp(max=size)], dim=1)


def random_samples(
    sizes: Sequence[int], num_classes: int = 5, num_predicates: int = 4, image_size: int = 96
) -> list[SceneGraphDataSample]:
    """Draw one sample per image; each object is related to the next."""
    samples = []
    for i, size in enumerate(sizes):
        subjects = torch.arange(max(0, size - 1))
        graph = SceneGraph(
            objects=InstanceData(
                bboxes=random_bboxes(size, image_size), labels=torch.randint(num_classes, (size,))
            ),
            relations=InstanceData(
                pairs=torch.stack([subjects, subjects + 1], dim=1),
                labels=torch.randint(1, num_predicates + 1, (len(subjects),)),
            ),
        )
        shape = (image_size, image_size)
        samples.append(
            SceneGraphDataSample(
                metainfo=dict(
                    img_id=i,
                    img_path=f'{i}.jpg',
                    ori_shape=shape,
                    img_shape=shape,
                    scale_factor=(1.0, 1.0),
                ),
                gt_scene_graph=graph,
            )
        )
    return samples


def random_objects(sizes: Sequence[int], num_classes: int = 5, **kwargs) -> ObjectBatch:
    """Draw a batch of objects with random boxes and logits."""
    kwargs.setdefault('image_sizes', torch.full((len(sizes), 2), 96.0))
    return ObjectBatch.from_list(
        [random_bboxes(n) for n in sizes], torch.randn(sum(sizes), num_classes + 1), **kwargs
    )
