"""The frame of Scene-Graph-Benchmark: features of unions, and its configs, smaller."""

import math

import pytest
import torch
from mmcv.ops import roi_align
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS, random_bboxes, random_samples


def small_pair_features():
    init_default_scope('mmsgp')
    torch.manual_seed(0)
    features = MODELS.build(
        dict(
            type='SGBPairFeatures',
            channels=4,
            roi_extractor=dict(
                type='mmdet.GenericRoIExtractor',
                aggregation='concat',
                roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=2),
                out_channels=8,
                featmap_strides=[4, 8],
            ),
            fc_head=dict(type='VGGHead', in_channels=4, out_channels=6, dropout=0.0),
        )
    )
    return features.eval()


def test_unions_are_pooled_from_all_levels_and_rectangles_added():
    features = small_pair_features()
    maps = [torch.randn(2, 4, 24, 24), torch.randn(2, 4, 12, 12)]
    boxes, images = random_bboxes(4), torch.tensor([0, 0, 1, 1])
    pairs = torch.tensor([[0, 1], [1, 0], [2, 3]])
    sizes = torch.tensor([[96.0, 80.0], [90.0, 96.0]])
    with torch.no_grad():
        found = features(maps, boxes, images, pairs, sizes)
        expected = []
        for i, j in pairs.tolist():
            union = [*torch.minimum(boxes[i], boxes[j])[:2], *torch.maximum(boxes[i], boxes[j])[2:]]
            roi = torch.tensor([[images[i], *union]])
            pooled = [
                roi_align(own, roi, 7, 1 / stride, 2, 'avg', True)
                for own, stride in zip(maps, (4, 8))
            ]
            reduced = features.reduce[0](torch.cat(pooled, dim=1)).relu()
            masks = torch.zeros(1, 2, 27, 27)
            width, height = sizes[images[i]].tolist()
            for k, box in enumerate((boxes[i].tolist(), boxes[j].tolist())):
                for y in range(27):
                    for x in range(27):
                        inside_x = math.floor(box[0] * 27 / width) <= x
                        inside_x &= x <= math.ceil(box[2] * 27 / width)
                        inside_y = math.floor(box[1] * 27 / height) <= y
                        inside_y &= y <= math.ceil(box[3] * 27 / height)
                        masks[0, k, y, x] = inside_x and inside_y
            expected.append(features.fc_head(reduced + features.mask_encoder(masks)))
    torch.testing.assert_close(found, torch.cat(expected), rtol=1e-4, atol=1e-5)


def test_rectangle_layers_have_the_parameters_of_the_definition():
    cfg = Config.fromfile(CONFIGS / 'motifnet_ce_sgb_vg.py').model.relation_head.pair_features
    init_default_scope('mmsgp')
    with torch.device('meta'):
        features = MODELS.build(cfg)
    assert sum(p.numel() for p in features.mask_encoder.parameters()) == 308_608
    assert sum(p.numel() for p in features.fc_head.parameters()) == 68_165_632


def test_masks_need_the_sizes_of_images():
    with pytest.raises(ValueError, match='objects.image_sizes'):
        small_pair_features().draw_masks(random_bboxes(2), torch.zeros(2), None, None)


@pytest.mark.parametrize('name', ['motifnet', 'motifs', 'transformer', 'vctree', 'imp'])
def test_a_smaller_model_of_the_frame_trains_and_tests(name):
    init_default_scope('mmsgp')
    cfg = Config.fromfile(CONFIGS / f'{name}_ce_sgb_vg.py')
    detector, head = cfg.model.detector, cfg.model.relation_head
    detector.init_cfg = None
    detector.backbone.update(depth=50, groups=4, base_width=4)
    for part in (detector.roi_head.bbox_head, head, head.pair_features):
        part.fc_head.out_channels = 32
    head.update(hidden_size=32)
    cfg.model.detection_cfg.max_per_image = 4
    cfg.model.test_tasks = ('predcls', 'sggen')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    images = torch.randn(2, 3, 96, 128)
    losses = model.train().loss(images, random_samples([3, 2], 150, 50))
    total = sum(value for key, value in losses.items() if 'loss' in key)
    total.backward()
    assert total.isfinite()
    assert head.pair_sampler.num == 1024
    for sample, pairs in zip(model.eval().predict(images, random_samples([3, 2], 150, 50)), (6, 2)):
        assert sample.pred_scene_graphs['predcls'].num_relations == pairs
