"""Every config builds the model that its name says; each model trains and tests."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from mmsgp.models import build_detector_adapter
from mmsgp.registry import HOOKS, MODELS
from mmsgp.testing.models import CONFIGS, random_samples

NAMES = sorted(path.stem for path in CONFIGS.glob('*.py'))
HEADS = dict(
    motifnet='MotifNetHead',
    linknet='LinkNetHead',
    kern='KERNHead',
    frequency='FrequencyHead',
    selfattention='RoleProductHead',
    transformer='TransformerHead',
    imp='IMPHead',
    penet='PENetHead',
    react='REACTHead',
    gpsnet='GPSNetHead',
    vctree='VCTreeHead',
    squat='SQUATHead',
    motifs='GatedPairHead',
)
RELATIONS = [name for name in NAMES if name.startswith(tuple(HEADS))]
DETECTORS = sorted(set(NAMES) - set(RELATIONS))
LOSSES = dict(
    ce='CrossEntropyLoss',
    cce='CCELoss',
    focal='SoftmaxFocalLoss',
    scorer='CrossEntropyLoss',
    reweighted='ReweightedCrossEntropyLoss',
)
NOT_IN_TABLES = {'from', 'sggen', 'r50', 'rtmdet', 'selfattention', 'sgb'}
DEBIASED = {'logit', 'tde', 'resistance', 'gcl', 'bilevel'}
SIZES = dict(vg=(150, 50), vrd=(100, 70), minivg=(24, 18))
# Data that no table of all models is made of.
OTHER_SIZES = dict(psg=(133, 56), openimages=(601, 30), gqa200=(200, 100))
ALL_SIZES = {**SIZES, **OTHER_SIZES}
VARIANTS = [
    name
    for name in RELATIONS
    if name.split('_')[1] in LOSSES and not (NOT_IN_TABLES | DEBIASED) & set(name.split('_'))
]
SIDE = 160


@pytest.fixture(scope='module')
def loaded():
    init_default_scope('mmsgp')
    return {name: Config.fromfile(CONFIGS / f'{name}.py') for name in NAMES}


@pytest.mark.parametrize('name', RELATIONS)
def test_a_relation_config_is_the_model_of_its_name(loaded, name):
    base, *kinds, data = name.split('_')
    head_cfg = loaded[name].model.relation_head
    with torch.device('meta'):
        model = MODELS.build(copy.deepcopy(loaded[name].model))
    head = model.relation_head
    assert type(head).__name__ == HEADS[base]
    assert type(head.loss_relation).__name__ == LOSSES[kinds[0]]
    assert (head.scorer is not None) == ('scorer' in kinds)
    if head.scorer is not None:
        kind = 'RelationFC' if 'wo' in kinds else 'RelationSelfAttention'
        assert type(head.scorer.context).__name__ == kind
    assert (head.num_classes, head.num_predicates) == ALL_SIZES[data]
    assert model.detector_adapter.num_classes == head.num_classes
    assert model.train_task == ('sggen' if 'sggen' in kinds else 'sgcls')
    assert (loaded[name].load_from is not None) == ('from' in kinds or 'sggen' in kinds)
    assert head_cfg.num_classes == loaded[name].num_classes


@pytest.mark.parametrize('name', DETECTORS)
def test_a_detector_config_finds_the_classes_of_its_data(loaded, name):
    cfg = loaded[name]
    with torch.device('meta'):
        model = MODELS.build(copy.deepcopy(cfg.model))
    num_classes = build_detector_adapter(model).num_classes
    assert num_classes == ALL_SIZES[name.split('_')[-1]][0] == cfg.num_classes
    (hook,) = (HOOKS.build(hook) for hook in cfg.custom_hooks if 'NumClass' in hook.type)

    def train(data_classes):
        dataset = SimpleNamespace(metainfo=dict(classes=('class',) * data_classes))
        hook.before_train_epoch(
            SimpleNamespace(model=model, train_dataloader=SimpleNamespace(dataset=dataset))
        )

    train(num_classes)
    with pytest.raises(AssertionError, match=rf'\({num_classes}\)'):
        train(num_classes - 4)


@pytest.mark.parametrize('name', VARIANTS)
def test_configs_of_a_table_differ_in_loss_and_scorer_alone(loaded, name):
    """And in rates, which suit the loss."""

    def compared(cfg):
        cfg = cfg.to_dict()
        for key in ('loss_relation', 'scorer'):
            cfg['model']['relation_head'].pop(key, None)
        return [
            cfg[key]
            for key in (
                'model',
                'train_dataloader',
                'val_dataloader',
                'test_dataloader',
                'val_evaluator',
                'test_evaluator',
                'custom_hooks',
                'randomness',
            )
        ]

    base, data = name.split('_')[0], name.split('_')[-1]
    assert compared(loaded[name]) == compared(loaded[f'{base}_ce_{data}'])


def build(cfg):
    """A model with random weights and its optimizer."""
    init_default_scope(cfg.default_scope)
    model = cfg.model
    detector = model.get('detector', model)
    detector.init_cfg = detector.backbone.init_cfg = None  # no file is there
    if 'detector' in model:
        model.test_tasks = ('predcls', 'sgcls', 'sggen')
        model.detection_cfg = dict(max_per_image=4)
    torch.manual_seed(0)
    model = MODELS.build(model)
    for name, parameter in model.named_parameters():
        if name.endswith('table'):  # zero until the training set is known
            torch.nn.init.normal_(parameter)
    for name, buffer in model.named_buffers():
        if name.endswith('cooccurrence'):  # as are those of KERN
            buffer.uniform_(0, 0.5)
    return model, build_optim_wrapper(model, cfg.optim_wrapper)


def batch(num_classes, num_predicates):
    samples = random_samples([4, 3], num_classes, num_predicates, image_size=SIDE)
    images = torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8)
    return dict(inputs=list(images), data_samples=samples)


@pytest.mark.parametrize(
    'loss', ['CrossEntropyLoss', 'CCELoss', 'SoftmaxFocalLoss', 'LogitAdjustedLoss']
)
@pytest.mark.parametrize('scorer', [None, 'Scorer'])
@pytest.mark.parametrize('base', sorted(set(HEADS) - {'selfattention', 'motifs'}))
def test_each_base_model_takes_each_loss_and_a_scorer(base, scorer, loss):
    """A training and a test step of each task."""
    cfg = Config.fromfile(CONFIGS / f'{base}_ce_minivg.py')
    scope = 'mmdet.' if loss == 'CrossEntropyLoss' else ''
    cfg.model.relation_head.update(
        scorer=scorer and dict(type=scorer), loss_relation=dict(type=scope + loss)
    )
    model, optimizer = build(cfg)
    head = model.relation_head
    trained = [p for p in head.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in trained]
    logged = model.train().train_step(batch(head.num_classes, head.num_predicates), optimizer)
    assert torch.isfinite(logged['loss'])
    changed = [not torch.equal(b, p) for b, p in zip(before, trained)]
    assert sum(changed) > len(changed) / 2
    for sample in model.eval().test_step(batch(head.num_classes, head.num_predicates)):
        for task, num_pairs in (('predcls', (12, 6)), ('sgcls', (12, 6)), ('sggen', range(13))):
            relations = sample.pred_scene_graphs[task].relations
            assert len(relations.labels) in num_pairs
            assert relations.distribution.shape[1] == head.num_predicates + 1
            assert torch.isfinite(relations.scores).all()
            assert ('significance' in relations) == (scorer is not None)


@pytest.mark.parametrize(
    'name',
    [
        name
        for name in NAMES
        if name.startswith('motifnet_cce_scorer_') and ('_r50_' in name or 'rtmdet' in name)
    ],
)
def test_a_parser_over_another_detector_trains_and_tests(loaded, name):
    model, optimizer = build(Config(loaded[name].to_dict()))
    head = model.relation_head
    data = batch(head.num_classes, head.num_predicates)
    assert torch.isfinite(model.train().train_step(data, optimizer)['loss'])
    for sample in model.eval().test_step(batch(head.num_classes, head.num_predicates)):
        assert len(sample.pred_scene_graphs['sgcls'].relations.labels) in (12, 6)


@pytest.mark.parametrize('name', [n for n in DETECTORS if n.endswith(('_vrd', '_minivg'))])
def test_a_detector_takes_a_training_and_a_test_step(loaded, name):
    model, optimizer = build(Config(loaded[name].to_dict()))
    data = batch(build_detector_adapter(model).num_classes, 5)
    logged = model.train().train_step(data, optimizer)
    assert torch.isfinite(logged['loss'])
    for sample in model.eval().test_step(data):
        assert sample.pred_instances.bboxes.shape[1] == 4


@pytest.mark.parametrize(
    'name', [f'{base}_cce_scorer_minivg' for base in ('motifnet', 'linknet', 'kern')]
)
def test_only_fc6_and_fc7_learn_at_a_tenth(loaded, name):
    model, optimizer = build(Config(loaded[name].to_dict()))
    names = {id(p): key for key, p in model.named_parameters()}
    rates = {
        names[id(p)]: group['lr']
        for group in optimizer.optimizer.param_groups
        for p in group['params']
    }
    slow = {key for key, rate in rates.items() if rate < max(rates.values())}
    assert slow == {key for key in rates if 'fc_head.classifier' in key}
    assert len(slow) == 8  # two heads, two layers, weight and bias


@pytest.mark.parametrize(
    'name',
    ['cascade_rcnn_r50_fpn', 'detr_r50', 'faster_rcnn_r50_fpn', 'rtmdet_tiny', 'faster_rcnn_vgg16'],
)
def test_the_base_of_a_detector_has_no_number_of_classes(name):
    base = Config.fromfile(CONFIGS / '_base_' / 'detectors' / f'{name}.py')
    assert 'num_classes=' not in base.pretty_text


@pytest.mark.parametrize('name', RELATIONS)
def test_layers_learn_slowly_where_they_start_as_the_detectors(loaded, name):
    cfg = copy.deepcopy(loaded[name])
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    options = cfg.optim_wrapper.get('paramwise_cfg') or {}
    slow = [key for key in options.get('custom_keys', {}) if 'fc_head' in key]
    fc_head = model.detector_adapter.fc_head
    assert bool(slow) == (fc_head is not None)
    own = getattr(model.relation_head, 'fc_head', None)
    if own is not None and slow:
        assert [p.shape for p in own.parameters()] == [p.shape for p in fc_head.parameters()]
    rates = {
        id(p): group['lr']
        for group in build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
        for p in group['params']
    }
    base = cfg.optim_wrapper.optimizer.lr
    if own is not None and base == max(rates.values()):
        assert [rates[id(p)] for p in own.parameters()] == pytest.approx(
            [base * (0.1 if slow else 1)] * 4
        )


@pytest.mark.parametrize('data', SIZES)
@pytest.mark.parametrize('base', ['motifnet', 'linknet', 'kern'])
def test_each_base_model_comes_with_cross_entropy_cce_and_scorer(base, data):
    kinds = {
        name[len(base) + 1 : -len(data) - 1]
        for name in RELATIONS
        if name.startswith(f'{base}_') and name.endswith(f'_{data}')
    }
    assert kinds >= {
        'ce',
        'cce',
        'cce_scorer',
        'cce_scorer_wo_sa',
        'ce_from_ce',
        'cce_scorer_from_ce',
    }
