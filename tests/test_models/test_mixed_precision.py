"""A model in bfloat16 does what it does in float32."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from mmsgp.engine import mixed_precision
from mmsgp.engine.mixed_precision import (
    predict_in_mixed_precision,
    train_in_mixed_precision,
)
from mmsgp.models import joint_nms
from mmsgp.testing.models import HEADS, random_samples, small_parser

SCORER = dict(type='Scorer')
VISUAL_HEADS = [name for name in HEADS if name != 'FrequencyHead']
BFLOAT16 = dict(device_type='cpu', dtype=torch.bfloat16)


@pytest.mark.parametrize('head', VISUAL_HEADS)
def test_graphs_in_bfloat16_are_those_in_float32(head):
    model = small_parser(type=head, scorer=SCORER, **HEADS[head]).eval()
    with torch.no_grad():  # a detector that tells objects apart
        model.detector.rpn_head.rpn_cls.weight *= 30
        model.detector.roi_head.bbox_head.fc_cls.weight *= 30
    model.test_tasks = ('predcls', 'sgcls', 'sggen')
    model.detection_cfg['max_per_image'] = 8
    images, samples = torch.randn(2, 3, 96, 96), random_samples([4, 5])
    exact = model.predict(images, [s.clone() for s in samples])
    with torch.autocast(**BFLOAT16):
        rounded = model.predict(images, [s.clone() for s in samples])
    for one, other in zip(exact, rounded):
        for task in ('predcls', 'sgcls'):
            first, second = (sample.pred_scene_graphs[task] for sample in (one, other))
            orders = [
                graph.relations.pairs[:, 0] * 10 + graph.relations.pairs[:, 1]
                for graph in (first, second)
            ]
            first, second = (
                graph.relations.distribution[order.argsort()]
                for graph, order in zip((first, second), orders)
            )
            assert 0 < (first - second).abs().mean() < 0.01
        graph = other.pred_scene_graphs['sggen']
        for tensor in (
            graph.objects.bboxes,
            graph.objects.scores,
            graph.relations.scores,
            graph.relations.distribution,
        ):
            assert tensor.dtype == torch.float32


def test_detected_boxes_in_bfloat16_lie_where_they_do_in_float32():
    model = small_parser().eval()
    images, samples = torch.randn(1, 3, 96, 96), random_samples([0])
    with torch.no_grad():
        (exact,) = model.extract_feat(images)
        with torch.autocast(**BFLOAT16):
            maps = model.extract_feat(images)
        assert maps[0].dtype == torch.float32
        assert not torch.equal(maps[0], exact)
        whole = model.detector_adapter._propose((exact,), samples)
        with torch.autocast(**BFLOAT16):
            half = model.detector_adapter._propose((exact,), samples)
    # A neighbour in bfloat16 is up to half a pixel away at 64 to 96.
    assert len(half[0]) and half[0].dtype == torch.float32
    fractions = half[0] - half[0].bfloat16().float()
    assert (fractions.abs() > 0).float().mean() > 0.5
    nearest = torch.cdist(whole[0][:20], half[0]).min(dim=1).values
    assert nearest.median() < 0.5


def test_suppression_by_hundredths_survives_bfloat16():
    # 0.5010 and 0.5005 are one number in bfloat16
    probabilities = torch.tensor([[[0.5005, 0.4], [0.5010, 0.4]]])
    assert probabilities.bfloat16()[0, 0, 0] == probabilities.bfloat16()[0, 1, 0]
    bboxes = torch.tensor([0.0, 0.0, 10.0, 10.0]).expand(1, 2, 2, 4)
    with torch.autocast(**BFLOAT16):
        labels = joint_nms(probabilities, bboxes, torch.ones(1, 2, dtype=torch.bool))
    assert labels.tolist() == [[1, 0]]


@pytest.mark.parametrize('device', ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)])
@pytest.mark.parametrize('task', ['sgcls', 'sggen'])
@pytest.mark.parametrize('head', HEADS)
def test_a_step_in_half_precision_goes_the_way_of_a_step_in_float32(
    head, task, device, monkeypatch
):
    """In bfloat16 on a CPU, whether or not there is a GPU, and in float16 on a GPU."""
    monkeypatch.setattr(mixed_precision, 'get_device', lambda: device)
    init_default_scope('mmsgp')
    directions = []
    for amp in (False, True):
        cfg = Config(
            dict(
                model=dict(type='SceneGraphParser', relation_head={}),
                optim_wrapper=dict(
                    type='OptimWrapper',
                    optimizer=dict(type='SGD', lr=0.1),
                    constructor='TrainableParamsConstructor',
                ),
                val_cfg=dict(),
            )
        )
        if amp:
            train_in_mixed_precision(cfg)
            assert cfg.val_cfg.fp16
            if device == 'cuda':
                cfg.optim_wrapper.loss_scale = 128.0  # no step is left out
        model = small_parser(type=head, scorer=SCORER, **HEADS[head]).train().to(device)
        model.train_task = task
        model.detection_cfg['score_thr'] = 0.0
        model.detection_cfg['max_per_image'] = 6
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
        before = [p.detach().clone() for p in model.relation_head.parameters()]
        torch.manual_seed(1)
        images = torch.randn(2, 3, 96, 96).to(device)
        samples = [sample.to(device) for sample in random_samples([5, 6])]
        with wrapper.optim_context(model):
            losses = model.loss(images, samples)
        total = sum(v for k, v in losses.items() if 'loss' in k)
        assert total.dtype == torch.float32
        wrapper.update_params(total)
        after = list(model.relation_head.parameters())
        assert all(p.dtype == torch.float32 for p in after)
        directions.append(torch.cat([(a - b).flatten() for a, b in zip(after, before)]))
    assert not torch.equal(*directions)
    assert torch.cosine_similarity(*directions, dim=0) > 0.7


def test_a_detector_alone_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(mixed_precision, 'get_device', lambda: 'cpu')
    cfg = Config(dict(model=dict(type='mmdet.FasterRCNN')))
    for use in (train_in_mixed_precision, predict_in_mixed_precision):
        with pytest.raises(ValueError, match='mmdet.FasterRCNN'):
            use(cfg)
