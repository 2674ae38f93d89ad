"""Numbers of classes and predicates come from the data."""

import re

import pytest
from mmengine.registry import init_default_scope

from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.config_variables import merge_options
from mmsgp.engine.data_sizes import fill_in_sizes
from mmsgp.engine.detector_settings import detector_settings
from mmsgp.registry import DATASETS, MODELS
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import CONFIGS


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_vg_data(
        tmp_path_factory.mktemp('data'), num_classes=7, num_predicates=9, with_images=False
    )


def read(name, data):
    cfg = read_config_file(CONFIGS / f'{name}.py')
    merge_options(cfg, dict(data_root=str(data.root)))
    return cfg


@pytest.mark.parametrize(
    'name',
    [
        'motifnet_cce_scorer_minivg',
        'frequency_ce_vg',
        'motifnet_cce_scorer_cascade_rcnn_r50_fpn_minivg',
        'motifnet_cce_scorer_rtmdet_tiny_minivg',
    ],
)
@pytest.mark.parametrize('split', ['train', 'test'])
def test_a_parser_gets_the_numbers_of_its_data(data, name, split):
    cfg = read(name, data)
    cfg.model.relation_head.loss_relation = dict(type='LogitAdjustedLoss')
    fill_in_sizes(cfg, split)
    detector = cfg.model.detector
    detector.init_cfg = detector.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    head = model.relation_head
    assert (head.num_classes, head.num_predicates) == (7, 9)
    assert model.detector_adapter.num_classes == 7
    assert len(head.loss_relation.predicate_values) == 10
    assert (cfg.num_classes, cfg.num_predicates) == (7, 9)
    # so that a checkpoint, which carries this text, can be read without the data
    assert 'num_predicates=9' in cfg.pretty_text


def test_numbers_that_a_config_leaves_out_are_filled_in(data):
    cfg = read('motifnet_ce_minivg', data)
    del cfg.model.relation_head['num_classes']
    del cfg.model.detector.roi_head.bbox_head['num_classes']
    fill_in_sizes(cfg)
    assert cfg.model.relation_head.num_classes == 7
    assert cfg.model.detector.roi_head.bbox_head.num_classes == 7


@pytest.mark.parametrize(
    'name', ['faster_rcnn_vgg16_minivg', 'detr_r50_minivg', 'cascade_rcnn_r50_fpn_minivg']
)
def test_a_detector_gets_the_number_of_classes(data, name):
    cfg = read(name, data)
    fill_in_sizes(cfg)
    model = cfg.model
    heads = model.get('roi_head', model).bbox_head
    for head in heads if isinstance(heads, list) else [heads]:
        assert head.num_classes == 7


@pytest.mark.parametrize(
    'key',
    [
        'relation_head.num_classes',
        'relation_head.num_predicates',
        'detector.roi_head.bbox_head.num_classes',
    ],
)
def test_a_number_that_contradicts_the_data_is_refused(data, key):
    cfg = read('motifnet_ce_minivg', data)
    cfg.merge_from_dict({f'model.{key}': 8})
    with pytest.raises(ValueError, match=rf'model\.{key} is 8, .* has 7 classes and 9 predicates'):
        fill_in_sizes(cfg)


def test_without_the_data_a_config_that_has_its_numbers_stays():
    cfg = read_config_file(CONFIGS / 'motifnet_ce_vg.py')
    before = cfg.to_dict()
    cfg.train_dataloader.dataset.data_root = before['train_dataloader']['dataset']['data_root'] = (
        'nowhere'
    )
    fill_in_sizes(cfg)
    assert cfg.to_dict() == before


def test_missing_numbers_need_the_names_of_the_data():
    cfg = read_config_file(CONFIGS / 'motifnet_ce_vg.py')
    merge_options(cfg, dict(data_root='nowhere'))
    with pytest.raises(OSError, match='nowhere'):
        fill_in_sizes(cfg)


def test_a_data_set_may_be_given_as_a_class(data):
    cfg = read('motifnet_ce_minivg', data)
    dataset = cfg.train_dataloader.dataset
    dataset.type = DATASETS.get(dataset.type)
    fill_in_sizes(cfg)
    assert cfg.model.relation_head.num_predicates == 9


@DATASETS.register_module()
class NamelessDataset:
    """A data set that does not tell its names without being built."""


def test_a_data_set_that_tells_no_names_needs_the_numbers(data):
    cfg = read('motifnet_ce_minivg', data)
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', times=2, dataset=dict(type='NamelessDataset')
    )
    with pytest.raises(ValueError, match='num_classes is missing.*NamelessDataset'):
        fill_in_sizes(cfg)
    cfg.merge_from_dict(
        {
            'model.relation_head.num_classes': 7,
            'model.relation_head.num_predicates': 9,
            'model.detector.roi_head.bbox_head.num_classes': 7,
        }
    )
    fill_in_sizes(cfg)


def test_all_that_does_not_fit_is_said_at_once_with_the_command(tmp_path):
    init_default_scope('mmsgp')
    make_vg_data(tmp_path, num_train=60, num_classes=20, num_predicates=10, with_images=False)

    def read_unchanged():
        cfg = read_config_file(CONFIGS / 'motifnet_cce_scorer_minivg.py')
        for split in ('train', 'val', 'test'):
            cfg[f'{split}_dataloader'].dataset.data_root = str(tmp_path)
        return cfg

    with pytest.raises(ValueError) as error:
        fill_in_sizes(read_unchanged())
    message = str(error.value)
    for part in (
        'model.relation_head.num_classes is 24',
        'model.relation_head.num_predicates is 18',
        'model.detector.roi_head.bbox_head.num_classes is 24',
        'num_val_images is 200, and only ',
        'has 20 classes and 10 predicates',
    ):
        assert part in message
    (options,) = re.findall('--cfg-options (.*) \\(', message)
    cfg = read_unchanged()
    merge_options(cfg, {k: int(v) for k, v in (o.split('=') for o in options.split())})
    fill_in_sizes(cfg)
    detector = read_config_file(CONFIGS / 'faster_rcnn_vgg16_minivg.py')
    merge_options(detector, detector_settings(cfg, detector))
    fill_in_sizes(detector)
    for split in ('train', 'val', 'test'):
        for config in (cfg, detector):
            assert len(DATASETS.build(config[f'{split}_dataloader'].dataset))
