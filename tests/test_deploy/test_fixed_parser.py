"""A parser of a fixed number of objects equals the parser that it is made of."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from helpers.deployment import (
    NUM_OBJECTS,
    SIZES,
    SUPPORTED,
    assert_same_graph,
    build,
    given_inputs,
    predict_given,
)
from mmsgp.deploy.exporting import export_onnx
from mmsgp.deploy.fixed_parser import FixedParser, FixedRelations
from mmsgp.models.layers import joint_nms
from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS, HEADS, random_samples, spread_detections

REFUSED = sorted(set(HEADS) - set(SUPPORTED))


@pytest.mark.parametrize('name', SUPPORTED)
@torch.no_grad()
def test_given_objects_are_related_as_by_the_parser(name):
    model = build(name)
    samples = random_samples(SIZES)
    inputs = given_inputs(model, samples)
    fixed = FixedRelations(model, NUM_OBJECTS).eval()
    outputs = dict(zip(fixed.output_names, fixed(*inputs)))
    for row, graph in enumerate(predict_given(model, inputs[0], samples)):
        assert graph.num_objects == SIZES[row]
        assert_same_graph(graph, outputs, row, given=True)


@pytest.mark.parametrize(
    'settings',
    [
        dict(scorer=None),
        dict(scorer=dict(type='Scorer', attention=dict(type='RelationFC'))),
        dict(rank_by='both'),
        dict(debiasing=dict(type='Resistance')),
    ],
    ids=['no scorer', 'no attention', 'other order', 'debiasing'],
)
@torch.no_grad()
def test_settings_of_a_head_act_in_a_fixed_parser(settings):
    model = build('LinkNetHead', **settings)
    samples = random_samples(SIZES)
    inputs = given_inputs(model, samples)
    fixed = FixedRelations(model, NUM_OBJECTS).eval()
    outputs = dict(zip(fixed.output_names, fixed(*inputs)))
    assert ('significance' in outputs) == (settings.get('scorer', 1) is not None)
    for row, graph in enumerate(predict_given(model, inputs[0], samples)):
        assert_same_graph(graph, outputs, row, given=True)


@pytest.mark.parametrize('name', REFUSED)
def test_other_heads_are_refused_by_name(name, tmp_path):
    model = build(name, scorer=None)
    with pytest.raises(ValueError, match=f'{name} cannot be exported: .*LinkNetHead'):
        export_onnx(model, Config(), tmp_path / 'parser.onnx', relation_only=True)
    assert not list(tmp_path.iterdir())


def test_other_detectors_are_refused_and_the_relation_part_is_named(tmp_path):
    with pytest.raises(ValueError, match='FasterRCNN cannot be exported: .*--relation-only'):
        export_onnx(build('LinkNetHead'), Config(), tmp_path / 'parser.onnx')


def build_react(num_objects, side=96, **settings):
    """REACT++ over an RTMDet-tiny that finds objects, and its images."""
    init_default_scope('mmsgp')
    cfg = Config.fromfile(CONFIGS / 'react_cce_scorer_rtmdet_tiny_minivg.py')
    cfg.model.detector.init_cfg = cfg.model.detector.backbone.init_cfg = None
    cfg.model.detector.data_preprocessor.pad_to = (side, side)
    cfg.model.detection_cfg.max_per_image = num_objects
    torch.manual_seed(0)
    model = MODELS.build({**cfg.model, **settings}).eval()
    images = torch.randn(6, 3, side, side)
    spread_detections(model.detector, images)
    model.test_tasks = ('sggen',)
    return model, images


@pytest.mark.parametrize(
    'num_objects, pairs', [(2, 'overlapping'), (12, 'overlapping'), (5, 'all')]
)
@torch.no_grad()
def test_objects_are_detected_labelled_and_paired_as_by_the_parser(num_objects, pairs):
    model, images = build_react(num_objects, sggen_pairs=pairs)
    samples = random_samples([0] * len(images), 24, 18)
    for sample, height in zip(samples, (96, 60, 96, 40, 80, 96)):
        sample.set_metainfo(dict(img_shape=(height, 96)))
    sizes = torch.tensor([[96.0, sample.img_shape[0]] for sample in samples])
    fixed = FixedParser(model, num_objects).eval()
    outputs = dict(zip(fixed.output_names, fixed(images, sizes)))
    predicted = model.predict(images, samples, rescale=False)
    for row, sample in enumerate(predicted):
        assert sample.pred_scene_graphs['sggen'].num_objects == num_objects
        assert_same_graph(sample.pred_scene_graphs['sggen'], outputs, row)


@torch.no_grad()
def test_images_without_objects_have_none():
    model, images = build_react(4)
    for layer in model.detector.bbox_head.rtm_cls:
        layer.bias -= 50
    fixed = FixedParser(model, 4).eval()
    outputs = dict(zip(fixed.output_names, fixed(images, torch.full((6, 2), 96.0))))
    assert not outputs['valid'].any()
    assert (outputs['scores'] == -1).all()


def test_boxes_of_all_classes_are_labelled_as_by_joint_suppression():
    torch.manual_seed(1)
    probabilities = torch.rand(50, 7, 3)
    bboxes = torch.rand(50, 7, 4) * 40
    bboxes[..., 2:] += bboxes[..., :2]
    valid = torch.arange(7) < torch.randint(8, (50, 1))
    expected = joint_nms(probabilities, bboxes[:, :, None].expand(-1, -1, 3, 4), valid, 0.3)
    low = torch.maximum(bboxes[:, :, None, :2], bboxes[:, None, :, :2])
    high = torch.minimum(bboxes[:, :, None, 2:], bboxes[:, None, :, 2:])
    inner = (high - low).clamp(min=0).prod(dim=3)
    area = (bboxes[..., 2:] - bboxes[..., :2]).prod(dim=2)
    overlap = inner / (area[:, :, None] + area[:, None] - inner) >= 0.3
    found = torch.ops.mmsgp.label_jointly(probabilities, overlap.float(), valid)
    assert found[valid].tolist() == expected[valid].tolist()


def test_detections_of_one_box_and_two_classes_are_one_object():
    """A box's second class counts for its logits, not as an object."""
    model, _ = build_react(3)
    fixed = FixedParser(model, 3).objects
    found = (
        torch.tensor([[[0.0, 0, 10, 10]] * 2 + [[40.0, 40, 60, 60]]]),
        torch.tensor([[4, 2, 4]]),
        torch.tensor([[0.9, 0.5, 0.3]]),
    )
    fixed._detect = lambda feature_maps, image_sizes: found
    bboxes, logits, valid = fixed([], torch.tensor([[96.0, 96.0]]))
    assert valid.tolist() == [[True, True, False]]
    assert bboxes[0, :2].tolist() == [[0, 0, 10, 10], [40, 40, 60, 60]]
    probabilities = logits[0].exp()
    torch.testing.assert_close(probabilities[0, [2, 4]], torch.tensor([0.5, 0.9]))
    torch.testing.assert_close(probabilities[1, 4], torch.tensor(0.3))


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda head: setattr(head, 'use_sigmoid_cls', False), 'use_sigmoid must be True'),
        (lambda head: head.test_cfg.nms.update(type='soft_nms'), "'soft_nms'"),
        (lambda head: head.test_cfg.pop('min_bbox_size'), 'min_bbox_size must be at least 0'),
        (lambda head: head.test_cfg.update(max_per_img=3), '4 objects are more than the detector'),
    ],
)
def test_settings_of_a_detector_that_have_no_fixed_form_are_refused(change, message, tmp_path):
    model, _ = build_react(4)
    change(model.detector.bbox_head)
    with pytest.raises(ValueError, match=message):
        export_onnx(model, Config(), tmp_path / 'parser.onnx')


def test_debiasing_that_runs_a_part_again_is_refused(tmp_path):
    model = build('LinkNetHead', debiasing=dict(type='TotalDirectEffect'))
    with pytest.raises(ValueError, match='TotalDirectEffect cannot be exported'):
        export_onnx(model, Config(), tmp_path / 'parser.onnx', relation_only=True)


def test_a_context_encoder_that_recurs_is_refused(tmp_path):
    model = build('LinkNetHead')
    vars(model.relation_head)['context'] = build('MotifNetHead').relation_head.context
    with pytest.raises(ValueError, match='MotifContext cannot be exported: .*LinkNetContext'):
        export_onnx(model, Config(), tmp_path / 'parser.onnx', relation_only=True)


@pytest.mark.parametrize(
    'step, message',
    [
        (dict(type='mmdet.RandomCrop'), 'the step mmdet.RandomCrop of the test pipeline cannot'),
        (dict(type='Resize', scale=(96, 96), keep_ratio=False), 'one step Resize, with keep_ratio'),
    ],
)
def test_images_that_are_prepared_in_another_way_are_refused(step, message, tmp_path):
    model, _ = build_react(4)
    cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=[step]))))
    with pytest.raises(ValueError, match=message):
        export_onnx(model, cfg, tmp_path / 'parser.onnx')


def test_a_parser_of_one_object_is_refused(tmp_path):
    with pytest.raises(ValueError, match='at least 2, got 1'):
        export_onnx(build('LinkNetHead'), Config(), tmp_path / 'parser.onnx', num_objects=1)
