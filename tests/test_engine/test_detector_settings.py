"""The detector that a parser needs is trained on the parser's data."""

import pytest

from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.config_variables import merge_options
from mmsgp.engine.detector_settings import detector_settings
from mmsgp.testing.models import CONFIGS

SPLITS = ('train', 'val', 'test')


def settings(options, parser='motifnet_cce_scorer_minivg', detector='faster_rcnn_vgg16_minivg'):
    cfg = read_config_file(CONFIGS / f'{parser}.py')
    merge_options(cfg, options)
    own = read_config_file(CONFIGS / f'{detector}.py')
    given = detector_settings(cfg, own)
    own = read_config_file(CONFIGS / f'{detector}.py')
    merge_options(own, given)
    return given, own


def test_nothing_changes_for_the_parser_of_its_own_data():
    for data in ('minivg', 'vrd', 'vg'):
        assert settings({}, f'motifnet_cce_scorer_{data}', f'faster_rcnn_vgg16_{data}')[0] == {}


def test_data_that_are_set_at_each_loader_are_those_of_the_detector():
    """Without a word of the variable data_root."""
    _, own = settings({f'{split}_dataloader.dataset.data_root': 'data/é v/' for split in SPLITS})
    for split in SPLITS:
        assert own[f'{split}_dataloader'].dataset.data_root == 'data/é v/'
    assert own.model.roi_head.bbox_head.num_classes is None  # read from the data


def test_other_settings_of_the_data_are_handed_on():
    options = {'num_val_images': 6, 'data_prefix': dict(img='a b'), 'skip_missing_images': True}
    options['test_dataloader.dataset.data_root'] = 'elsewhere'
    options['train_dataloader.dataset.indices'] = 20  # a quick look at the parser alone
    given, own = settings(options)
    for split in SPLITS:
        dataset = own[f'{split}_dataloader'].dataset
        assert (dataset.num_val_images, dataset.skip_missing_images) == (6, True)
        assert dataset.data_prefix.img == 'a b'
        assert 'indices' not in dataset
    assert own.test_dataloader.dataset.data_root == 'elsewhere'
    assert own.train_dataloader.dataset.data_root == 'data/minivg/'


@pytest.mark.parametrize(
    'options',
    [
        {'img_scale': (96, 96)},
        {
            'train_dataloader.dataset.pipeline.3.scale': (96, 96),
            'model.detector.data_preprocessor.pad_to': (96, 96),
        },
    ],
)
def test_images_have_one_size(options):
    _, own = settings(options)
    for split in SPLITS:
        (step,) = [s for s in own[f'{split}_dataloader'].dataset.pipeline if s.type == 'Resize']
        assert step.scale == (96, 96)
    assert own.model.data_preprocessor.pad_to == (96, 96)


def test_numbers_that_are_given_are_handed_on():
    _, own = settings(dict(num_classes=20, num_predicates=10))
    assert own.model.roi_head.bbox_head.num_classes == 20


def joined(cfg, roots):
    """Let training join data sets of these folders, inside a wrapper."""
    part = cfg.train_dataloader.dataset
    parts = [{**part, 'data_root': root} for root in roots]
    join = dict(type='ConcatDataset', datasets=parts)
    cfg.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=join)
    return cfg


def read_pair():
    return [
        read_config_file(CONFIGS / f'{name}.py')
        for name in ('motifnet_ce_minivg', 'faster_rcnn_vgg16_minivg')
    ]


def test_joined_data_sets_get_the_settings_of_each():
    parser, detector = read_pair()
    given = detector_settings(joined(parser, ['a', 'b']), joined(detector, ['a', 'c']))
    assert given == {'train_dataloader.dataset.dataset.datasets.1.data_root': 'b'}
    merge_options(parser, {'num_val_images': 7})
    parts = parser.train_dataloader.dataset.dataset.datasets
    assert [part.num_val_images for part in parts] == [7, 7]


def test_a_wrapper_of_the_parser_alone_changes_nothing():
    parser, detector = read_pair()
    dataset = parser.train_dataloader.dataset
    parser.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=dataset)
    assert detector_settings(parser, detector) == {}


def test_data_that_cannot_be_handed_on_are_refused():
    parser, detector = read_pair()
    with pytest.raises(ValueError, match=r"reads 2 data sets, of \['a', 'b'\].*detector_config"):
        detector_settings(joined(parser, ['a', 'b']), detector)
