"""Detectors as the parser sees them, against MMDetection's own results."""

import functools
from pathlib import Path

import mmdet
import pytest
import torch
from mmdet.models.detectors import RTMDet, SingleStageDetector
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from mmsgp.models import (
    ADAPTERS,
    DetectorAdapter,
    GenericAdapter,
    SceneGraphParser,
    TwoStageAdapter,
    build_detector_adapter,
    logits_by_overlap,
)
from mmsgp.registry import MODELS, TASK_UTILS
from mmsgp.structures import ObjectBatch, SceneGraph, SceneGraphDataSample
from mmsgp.testing.models import (
    CONFIGS,
    HEADS,
    random_bboxes,
    random_samples,
    small_model_cfg,
    small_parser,
)

SIDE = 160
MMDET_CONFIGS = Path(mmdet.__file__).parent / '.mim' / 'configs'
TWO_STAGE = ['faster_rcnn_vgg16', 'faster_rcnn_r50_fpn', 'cascade_rcnn_r50_fpn']
OTHERS = ['rtmdet_tiny', 'detr_r50']
EVERYTHING = dict(score_thr=0.0, iou_thr=1.0, max_per_image=10000)


@pytest.fixture(scope='module')
def built():
    """Detectors with random weights that tell objects apart, by name."""
    init_default_scope('mmsgp')
    cache = {}

    def build(name):
        if name not in cache:
            cfg = Config.fromfile(CONFIGS / f'{name}_minivg.py').model
            cfg.backbone.init_cfg = None
            torch.manual_seed(0)
            model = MODELS.build(cfg)
            model.init_weights()
            for key, parameter in model.named_parameters():
                if key.endswith(('fc_cls.weight', 'rpn_cls.weight')):
                    parameter.data *= 30
                if key.endswith(('fc_reg.weight', 'rpn_reg.weight')):
                    parameter.data *= 10
                if 'rtm_cls' in key:  # scores far from the least that counts
                    parameter.data.normal_()
                if 'rtm_reg' in key and key.endswith('bias'):
                    parameter.data += 1  # boxes with an area
            cache[name] = model.eval().requires_grad_(False)
        return cache[name]

    return build


def batch(num_images=2):
    torch.manual_seed(0)
    samples = random_samples([4] * num_images, image_size=SIDE)
    for sample in samples:
        sample.set_metainfo(dict(batch_input_shape=(SIDE, SIDE)))
    return torch.randn(num_images, 3, SIDE, SIDE), samples


def detect(adapter, maps, samples, **thresholds):
    return adapter.detect_objects(adapter.prepare(maps, samples), **thresholds)


def classify(adapter, maps, samples, bboxes):
    return adapter.classify_boxes(adapter.prepare(maps, samples), bboxes)


def sorted_rows(table):
    return torch.tensor(sorted(table.double().tolist()))


def test_the_class_of_a_detector_decides_on_its_adapter(built, monkeypatch):
    """A subclass takes that of the nearest class that is listed."""
    assert {name: type(build_detector_adapter(built(name))) for name in TWO_STAGE + OTHERS} == {
        **dict.fromkeys(TWO_STAGE, TwoStageAdapter),
        **dict.fromkeys(OTHERS, GenericAdapter),
    }
    detector = built('rtmdet_tiny')
    monkeypatch.setitem(ADAPTERS, SingleStageDetector, AnnotatedObjects)
    assert type(build_detector_adapter(detector)) is AnnotatedObjects
    monkeypatch.setitem(ADAPTERS, RTMDet, GenericAdapter)
    assert type(build_detector_adapter(detector)) is GenericAdapter
    named = build_detector_adapter(detector, dict(type='AnnotatedObjects'))
    assert type(named) is AnnotatedObjects


@pytest.mark.parametrize('name', TWO_STAGE)
def test_boxes_and_probabilities_are_those_of_mmdetection(built, name):
    detector = built(name)
    images, samples = batch()
    maps = detector.extract_feat(images)
    proposals = detector.rpn_head.predict(maps, samples, rescale=False)
    expected = detector.roi_head.predict_bbox(
        maps, [s.metainfo for s in samples], proposals, rcnn_test_cfg=None
    )
    found = detect(build_detector_adapter(detector), maps, samples, **EVERYTHING)
    probabilities = found.logits.softmax(dim=1)
    rows = torch.cat([probabilities, found.class_bboxes.flatten(1)], dim=1)
    for own, result in zip(rows.split(found.sizes), expected):
        bboxes = result.bboxes
        if bboxes.shape[1] == 4:  # the same box for every class
            bboxes = bboxes.repeat(1, 24)
        torch.testing.assert_close(
            sorted_rows(own),
            sorted_rows(torch.cat([result.scores, bboxes], dim=1)),
            rtol=1e-4,
            atol=1e-3,
        )
    best = probabilities[:, :-1].amax(dim=1).split(found.sizes)
    assert all((scores.diff() <= 0).all() for scores in best)


def test_a_relation_head_may_look_at_the_proposals(built):
    """The output stays the regressed boxes (reference of Neural Motifs)."""
    detector = built(TWO_STAGE[0])
    images, samples = batch()
    maps = detector.extract_feat(images)
    thresholds = dict(score_thr=0.0, iou_thr=0.5, max_per_image=20)
    usual = detect(build_detector_adapter(detector), maps, samples, **thresholds)
    found = detect(
        build_detector_adapter(detector, dict(type='TwoStageAdapter', regions='proposals')),
        maps,
        samples,
        **thresholds,
    )
    torch.testing.assert_close(found.class_bboxes, usual.class_bboxes)
    torch.testing.assert_close(found.logits, usual.logits)
    assert not torch.allclose(found.bboxes, usual.bboxes)
    proposals = detector.rpn_head.predict(maps, samples, rescale=False)
    for own, proposed in zip(found.bboxes.split(found.sizes), proposals):
        difference = (own[:, None] - proposed.bboxes).abs().amax(dim=2)
        assert (difference.amin(dim=1) < 1e-3).all()
    # Their logits are those of the boxes that were pooled.
    torch.testing.assert_close(
        found.logits,
        classify(
            build_detector_adapter(detector), maps, samples, list(found.bboxes.split(found.sizes))
        ),
        rtol=1e-4,
        atol=1e-4,
    )
    with pytest.raises(ValueError, match="regions .*'roi'"):
        build_detector_adapter(detector, dict(type='TwoStageAdapter', regions='roi'))


@pytest.mark.parametrize('name', TWO_STAGE)
def test_given_boxes_have_the_mean_logits_of_the_stages(built, name):
    detector = built(name)
    images, samples = batch()
    maps = detector.extract_feat(images)
    bboxes = [random_bboxes(n, SIDE) for n in (3, 0)]
    logits = classify(build_detector_adapter(detector), maps, samples, bboxes)
    roi_head, rois = detector.roi_head, bbox2roi(bboxes)
    if name.startswith('cascade'):
        expected = (
            sum(roi_head._bbox_forward(stage, maps, rois)['cls_score'] for stage in range(3)) / 3
        )
    else:
        expected = roi_head._bbox_forward(maps, rois)['cls_score']
    torch.testing.assert_close(logits, expected)
    assert logits.shape == (3, 25)


def naive_logits(bboxes, detections, num_classes):
    rows = []
    for box in bboxes.double().tolist():
        found = [0.0] * num_classes
        for other, label, score in zip(
            detections.bboxes.double().tolist(),
            detections.labels.tolist(),
            detections.scores.double().tolist(),
        ):
            width = max(min(box[2], other[2]) - max(box[0], other[0]), 0)
            height = max(min(box[3], other[3]) - max(box[1], other[1]), 0)
            area = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (box, other))
            overlap = width * height / (area - width * height)
            if overlap >= 0.5:
                found[label] = max(found[label], overlap * score)
        rows.append([max(p, 1e-4) for p in (*found, 1 - max(found))])
    return torch.tensor(rows).log()


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('num_detections', [0, 1, 30])
def test_logits_by_overlap_equal_the_loops(seed, num_detections):
    torch.manual_seed(seed)
    bboxes = random_bboxes(10, 40)
    detections = InstanceData(
        bboxes=torch.cat([bboxes[:3], random_bboxes(30, 40)])[:num_detections],
        labels=torch.randint(4, (num_detections,)),
        scores=torch.rand(num_detections),
    )
    torch.testing.assert_close(
        logits_by_overlap(bboxes, detections, 4),
        naive_logits(bboxes, detections, 4),
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_detection_keeps_its_score_as_its_probability():
    bboxes = torch.tensor([[0.0, 0, 8, 8]])
    found = InstanceData(bboxes=bboxes, labels=torch.tensor([2]), scores=torch.tensor([0.75]))
    probabilities = logits_by_overlap(bboxes, found, 4).softmax(dim=1)[0]
    torch.testing.assert_close(
        probabilities, torch.tensor([0, 0, 0.75, 0, 0.25]), rtol=0, atol=1e-3
    )


@pytest.mark.parametrize('name', OTHERS)
def test_any_detector_is_used_by_its_boxes_and_labels(built, name):
    detector = built(name)
    images, samples = batch()
    expected = detector.predict(images, [s.clone() for s in samples], rescale=False)
    maps = detector.extract_feat(images)
    found = detect(
        build_detector_adapter(detector),
        maps,
        samples,
        score_thr=0.0,
        iou_thr=1.0,
        max_per_image=1000,
    )
    assert sum(found.sizes) > 0
    starts = (0, found.sizes[0])
    for start, size, sample in zip(starts, found.sizes, expected):
        truth = sample.pred_instances
        boxes = found.bboxes[start : start + size]
        assert {tuple(b) for b in boxes.tolist()} == {tuple(b) for b in truth.bboxes.tolist()}
        assert len(boxes.unique(dim=0)) == len(boxes)  # one label a box
    assert torch.equal(found.class_bboxes[:, 7], found.bboxes)


@pytest.mark.parametrize(
    'name, finds',
    [
        ('sparse_rcnn/sparse-rcnn_r50_fpn_1x_coco', True),
        ('sabl/sabl-faster-rcnn_r50_fpn_1x_coco', False),
    ],
)
def test_box_heads_of_another_kind_are_used_by_the_generic_adapter(name, finds):
    init_default_scope('mmsgp')
    cfg = Config.fromfile(MMDET_CONFIGS / f'{name}.py').model
    cfg.backbone.init_cfg = None
    torch.manual_seed(0)
    detector = MODELS.build(cfg).eval().requires_grad_(False)
    detector.init_weights()
    own = build_detector_adapter(detector)
    assert type(own) is GenericAdapter
    assert own.num_classes == 80
    images, samples = batch(num_images=1)
    maps = detector.extract_feat(images)
    logits = classify(own, maps, samples, [random_bboxes(3, SIDE)])
    assert logits.shape == (3, 81)
    found = detect(own, maps, samples, score_thr=0.0, iou_thr=1.0, max_per_image=1000)
    (expected,) = detector.predict(images, samples, rescale=False)
    # Sparse R-CNN leaves boxes that cross the border as they are.
    boxes = expected.pred_instances.bboxes.clamp(0, SIDE)
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(dim=1)]
    expected = {tuple(b) for b in boxes.tolist()}
    assert {tuple(b) for b in found.bboxes.tolist()} == expected
    assert bool(expected) == finds


def test_a_detector_without_box_heads_is_refused_in_words():
    with pytest.raises(ValueError, match='Linear.*bbox_head.*detector_adapter'):
        _ = build_detector_adapter(torch.nn.Linear(1, 1)).num_classes


def test_a_detector_without_proposals_of_its_own_is_refused_in_words():
    init_default_scope('mmsgp')
    cfg = Config.fromfile(MMDET_CONFIGS / 'fast_rcnn' / 'fast-rcnn_r50_fpn_1x_coco.py').model
    cfg.backbone.init_cfg = None
    with pytest.raises(ValueError, match='FastRCNN.*rpn_head'):
        build_detector_adapter(MODELS.build(cfg))


@pytest.mark.parametrize('name', OTHERS)
def test_detections_end_at_the_border_of_their_image(built, monkeypatch, name):
    detector = built(name)
    images, samples = batch(num_images=1)
    samples[0].set_metainfo(dict(img_shape=(SIDE, SIDE // 2)))
    nan, good = float('nan'), [1.3, 2.7, 31.1, 42.9]
    found = InstanceData(
        bboxes=torch.tensor(
            [
                good,
                [-9, 150, 90, 170],
                [90, 0, 120, 20],
                [30, 30, 20, 20],
                [nan, 0, 9, 9],
                [0, 0, float('inf'), 9],
                good,
                [5, 5, 5, 9],
            ],
            dtype=torch.float64,
        ),
        labels=torch.tensor([3, 1, 2, 2, 2, 2, 2, 2], dtype=torch.int32),
        scores=torch.tensor([0.9, 0.8, 0.9, 0.9, 0.9, 0.9, nan, 0.9]).half(),
    )
    monkeypatch.setattr(
        detector,
        'predict',
        lambda maps, samples, rescale: [DetDataSample(pred_instances=found) for _ in samples],
    )
    own, maps = build_detector_adapter(detector), (torch.zeros(1, 3, 4, 4),)
    objects = detect(own, maps, samples, **EVERYTHING)
    assert torch.equal(objects.bboxes, torch.tensor([good, [0, 150, 80, 160]]))
    assert objects.logits.argmax(dim=1).tolist() == [3, 1]
    assert classify(own, maps, samples, [objects.bboxes]).isfinite().all()
    found.labels[0] = 24
    with pytest.raises(ValueError, match='label 24.*24 classes, 0 to 23'):
        detect(own, maps, samples, **EVERYTHING)


def counted(name, function, calls):
    return lambda *args, **kwargs: calls.append(name) or function(*args, **kwargs)


@pytest.mark.parametrize('name', OTHERS)
def test_backbone_and_detection_run_once_for_all_tasks(monkeypatch, name):
    init_default_scope('mmsgp')
    cfg = Config.fromfile(CONFIGS / f'motifnet_cce_scorer_{name}_minivg.py').model
    cfg.detector.init_cfg = cfg.detector.backbone.init_cfg = None
    model = MODELS.build({**cfg, 'test_tasks': ('predcls', 'sgcls', 'sggen')})
    head, calls = model.detector.bbox_head, []
    model.detector.backbone.register_forward_hook(lambda *_: calls.append('backbone'))
    for step in ('forward', 'predict_by_feat'):  # the latter suppresses boxes
        monkeypatch.setattr(head, step, counted(step, getattr(head, step), calls))
    images, samples = batch()
    for times in (1, 2):  # and nothing is left behind
        model.eval().predict(images, samples)
        assert sorted(calls) == sorted(times * ['backbone', 'forward', 'predict_by_feat'])


@TASK_UTILS.register_module()
class AnnotatedObjects(DetectorAdapter):
    """Detects what is annotated, with the logits of the real detector."""

    @property
    def num_classes(self):
        return self.detector.roi_head.bbox_head.num_classes

    def classify_boxes(self, batch, bboxes):
        return classify(
            build_detector_adapter(self.detector), batch.feature_maps, batch.data_samples, bboxes
        )

    def detect_objects(self, batch, score_thr, iou_thr, max_per_image):
        bboxes = [s.gt_scene_graph.objects.bboxes for s in batch.data_samples]
        classes = torch.cat(bboxes)[:, None].expand(-1, self.num_classes, 4)
        return ObjectBatch.from_list(
            bboxes, self.classify_boxes(batch, bboxes), class_bboxes=classes
        )


@pytest.mark.parametrize('head', HEADS)
def test_sggen_with_annotated_boxes_for_detections_is_sgcls(head):
    torch.manual_seed(0)
    cfg = small_model_cfg(type=head, scorer=dict(type='Scorer'), **HEADS[head])
    model = MODELS.build(
        {**cfg, 'test_tasks': ('sgcls', 'sggen'), 'detector_adapter': dict(type='AnnotatedObjects')}
    )
    model.init_weights()
    for buffer in model.relation_head.buffers():
        if buffer.ndim > 1:
            buffer.uniform_()
    samples = random_samples([4, 4])
    # All boxes overlap, so that all are paired, but too little to suppress.
    bboxes = torch.tensor([[0.0, 0, 50, 50], [46, 0, 96, 50], [0, 46, 50, 96], [46, 46, 96, 96]])
    for sample in samples:
        sample.gt_scene_graph.objects.bboxes = bboxes
    for sample in model.eval().predict(torch.randn(2, 3, 96, 96), samples):
        given, detected = (sample.pred_scene_graphs[task] for task in ('sgcls', 'sggen'))
        assert given.num_relations == 12
        for part in ('objects', 'relations'):
            for key, value in getattr(given, part).items():
                torch.testing.assert_close(value, getattr(detected, part)[key])


@pytest.mark.parametrize('max_per_image, num_relations', [(0, 0), (1, 0)])
@pytest.mark.parametrize('task', ['sgcls', 'sggen'])
@pytest.mark.parametrize('head', HEADS)
def test_no_detection_or_one_trains_and_tests(head, task, max_per_image, num_relations):
    model = small_parser(type=head, scorer=dict(type='Scorer'), **HEADS[head])
    model.train_task, model.test_tasks = task, ('sggen',)
    model.detection_cfg = dict(score_thr=0.0, iou_thr=0.3, max_per_image=max_per_image)
    torch.manual_seed(0)
    images, samples = torch.randn(2, 3, 96, 96), random_samples([3, 3])
    losses = model.train().loss(images, samples)
    total = sum(v for k, v in losses.items() if 'loss' in k)
    total.backward()
    assert torch.isfinite(total)
    assert all(p.grad is not None for p in model.relation_head.parameters() if p.requires_grad)
    for sample in model.eval().predict(images, samples):
        graph = sample.pred_scene_graphs['sggen']
        assert graph.num_objects == max_per_image
        assert graph.num_relations == num_relations


def test_refinement_learns_from_the_pairs_it_is_assigned():
    torch.manual_seed(0)
    cfg = small_model_cfg(scorer=dict(type='Scorer'))
    model: SceneGraphParser = MODELS.build(
        {**cfg, 'train_task': 'sggen', 'detector_adapter': dict(type='AnnotatedObjects')}
    )
    samples = random_samples([4, 1])
    bboxes = torch.tensor([[0.0, 0, 50, 50], [46, 0, 96, 50], [0, 46, 50, 96], [60, 60, 96, 96]])
    samples[0].gt_scene_graph.objects.bboxes = bboxes
    seen = {}
    head = model.relation_head
    head.loss_by_feat = lambda output, objects, targets: (
        seen.update(objects=objects, targets=targets) or {}
    )
    head.extract_regions, regions = (
        (lambda maps, objects, pairs: seen.update(pairs=pairs) or regions(maps, objects, pairs)),
        head.extract_regions,
    )
    model.loss(torch.randn(2, 3, 96, 96), samples)
    assert torch.equal(
        seen['objects'].targets, torch.cat([s.gt_scene_graph.objects.labels for s in samples])
    )
    # The last box touches no other: neither 2 -> 3 nor its negatives are here.
    pairs = {tuple(p): int(y) for p, y in zip(seen['pairs'].tolist(), seen['targets'])}
    assert sorted(pairs) == [(i, j) for i in range(3) for j in range(3) if i != j]
    labels = samples[0].gt_scene_graph.relations.labels.tolist()
    assert [pairs[0, 1], pairs[1, 2]] == labels[:2]
    assert sum(pairs.values()) == sum(labels[:2])


class FirstAnnotatedObject(AnnotatedObjects):
    """A detector that finds one object of each image."""

    def detect_objects(self, batch, **kwargs):
        return super().detect_objects(
            batch._replace(
                data_samples=[
                    SceneGraphDataSample(
                        gt_scene_graph=SceneGraph(objects=sample.gt_scene_graph.objects[:1])
                    )
                    for sample in batch.data_samples
                ]
            ),
            **kwargs,
        )


@pytest.mark.parametrize('task', ['sgcls', 'sggen'])
def test_linknet_learns_all_annotated_classes_of_an_image(task):
    torch.manual_seed(0)
    model = MODELS.build(
        {
            **small_model_cfg(type='LinkNetHead'),
            'train_task': task,
            'detector_adapter': dict(type=FirstAnnotatedObject),
        }
    )
    samples = random_samples([2, 3])
    classes = [[3, 1], [0, 4, 4]]
    for sample, labels in zip(samples, classes):
        sample.gt_scene_graph.objects.labels = torch.tensor(labels)
        # far apart: what is not found matches nothing
        sample.gt_scene_graph.objects.bboxes = torch.tensor(
            [[0.0, 0, 30, 30], [40, 0, 90, 30], [0, 40, 30, 90]]
        )[: len(labels)]
    images = torch.randn(2, 3, 96, 96)
    head = model.relation_head
    logits = []
    head.image_classifier.register_forward_hook(
        lambda module, inputs, output: logits.append(output.sigmoid())
    )
    loss = model.loss(images, samples)['loss_image']
    (chances,) = logits
    expected = [
        -(row[c] if c in labels else 1 - row[c]).log()
        for row, labels in zip(chances, classes)
        for c in range(6)
    ]
    torch.testing.assert_close(loss, sum(expected) / len(expected))


def test_a_compiled_backbone_computes_the_same(monkeypatch):
    # traced as any backend is, without the minutes of making kernels
    monkeypatch.setattr(
        torch.nn.Module,
        'compile',
        functools.partialmethod(torch.nn.Module.compile, backend='eager'),
    )
    torch.manual_seed(0)
    traced = torch._dynamo.utils.counters['stats']['unique_graphs']
    model = MODELS.build({**small_model_cfg(), 'compile_backbone': True}).eval()
    plain = MODELS.build(small_model_cfg()).eval()
    plain.load_state_dict(model.state_dict())
    for batch_size in (2, 1):
        images = torch.randn(batch_size, 3, 64, 64)
        for own, expected in zip(model.extract_feat(images), plain.extract_feat(images)):
            torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-4)
    assert torch._dynamo.utils.counters['stats']['unique_graphs'] > traced


def test_unknown_training_tasks_are_refused():
    with pytest.raises(ValueError, match="'sgcls', 'sggen'.*'predcls'"):
        MODELS.build({**small_model_cfg(), 'train_task': 'predcls'})


@pytest.mark.parametrize('name', ['faster_rcnn_r50_fpn', 'rtmdet_tiny'])
@pytest.mark.parametrize(
    'damage, message',
    [
        (
            lambda state, key: state.update({key: torch.zeros(9, 4, 1, 1)}),
            r'detector.pth.*bbox_head.*\(9, 4, 1, 1\)',
        ),
        (lambda state, key: state.pop(key), 'detector.pth.*bbox_head'),
    ],
)
def test_weights_of_another_detector_are_refused(tmp_path, name, damage, message):
    init_default_scope('mmsgp')
    cfg = Config.fromfile(CONFIGS / f'motifnet_cce_scorer_{name}_minivg.py').model
    cfg.detector.backbone.init_cfg = None
    path = tmp_path / 'detector.pth'
    cfg.detector.init_cfg.checkpoint = str(path)
    model = MODELS.build(cfg)
    state = model.detector.state_dict()
    damage(
        state,
        next(
            key
            for key in state
            if 'bbox_head' in key and key.endswith(('fc_cls.weight', 'rtm_cls.0.weight'))
        ),
    )
    torch.save(dict(state_dict=state), path)
    with pytest.raises(ValueError, match=message):
        model.init_weights()


def test_unknown_thresholds_of_detections_are_refused():
    with pytest.raises(ValueError, match="detection_cfg.*'score_thr'.*'max_per_img'"):
        MODELS.build({**small_model_cfg(), 'detection_cfg': dict(max_per_img=10)})


@pytest.mark.parametrize(
    'key, value',
    [
        ('max_per_image', -1),
        ('max_per_image', 2.5),
        ('score_thr', 'x'),
        ('score_thr', 1.5),
        ('iou_thr', -1),
        ('iou_thr', None),
    ],
)
def test_thresholds_out_of_range_are_refused(key, value):
    with pytest.raises(ValueError, match=f'detection_cfg.{key} .*{value!r}'):
        MODELS.build({**small_model_cfg(), 'detection_cfg': {key: value}})


@pytest.mark.parametrize('detection', [EVERYTHING, dict(score_thr=1, iou_thr=0, max_per_image=0)])
def test_thresholds_may_keep_everything_or_nothing(detection):
    model = MODELS.build({**small_model_cfg(), 'detection_cfg': detection})
    assert model.detection_cfg == detection


def test_a_parser_normalises_images_as_its_detector():
    cfg = small_model_cfg()
    expected = cfg.detector.data_preprocessor
    model = MODELS.build(cfg)
    assert model.data_preprocessor.mean.flatten().tolist() == pytest.approx(expected.mean)
    assert model.data_preprocessor.pad_to == (160, 160)
    for key, value in (('mean', [0, 0, 0]), ('std', [1, 1, 1]), ('bgr_to_rgb', False)):
        with pytest.raises(ValueError, match=f'data_preprocessor.{key} '):
            MODELS.build({**cfg, 'data_preprocessor': {**expected, key: value}})


@pytest.mark.parametrize('stride', [4, 16])
def test_wrong_strides_are_refused(stride):
    cfg = small_model_cfg()
    cfg.relation_head.pair_features.roi_extractor.featmap_strides = [stride]
    model = MODELS.build(cfg)
    with pytest.raises(ValueError, match=(rf'pair_features.roi_extractor: .*\[{stride}\].*\[8\]')):
        model.extract_feat(torch.randn(1, 3, SIDE, SIDE))
