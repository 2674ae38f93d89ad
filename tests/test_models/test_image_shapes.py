"""Image files of any shape and kind, from the file to the graph."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from PIL import Image

from mmsgp.registry import MODELS
from mmsgp.testing.graphs import assert_same_graphs
from mmsgp.testing.models import CONFIGS

TASKS = ('predcls', 'sgcls', 'sggen')
# width and height
SHAPES = dict(
    wide=(400, 21),
    tall=(21, 400),
    tiny=(3, 2),
    square=(160, 160),
    plain=(200, 150),
    one_row=(300, 1),
)


@pytest.fixture(scope='module', params=['', 'rtmdet_tiny_', 'detr_r50_'])
def parser(request):
    """A parser whose detector tells objects apart, and its test pipeline."""
    init_default_scope('mmsgp')
    cfg = Config.fromfile(CONFIGS / f'motifnet_cce_scorer_{request.param}minivg.py')
    cfg.model.detector.init_cfg = cfg.model.detector.backbone.init_cfg = None
    cfg.model.update(test_tasks=TASKS, detection_cfg=dict(max_per_image=5))
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    for name, parameter in model.named_parameters():
        if name.endswith(
            (
                'fc_cls.weight',
                'rpn_cls.weight',
                'rtm_cls.0.weight',
                'bbox_head.fc_cls.weight',
                'fc_label.weight',
            )
        ):
            parameter.data *= 30
    return model.eval(), Compose(cfg.test_dataloader.dataset.pipeline)


def write(path, size, seed=0):
    pixels = np.random.default_rng(seed).integers(256, size=(size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def load(pipeline, path, size):
    """An image with two boxes, its halves."""
    width, height = size
    boxes = [[0, 0, width / 2, height], [width / 2, 0, width, height]]
    return pipeline(
        dict(
            img_path=str(path),
            img_id=0,
            width=width,
            height=height,
            instances=[
                dict(bbox=box, bbox_label=label, ignore_flag=0) for label, box in enumerate(boxes)
            ],
            relations=np.array([[0, 1, 1]]),
        )
    )


def parse(model, items):
    samples = model.test_step(pseudo_collate(items))
    return [sample.pred_scene_graphs for sample in samples]


def assert_same(first, second):
    for task in TASKS:
        assert_same_graphs(first[task], second[task])


def test_what_an_image_is_padded_with_does_not_depend_on_its_batch(tmp_path, parser):
    model, pipeline = parser
    items = []
    for seed, (name, size) in enumerate(SHAPES.items()):
        path = tmp_path / f'{name}.png'
        write(path, size, seed)
        items.append(load(pipeline, path, size))
    together = parse(model, [dict(item) for item in items])
    for item, graphs, (width, height) in zip(items, together, SHAPES.values()):
        (alone,) = parse(model, [dict(item)])
        assert_same(graphs, alone)
        assert alone['predcls'].num_relations == 2
        bboxes = graphs['sggen'].objects.bboxes
        limits = torch.tensor([width, height, width, height])
        assert (bboxes >= 0).all() and (bboxes <= limits + 1e-3).all()


def grey(path, pixels):
    Image.fromarray(pixels[..., 0]).save(path)
    return np.repeat(pixels[..., :1], 3, axis=2)


def with_alpha(path, pixels):
    alpha = np.full((*pixels.shape[:2], 1), 9, np.uint8)
    Image.fromarray(np.concatenate([pixels, alpha], axis=2)).save(path)
    return pixels


def grey_with_alpha(path, pixels):
    Image.fromarray(pixels[..., :2], 'LA').save(path)
    return np.repeat(pixels[..., :1], 3, axis=2)


def palette(path, pixels):
    picture = Image.fromarray(pixels).quantize(16)
    picture.save(path)
    return np.array(picture.convert('RGB'))


def sixteen_bits(path, pixels):
    cv2.imwrite(str(path), pixels[..., ::-1].astype(np.uint16) * 257)
    return pixels


def grey_in_sixteen_bits(path, pixels):
    cv2.imwrite(str(path), pixels[..., 0].astype(np.uint16) * 257)
    return np.repeat(pixels[..., :1], 3, axis=2)


def turned(path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter
    Image.fromarray(pixels).save(path, exif=exif)
    return pixels  # boxes are annotated on the pixels as they lie in the file


@pytest.mark.parametrize(
    'kind', [grey, with_alpha, grey_with_alpha, palette, sixteen_bits, grey_in_sixteen_bits, turned]
)
def test_a_file_of_any_kind_is_its_pixels_in_eight_bits(tmp_path, kind):
    init_default_scope('mmsgp')
    pipeline = Compose(
        Config.fromfile(CONFIGS / 'motifnet_ce_minivg.py').test_dataloader.dataset.pipeline
    )
    size = (40, 30)
    pixels = write(tmp_path / 'pixels.png', size)
    expected = kind(tmp_path / 'kind.png', pixels)
    Image.fromarray(expected).save(tmp_path / 'plain.png')
    item, plain = (load(pipeline, tmp_path / f'{name}.png', size) for name in ('kind', 'plain'))
    assert item['inputs'].dtype == torch.uint8
    assert torch.equal(item['inputs'], plain['inputs'])
