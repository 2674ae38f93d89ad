"""Variables of a config reach all places that read them."""

import pytest

from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.config_variables import merge_options
from mmsgp.testing.models import CONFIGS

NAMES = [
    'motifnet_cce_scorer_minivg',
    'kern_ce_vg',
    'frequency_ce_vrd',
    'faster_rcnn_vgg16_vrd',
    'cascade_rcnn_r50_fpn_minivg',
]


def read(name):
    return read_config_file(CONFIGS / f'{name}.py')


def detector_of(cfg):
    return cfg.model.get('detector', cfg.model)


def datasets(cfg):
    return [cfg[f'{split}_dataloader'].dataset for split in ('train', 'val', 'test')]


def bbox_heads(cfg):
    heads = detector_of(cfg).roi_head.bbox_head
    return heads if isinstance(heads, list) else [heads]


def sides(cfg):
    scales = {
        step.scale
        for dataset in datasets(cfg)
        for step in dataset.pipeline
        if step.type == 'Resize'
    }
    return scales | {detector_of(cfg).data_preprocessor.pad_to}


@pytest.mark.parametrize('name', NAMES)
def test_the_size_of_images_changes_everywhere(name):
    cfg = read(name)
    assert sides(cfg) == {cfg.img_scale}
    merge_options(cfg, {'img_scale': [96, 96]})
    assert sides(cfg) == {cfg.img_scale} == {(96, 96)}


@pytest.mark.parametrize('name', NAMES)
def test_other_data_have_their_own_numbers(name):
    cfg = read(name)
    merge_options(cfg, {'data_root': 'data/mine'})
    assert {dataset.data_root for dataset in datasets(cfg)} == {'data/mine'}
    assert {head.num_classes for head in bbox_heads(cfg)} == {None}
    if 'relation_head' in cfg.model:
        assert cfg.model.relation_head.num_classes is None
        assert cfg.model.relation_head.num_predicates is None


def test_numbers_that_are_given_with_the_data_stay():
    cfg = read('motifnet_ce_minivg')
    merge_options(cfg, dict(data_root='data/mine', num_classes=7))
    assert cfg.model.relation_head.num_classes == 7
    assert cfg.model.relation_head.num_predicates is None


def test_a_place_that_is_set_goes_before_the_variable():
    cfg = read('motifnet_ce_minivg')
    merge_options(cfg, {'data_root': 'a', 'val_dataloader.dataset.data_root': 'b'})
    assert [dataset.data_root for dataset in datasets(cfg)] == ['a', 'b', 'a']


@pytest.mark.parametrize(
    'key, message',
    [
        ('train_pipeline', "'train_pipeline' .*Set train_dataloader.dataset.pipeline"),
        ('train_pipeline.0.type', "'train_pipeline' "),
        ('detector.num_queries', "'detector' "),
        ('backend_args', "'backend_args' "),
        ('learning_rate', "'learning_rate'"),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused(key, message):
    with pytest.raises(ValueError, match=message):
        merge_options(read('motifnet_ce_minivg'), {key: 1})


@pytest.mark.parametrize('value', [96, (96,), 'large'])
def test_a_size_of_images_is_a_pair(value):
    with pytest.raises(ValueError, match='img_scale must be 2 numbers'):
        merge_options(read('motifnet_ce_minivg'), dict(img_scale=value))


def test_settings_of_a_run_are_merged_as_mmengine_does():
    cfg = read('motifnet_ce_minivg')
    merge_options(
        cfg,
        {
            'train_cfg.max_epochs': 1,
            'custom_hooks.0.type': 'SeedHook',
            'experiment_name': 'a',
            'detector_config': 'b.py',
        },
    )
    assert cfg.train_cfg.max_epochs == 1 and cfg.custom_hooks[0].type == 'SeedHook'
    assert cfg.experiment_name == 'a' and cfg.detector_config == 'b.py'


def write(folder, name, text):
    (folder / name).write_text(text)
    return folder / name


def test_one_line_in_a_file_of_ones_own_changes_the_data(tmp_path):
    base = CONFIGS / 'motifnet_cce_scorer_vrd.py'
    path = write(tmp_path, 'mine.py', f"_base_ = '{base}'\ndata_root = 'data/mine/'\n")
    cfg = read_config_file(path)
    assert {dataset.data_root for dataset in datasets(cfg)} == {'data/mine/'}
    assert cfg.model.relation_head.num_predicates is None
    assert sides(cfg) == {(192, 192)}
    path = write(tmp_path, 'larger.py', "_base_ = ['./mine.py']\nimg_scale = (256, 256)\n")
    cfg = read_config_file(path)
    assert {dataset.data_root for dataset in datasets(cfg)} == {'data/mine/'}
    assert sides(cfg) == {(256, 256)}
    path = write(tmp_path, 'third.py', "_base_ = './larger.py'\ndata_root = 'c'\n")
    cfg = read_config_file(path)
    assert {dataset.data_root for dataset in datasets(cfg)} == {'c'}
    assert sides(cfg) == {(256, 256)}


@pytest.mark.parametrize(
    'lines',
    [
        "data_root, num_classes = 'mine', 7",
        "[data_root, *_] = ['mine']; num_classes = 7",
        "data_root: str = 'mine'; num_classes: int = 7",
        "if True:\n    data_root = 'mine'; num_classes = 7",
        "num_classes = 6; num_classes += 1; data_root = 'mine'",
    ],
)
def test_a_variable_acts_however_it_is_set(tmp_path, lines):
    base = CONFIGS / 'motifnet_cce_scorer_vrd.py'
    cfg = read_config_file(write(tmp_path, 'mine.py', f"_base_ = '{base}'\n{lines}\n"))
    assert {dataset.data_root for dataset in datasets(cfg)} == {'mine'}
    assert cfg.model.relation_head.num_classes == 7
    assert {head.num_classes for head in bbox_heads(cfg)} == {7}


@pytest.mark.parametrize(
    'name, text',
    [
        ('mine.py', "_base_ = '{}' + '.py'\ndata_root = 'mine'\n"),
        ('mine.yml', "_base_: '{}.py'\ndata_root: mine\n"),
        ('mine.json', '{{"_base_": "{}.py", "data_root": "mine"}}'),
    ],
)
def test_a_base_may_be_computed_and_a_file_of_another_kind(tmp_path, name, text):
    path = write(tmp_path, name, text.format(CONFIGS / 'motifnet_ce_vrd'))
    cfg = read_config_file(path)
    assert {dataset.data_root for dataset in datasets(cfg)} == {'mine'}


@pytest.mark.parametrize('line', ["_base_: str = './a.py'", "_base_, a = './a.py', 1"])
def test_a_base_that_mmengine_would_not_see_is_refused(tmp_path, line):
    path = write(tmp_path, 'mine.py', f"{line}\ndata_root = 'mine'\n")
    with pytest.raises(ValueError, match="mine.py: .*'_base_' only.*write it so"):
        read_config_file(path)


def test_places_that_a_file_sets_stay_as_they_are(tmp_path):
    base = CONFIGS / 'motifnet_ce_minivg.py'
    path = write(
        tmp_path,
        'mine.py',
        (f"_base_ = '{base}'\ntrain_dataloader = dict(dataset=dict(data_root='train'))\n"),
    )
    assert [dataset.data_root for dataset in datasets(read_config_file(path))] == [
        'train',
        'data/minivg/',
        'data/minivg/',
    ]


def test_a_setting_of_the_data_acts_on_all_data_sets():
    cfg = read('motifnet_ce_minivg')
    merge_options(
        cfg, {'num_val_images': 6, 'val_dataloader.dataset.num_val_images': 7, 'data_root': 'é v/'}
    )
    assert [dataset.num_val_images for dataset in datasets(cfg)] == [6, 7, 6]
    assert {dataset.data_root for dataset in datasets(cfg)} == {'é v/'}


@pytest.mark.parametrize(
    'key, value, message',
    [
        ('data_root', ['data/v', 'x[1]/'], r'''list, .*: "data_root='data/v,x\[1\]/'"'''),
        ('train_dataloader.dataset.ann_file', 7, '''number, 7: .*ann_file='7'"'''),
        ('load_from', (1, 2), 'list'),
    ],
)
def test_a_path_that_is_read_as_something_else_is_refused(key, value, message):
    with pytest.raises(ValueError, match=f'--cfg-options {key} is read as a {message}'):
        merge_options(read('motifnet_ce_minivg'), {key: value})
