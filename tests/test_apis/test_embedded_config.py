"""Parts of a config in a checkpoint that are built, and those that are refused."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmsgp.apis.embedded_config import embedded_config
from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS

MINIVG = 'motifnet_cce_scorer_minivg'
TRAINING_ONLY = (
    'train_dataloader',
    'optim_wrapper',
    'default_hooks',
    'custom_hooks',
    'train_cfg',
    'env_cfg',
    'default_scope',
    'launcher',
)


@pytest.fixture
def cfg():
    return Config.fromfile(CONFIGS / f'{MINIVG}.py')


def allowed(cfg):
    return embedded_config(cfg.pretty_text, 'epoch_1.pth')


@pytest.mark.parametrize(
    'name',
    [
        MINIVG,
        'linknet_focal_minivg',
        'kern_cce_scorer_vg',
        'frequency_ce_vrd',
        'motifnet_cce_scorer_wo_sa_vg',
        'motifnet_cce_scorer_sggen_vg',
        'selfattention_cce_scorer_minivg',
        'motifnet_ce_logit_adjusted_minivg',
        'transformer_ce_sgb_vg',
        'motifs_ce_sgb_vg',
        *(
            f'{head}_cce_scorer_minivg'
            for head in ('transformer', 'imp', 'gpsnet', 'vctree', 'penet', 'squat', 'react')
        ),
        *(
            f'motifnet_cce_scorer_{detector}_minivg'
            for detector in (
                'faster_rcnn_r50_fpn',
                'cascade_rcnn_r50_fpn',
                'rtmdet_tiny',
                'detr_r50',
            )
        ),
    ],
)
def test_the_model_equals_that_of_the_config_file(name):
    init_default_scope('mmsgp')
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    with torch.device('meta'):
        own, expected = (MODELS.build(c.model) for c in (allowed(cfg), cfg))
    assert [(key, value.shape) for key, value in own.state_dict().items()] == [
        (key, value.shape) for key, value in expected.state_dict().items()
    ]
    assert [type(part) for part in own.modules()] == [type(part) for part in expected.modules()]
    assert own.detector.test_cfg == expected.detector.test_cfg
    assert own.detection_cfg == expected.detection_cfg


def test_arguments_of_older_checkpoints_are_understood(cfg):
    cfg.model.relation_head.scorer.context = 'RelationFC'
    scorer = allowed(cfg).model.relation_head.scorer
    assert scorer == dict(type='mmsgp.Scorer', attention=dict(type='mmsgp.RelationFC'))


def test_arguments_that_only_training_needs_are_dropped(cfg):
    cfg.model.relation_head.word_vectors = '/home/glove.txt'
    cfg.test_dataloader.dataset.pipeline[-1].init_cfg = dict(checkpoint='x.pth')
    found = allowed(cfg)
    assert set(found) == {'model', 'test_dataloader', 'visualizer'}
    assert set(TRAINING_ONLY).isdisjoint(found)
    detector = found.model.detector
    assert detector.train_cfg is None and detector.init_cfg is None
    assert found.model.relation_head.word_vectors is None
    assert [step.type for step in found.test_dataloader.dataset.pipeline] == [
        'mmsgp.Resize',
        'mmsgp.PackSceneGraphInputs',
    ]
    assert 'init_cfg' not in found.test_dataloader.dataset.pipeline[-1]


@pytest.mark.parametrize(
    'place, value',
    [
        ('model.detector.type', 'mmdet.KnowledgeDistillationSingleStageDetector'),
        ('model.detector.type', 'SceneGraphParser'),
        ('model.detector.type', 5),
        ('model.detector.teacher_config', 'teacher.py'),
        ('model.detector._scope_', 'evil'),
        ('model.relation_head.type', 'MyOwnHead'),
        ('model.relation_head.scorer.attention', 'mmdet.CameraMotionCompensation'),
        ('model.relation_head.loss_relation.class_weight', 'weights.pkl'),
        ('model.detector.backbone.norm_cfg.type', 'torch.os.system'),
        ('model.detector.backbone.plugins', []),
        ('model.detector.roi_head.bbox_roi_extractor.roi_layer.type', 'Conv2d'),
        ('model.detector.test_cfg.rcnn.nms.type', '__import__("os").abort'),
        ('model.detector.test_cfg.rcnn.nms.iou_threshold', 'x'),
        ('model.detector.backbone.depth', 10**9),
        ('model.relation_head.pair_features.roi_extractor.roi_layer.output_size', 0),
        ('model.relation_head.roi_extractor.featmap_strides', [0]),
        ('model.relation_head.nms_iou_thr', float('inf')),
        ('model.relation_head.hidden_size', [[1] * 101]),
        ('model.data_preprocessor', 'mmdet.DetDataPreprocessor'),
        ('model', None),
        ('model', [dict(type='SceneGraphParser')]),
        ('test_dataloader.dataset', 'file.py'),
        ('test_dataloader.dataset.pipeline', None),
        ('visualizer.task', 'http://127.0.0.1/x'),
    ],
)
def test_other_parts_are_refused_with_file_key_and_value(cfg, place, value):
    *parents, key = place.split('.')
    owner = cfg
    for parent in parents:
        owner = owner[parent]
    owner[key] = value
    with pytest.raises(ValueError) as error:
        embedded_config(cfg.pretty_text.replace('=inf', '=1e999'), 'epoch_1.pth')
    message = str(error.value)
    assert message.startswith('epoch_1.pth') and place in message
    assert repr(value)[:8] in message or isinstance(value, (list, dict))
    assert '--config' in message and '\n' not in message


@pytest.mark.parametrize(
    'step',
    [
        dict(type='mmdet.AutoAugment'),
        'Resize',
        dict(type='PackSceneGraphInputs', meta_keys=['a.b']),
        dict(scale=(8, 8)),
        dict(type='Resize', scale=(10**6, 10**6)),
    ],
)
def test_steps_of_the_pipeline_are_checked(cfg, step):
    cfg.test_dataloader.dataset.pipeline.append(step)
    with pytest.raises(ValueError, match=r'epoch_1.pth.*pipeline\[5\]'):
        allowed(cfg)
