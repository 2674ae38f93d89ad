"""Checkpoints of the reference implementations become files of MMSGP."""

import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from reference_weights import convert as convert_state

from helpers import reference_weights
from helpers.reference_weights import (
    reference_model_cfg,
    reference_state,
)
from helpers.tools import load_tool
from mmsgp.checkpoint.loading import load_checkpoint_file
from mmsgp.engine import DatasetPriorsHook
from mmsgp.registry import MODELS
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import CONFIGS

TOOL = 'model_converters/reference_to_mmsgp'


@pytest.fixture
def convert(tmp_path, run_tool, capsys):
    """Save a state and run the tool; return its weights and its output."""

    def run(state, kind, *arguments):
        source, target = tmp_path / 'vgrel.tar', tmp_path / f'{kind}.pth'
        # as PyTorch wrote files when the references were published
        torch.save(dict(state_dict=state, epoch=3), source, _use_new_zipfile_serialization=False)
        run_tool(TOOL, kind, source, target, *arguments)
        return (load_checkpoint_file(str(target))['state_dict'], capsys.readouterr().out)

    return run


@pytest.fixture
def data(tmp_path):
    return make_vg_data(tmp_path / 'data', with_images=False)


def write_config(path, kind, data, **relation_head):
    """Write a config of a parser and a repeated training set."""
    dataset = dict(type='VGDataset', split='train', **data.kwargs())
    Config(
        dict(
            default_scope='mmsgp',
            model=reference_model_cfg(kind, **relation_head),
            train_dataloader=dict(
                dataset=dict(type='mmdet.RepeatDataset', times=2, dataset=dataset)
            ),
        )
    ).dump(path)
    return path


def options_of(output):
    """Read the options after ``--cfg-options`` in the output."""
    [line] = re.findall('--cfg-options (.*)', output)
    return dict(option.split('=') for option in line.split())


def built_model(kind, **relation_head):
    cfg = reference_model_cfg(kind, **relation_head)
    cfg.detector.rpn_head.type = 'mmsgp.ReLU6RPNHead'
    return MODELS.build(cfg)


def save_detector(path, **bbox_head):
    """Save a detector's checkpoint and return the detector."""
    cfg = reference_model_cfg('linknet').detector
    cfg.roi_head.bbox_head.update(bbox_head)
    detector = MODELS.build(cfg)
    torch.save(dict(state_dict=detector.state_dict()), path)
    return detector


def start(model, dataset):
    """Do what training or a test does with the model at its start."""
    loader = SimpleNamespace(dataset=dataset)
    evaluator = SimpleNamespace(metrics=[])
    runner = SimpleNamespace(
        model=model, train_dataloader=loader, test_dataloader=loader, test_evaluator=evaluator
    )
    hook = DatasetPriorsHook()
    hook.before_test(runner)
    hook.before_train(runner)


@pytest.mark.parametrize('kind', ['motifnet', 'linknet'])
def test_a_published_file_is_tested_and_trained_as_it_is(convert, data, kind):
    state = reference_state(kind)
    weights, output = convert(state, kind)
    assert 'not mapped (1): detector.rpn_head.anchors' in output
    model = built_model(kind)
    model.load_state_dict(weights)  # nothing is missing
    start(model, data.dataset(split='train'))
    table = state['freq_bias.obj_baseline.weight']
    assert torch.equal(model.relation_head.frequency_prior.table[0, -1], table[1 * 6 + 0].float())


@pytest.mark.parametrize('with_matrix', [False, True])
def test_kern_takes_missing_statistics_from_a_training_set(convert, data, tmp_path, with_matrix):
    state = reference_state('kern')
    matrix = state['ggnn_obj_reason.ggnn_obj.matrix']
    if not with_matrix:
        del state['ggnn_obj_reason.ggnn_obj.matrix']
    config = write_config(tmp_path / 'kern.py', 'kern', data)
    weights, output = convert(state, 'kern', '--config', config)
    assert 'it lacks statistics' not in output
    model = built_model('kern')
    model.load_state_dict(weights)

    dataset = data.dataset(split='train')
    other = make_vg_data(tmp_path / 'other', with_images=False, seed=1)
    start(model, other.dataset(split='train'))
    head = model.relation_head
    expected = torch.zeros(6, 6)
    if with_matrix:
        expected = matrix.roll((-1, -1), dims=(0, 1)).float()
    else:
        expected[:5, :5] = torch.tensor(dataset.statistics.object_cooccurrence)
    torch.testing.assert_close(head.object_cooccurrence, expected)
    torch.testing.assert_close(
        head.predicate_cooccurrence, torch.tensor(dataset.statistics.predicate_cooccurrence).float()
    )


def test_kern_without_a_config_reports_missing_statistics(convert):
    weights, output = convert(reference_state('kern'), 'kern')
    assert 'it lacks statistics' in output and '--config' in output
    model = built_model('kern')
    with pytest.raises(RuntimeError, match='predicate_cooccurrence'):
        model.load_state_dict(weights)


def test_a_config_with_a_loss_that_counts_loads_it(convert, data, tmp_path):
    config = write_config(
        tmp_path / 'linknet.py',
        'linknet',
        data,
        loss_relation=dict(type='LogitAdjustedLoss', num_predicates=4),
    )
    weights, _ = convert(reference_state('linknet'), 'linknet', '--config', config)
    built_model(
        'linknet', loss_relation=dict(type='LogitAdjustedLoss', num_predicates=4)
    ).load_state_dict(weights)


def test_the_options_make_a_config_fit(convert, data, tmp_path):
    config = write_config(tmp_path / 'motifnet.py', 'motifnet', data, hidden_size=8)
    state = reference_state('motifnet', lstm_layers=(2, 4))
    weights, output = convert(state, 'motifnet', '--config', config)
    assert 'model.relation_head.order=leftright' in output
    options = options_of(output)
    head = 'model.relation_head'
    assert options == {
        f'{head}.hidden_size': '6',
        f'{head}.num_object_layers': '2',
        f'{head}.num_edge_layers': '4',
        'model.detector.init_cfg': 'None',
        'model.detector.rpn_head.type': 'mmsgp.ReLU6RPNHead',
        'model.detector.rpn_head.anchor_generator.center_offset': '0.5',
    }
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(
        {
            key: int(value) if value.isdigit() else value
            for key, value in options.items()
            if 'detector' not in key
        }
    )
    MODELS.build(cfg.model).load_state_dict(weights)


@pytest.mark.parametrize('kind', ['linknet', 'kern'])
def test_the_width_is_read_from_the_state(convert, kind):
    _, output = convert(reference_state(kind), kind)
    assert options_of(output)['model.relation_head.hidden_size'] == '6'


@pytest.mark.parametrize('kind, hidden', [('motifnet', 512), ('linknet', 256), ('kern', 512)])
def test_published_sizes_fit_the_configs_of_vg150(monkeypatch, kind, hidden):
    published = dict(K=151, Q=51, H=hidden, D=4096, F=512, A=20)
    for name, value in published.items():
        monkeypatch.setattr(reference_weights, name, value)
    tool = load_tool(TOOL)
    with torch.device('meta'):
        state = {
            name: torch.empty(shape)
            for name, shape in reference_weights.reference_shapes(kind, (2, 4)).items()
        }
        weights, _ = convert_state(state, kind)
        cfg = Config.fromfile(CONFIGS / f'{kind}_ce_vg.py')
        cfg.merge_from_dict(tool.config_options(weights, kind, True))
        init_default_scope(cfg.default_scope)
        own = MODELS.build(cfg.model).state_dict()
    if kind == 'kern':
        for name in ('relation_head.predicate_cooccurrence', 'has_priors'):
            del own[name]
    assert {name: value.shape for name, value in weights.items()} == {
        name: value.shape for name, value in own.items()
    }


def test_another_detector_may_replace_the_reference_s(convert, tmp_path):
    path = tmp_path / 'detector.pth'
    detector = save_detector(path)
    weights, output = convert(reference_state('linknet'), 'linknet', '--detector', path)
    assert 'rpn_head.type' not in output
    for name, value in detector.state_dict().items():
        assert torch.equal(weights[f'detector.{name}'], value)
    MODELS.build(reference_model_cfg('linknet')).load_state_dict(weights)


@pytest.mark.parametrize(
    'state',
    [
        {},
        reference_state('linknet'),
        {'features.0.weight': torch.ones(1)},
        {
            'backbone.features.0.weight': torch.ones(1),
            'head.fc.weight': torch.ones(1),
        },  # a classifier's
        {
            'backbone.features.0.weight': torch.ones(1),
            'roi_head.bbox_head.weight': torch.ones(1),
            'relation_head.fc_predicate.weight': torch.ones(1),
        },
    ],
    ids=['nothing', 'reference', 'vgg', 'classifier', 'mixture'],
)
def test_a_checkpoint_of_another_model_is_refused_as_detector(convert, tmp_path, state):
    torch.save(dict(state_dict=state), tmp_path / 'other.pth')
    with pytest.raises(SystemExit, match='other.pth .*backbone'):
        convert(reference_state('linknet'), 'linknet', '--detector', tmp_path / 'other.pth')
    assert not (tmp_path / 'linknet.pth').exists()


def test_a_parser_is_refused_as_detector(convert, tmp_path):
    parser, path = built_model('linknet'), tmp_path / 'parser.pth'
    torch.save(dict(state_dict=parser.state_dict()), path)
    with pytest.raises(SystemExit, match='parser.pth .* detector, .*relation_head'):
        convert(reference_state('linknet'), 'linknet', '--detector', path)


def test_a_detector_is_checked_against_the_config(convert, data, tmp_path):
    config = write_config(tmp_path / 'linknet.py', 'linknet', data)
    arguments = ('linknet', '--config', config, '--detector', tmp_path / 'detector.pth')
    save_detector(tmp_path / 'detector.pth')
    _, output = convert(reference_state('linknet'), *arguments)
    assert f'it fits {config} with --cfg-options' in output

    detector = save_detector(tmp_path / 'detector.pth', num_classes=7)
    with pytest.raises(
        SystemExit,
        match=r'(?s)linknet.py does not fit: .*for '
        r'FasterRCNN:\n.*fc_cls.weight',
    ):
        convert(reference_state('linknet'), *arguments)

    weights = detector.state_dict()
    del weights['roi_head.bbox_head.fc_cls.weight']
    del weights['roi_head.bbox_head.fc_cls.bias']
    del weights['roi_head.bbox_head.fc_reg.weight']
    del weights['roi_head.bbox_head.fc_reg.bias']
    torch.save(weights, tmp_path / 'detector.pth')
    with pytest.raises(SystemExit, match='of its FasterRCNN .* lacks 4 .*cls'):
        convert(reference_state('linknet'), *arguments)


def test_fit_is_not_reported_without_a_check(convert):
    _, output = convert(reference_state('linknet'), 'linknet')
    assert 'it fits' not in output
    assert 'not checked against a config' in output


def test_the_gates_of_kern_share_a_matrix_by_default(convert, capsys):
    name = 'relation_head.pair_graph.unit.fc_gates.weight'
    weights, output = convert(reference_state('kern'), 'kern')
    reset, update = weights[name].chunk(2)
    assert torch.equal(reset, update)
    assert '--separate-gates' in output
    weights, _ = convert(reference_state('kern'), 'kern', '--separate-gates')
    reset, update = weights[name].chunk(2)
    assert not torch.equal(reset, update)
    with pytest.raises(SystemExit):
        convert(reference_state('linknet'), 'linknet', '--separate-gates')
    assert 'linknet' in capsys.readouterr().err


def test_a_config_without_relation_head_is_refused(convert):
    config = CONFIGS / 'faster_rcnn_vgg16_minivg.py'
    with pytest.raises(SystemExit, match='minivg.py has no relation head'):
        convert(reference_state('linknet'), 'linknet', '--config', config)


def test_the_file_of_another_kind_is_named(convert):
    with pytest.raises(SystemExit, match=r'vgrel.tar: .* linknet .* lacks GCE.multi'):
        convert(reference_state('motifnet'), 'linknet')


def test_a_file_of_something_else_is_named(convert):
    with pytest.raises(SystemExit, match=r'vgrel.tar: .* it has nothing'):
        convert({}, 'kern')


@pytest.mark.parametrize(
    'kind, relation_head, message',
    [
        ('kern', dict(), 'KERNHead, .*linknet.* LinkNetHead$'),
        ('linknet', dict(layout_dim=64), 'layout.layers.1.weight'),
        ('linknet', dict(frequency_prior=None), r"lacks 0 .*\['frequency_prior"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    convert, data, tmp_path, kind, relation_head, message
):
    config = write_config(tmp_path / 'config.py', kind, data, **relation_head)
    with pytest.raises(SystemExit, match=f'(?s)config.py does not fit: .*{message}'):
        convert(reference_state('linknet'), 'linknet', '--config', config)


def test_a_scorer_is_left_to_training(convert, data, tmp_path):
    config = write_config(tmp_path / 'linknet.py', 'linknet', data, scorer=dict(type='Scorer'))
    weights, _ = convert(reference_state('linknet'), 'linknet', '--config', config)
    model = built_model('linknet', scorer=dict(type='Scorer'))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected
    assert {name.split('.')[1] for name in missing} == {'scorer'}
