"""Every config builds, takes a training step and a test step."""
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
BASES = ('motifnet', 'linknet', 'kern', 'frequency')
RELATIONS = [name for name in NAMES
             if name.startswith((*BASES, 'transformer'))]
SIDE = 160


def build(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    init_default_scope(cfg.default_scope)
    model = cfg.model
    detector = model.get('detector', model)
    detector.init_cfg = detector.backbone.init_cfg = None  # no file is there
    model.data_preprocessor.pad_size_divisor = SIDE
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
    samples = random_samples([4, 3], num_classes, num_predicates,
                             image_size=SIDE)
    for sample in samples:
        sample.set_metainfo(dict(img_shape=(SIDE, SIDE)))
    images = torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8)
    return dict(inputs=list(images), data_samples=samples)


@pytest.mark.parametrize('name', RELATIONS)
def test_relation_config_takes_a_training_and_a_test_step(name):
    model, optimizer = build(name)
    head = model.relation_head
    data = batch(head.num_classes, head.num_predicates)
    trained = [p for p in head.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in trained]
    logged = model.train().train_step(data, optimizer)
    assert torch.isfinite(logged['loss'])
    changed = [not torch.equal(b, p) for b, p in zip(before, trained)]
    assert sum(changed) > len(changed) / 2
    for sample in model.eval().test_step(
            batch(head.num_classes, head.num_predicates)):
        for task, num_pairs in (('predcls', (12, 6)), ('sgcls', (12, 6)),
                                ('sggen', range(13))):
            relations = sample.pred_scene_graphs[task].relations
            assert len(relations.labels) in num_pairs
            assert relations.distribution.shape[1] == head.num_predicates + 1
            assert torch.isfinite(relations.scores).all()
            assert ('significance' in relations) == (head.scorer is not None)


@pytest.mark.parametrize('name', [
    f'{base}_cce_scorer_minivg' for base in ('motifnet', 'linknet', 'kern')])
def test_only_fc6_and_fc7_learn_at_a_tenth(name):
    model, optimizer = build(name)
    names = {id(p): key for key, p in model.named_parameters()}
    rates = {names[id(p)]: group['lr']
             for group in optimizer.optimizer.param_groups
             for p in group['params']}
    slow = {key for key, rate in rates.items() if rate < max(rates.values())}
    assert slow == {key for key in rates if 'fc_head.classifier' in key}
    assert len(slow) == 8  # two heads, two layers, weight and bias


@pytest.mark.parametrize('name', sorted(set(NAMES) - set(RELATIONS)))
def test_detector_config_takes_a_training_and_a_test_step(name):
    model, optimizer = build(name)
    num_classes = build_detector_adapter(model).num_classes
    data = batch(num_classes, 5)
    logged = model.train().train_step(data, optimizer)
    assert torch.isfinite(logged['loss'])
    for sample in model.eval().test_step(data):
        assert sample.pred_instances.bboxes.shape[1] == 4


@pytest.mark.parametrize('name', sorted(set(NAMES) - set(RELATIONS)))
def test_a_detector_of_other_classes_than_its_data_is_refused(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    model, _ = build(name)
    hook, = (HOOKS.build(hook) for hook in cfg.custom_hooks
             if 'NumClass' in hook.type)
    num_classes = build_detector_adapter(model).num_classes

    def train(data_classes):
        dataset = SimpleNamespace(
            metainfo=dict(classes=('class', ) * data_classes))
        hook.before_train_epoch(SimpleNamespace(
            model=model, train_dataloader=SimpleNamespace(dataset=dataset)))

    train(num_classes)
    with pytest.raises(AssertionError, match=rf'\({num_classes}\)'):
        train(num_classes - 4)


@pytest.mark.parametrize('data', ['vg', 'vrd', 'minivg'])
@pytest.mark.parametrize('base', BASES)
def test_each_base_model_comes_with_each_loss(base, data):
    kinds = {name[len(base) + 1:-len(data) - 1] for name in RELATIONS
             if name.startswith(f'{base}_') and name.endswith(f'_{data}')}
    assert kinds >= {'ce', 'cce', 'scorer', 'cce_scorer', 'focal',
                     'cce_scorer_wo_sa'}
