"""From a folder of annotated images to configs that train."""

import json
from dataclasses import replace

import numpy as np
import pytest
from mmengine.registry import init_default_scope

from helpers.tools import load_tool
from helpers.tools import run_tool as run
from mmsgp.datasets.checks import check_config
from mmsgp.datasets.formats import FORMATS
from mmsgp.engine.config_file import read_config_file
from mmsgp.engine.data_sizes import fill_in_sizes
from mmsgp.engine.detector_settings import detector_settings
from mmsgp.registry import DATASETS
from mmsgp.testing import make_vg_data


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmsgp')


@pytest.fixture
def data(tmp_path):
    return make_vg_data(
        tmp_path / 'data', num_train=60, num_test=4, num_classes=2, num_predicates=3,
        image_size=(300, 200),
    )  # fmt: skip


def new_dataset(data_path, tmp_path, *arguments):
    run('misc/new_dataset', data_path, '--name', 'mine', '--output', tmp_path / 'c', *arguments)
    return [
        read_config_file(tmp_path / 'c' / f'{model}_mine.py')
        for model in ('faster_rcnn_vgg16', 'motifnet_cce_scorer')
    ]


def test_the_configs_read_the_data_and_have_its_numbers(data, tmp_path, capsys):
    detector, parser = new_dataset(data.root, tmp_path, '--detector', 'small')
    assert detector_settings(parser, detector) == {}  # the two agree already
    counted = sum(len(relations) > 0 for relations in data.relations[:60])
    for cfg in (detector, parser):
        fill_in_sizes(cfg)
        assert (cfg.num_classes, cfg.num_predicates, cfg.img_scale) == (2, 3, (320, 320))
        train, val, test = (
            DATASETS.build(cfg[f'{split}_dataloader'].dataset) for split in ('train', 'val', 'test')
        )
        assert len(test) == 4 and len(val) >= counted // 10
        assert train[0]['inputs'].shape[-1] <= 320
        assert cfg.train_cfg.max_epochs == 40  # few images are not seen for ever
        assert cfg.param_scheduler[1].milestones[0] < cfg.train_cfg.max_epochs
    assert parser.model.relation_head.num_predicates == 3
    assert parser.detector_config == str(tmp_path / 'c' / 'faster_rcnn_vgg16_mine.py')
    # in proportion to those for batches of 8; from random weights SGD finds nothing so soon
    assert detector.optim_wrapper.optimizer.type == 'AdamW'
    assert 'momentum' not in detector.optim_wrapper.optimizer
    batch = parser.train_dataloader.batch_size
    assert detector.optim_wrapper.optimizer.lr == pytest.approx(2e-3 * batch / 8, rel=0.05)
    assert parser.optim_wrapper.optimizer.lr == pytest.approx(1e-3 * batch / 8, rel=0.05)
    text = (tmp_path / 'c' / 'motifnet_cce_scorer_mine.py').read_text()
    assert f'Counted: {counted - counted // 10} images to train on; in all ' in text
    out = capsys.readouterr().out
    assert 'tools/train.py' in out and 'motifnet_cce_scorer_mine/epoch_40.pth' in out


def test_many_images_are_seen_as_often_as_the_recipe_says(tmp_path):
    data = make_vg_data(tmp_path / 'data', num_train=300, num_objects=(2, 3), with_images=False)
    _, parser = new_dataset(data.root, tmp_path, '--detector', 'small')
    assert 4000 <= parser.train_cfg.max_epochs * 270 < 4270


@pytest.mark.parametrize(
    'names, unpaired',
    [(('left of', 'on', 'near'), 'no_flip'), (('left of', 'on', 'right of'), None)],
)
def test_a_predicate_of_one_side_without_partner_is_not_flipped(data, tmp_path, names, unpaired):
    annotations = replace(FORMATS['vg-sgg'].read(str(data.root)), predicates=names)
    FORMATS['coco-relations'].write(annotations, tmp_path / 'sided')
    _, parser = new_dataset(tmp_path / 'sided', tmp_path)
    steps = parser.train_dataloader.dataset.pipeline
    (flip,) = (step for step in steps if step.type == 'SceneGraphRandomFlip')
    assert flip.get('unpaired') == unpaired
    (resize,) = (step for step in steps if step.type == 'Resize')
    assert resize.scale == parser.img_scale
    assert all(finding.check != 'one_sided_predicates' for finding in check_config(parser).findings)


@pytest.mark.parametrize('kind', ['coco-relations', 'psg'])
def test_other_formats_are_recognised(data, tmp_path, kind):
    FORMATS[kind].write(FORMATS['vg-sgg'].read(str(data.root)), tmp_path / 'other')
    _, parser = new_dataset(tmp_path / 'other', tmp_path, '--detector', 'vgg16')
    dataset = DATASETS.build(parser.test_dataloader.dataset)
    assert len(dataset) == 4 and dataset.metainfo['predicates'] == data.predicates
    assert parser.model.detector.backbone.init_cfg  # from ImageNet


def test_without_test_images_those_of_validation_are_tested(tmp_path):
    data = make_vg_data(tmp_path / 'data', num_train=20, num_test=0, with_images=False)
    _, parser = new_dataset(data.root, tmp_path, '--batch-size', 4)
    val, test = (DATASETS.build(parser[f'{s}_dataloader'].dataset) for s in ('val', 'test'))
    assert np.array_equal(val.data_list.image_ids, test.data_list.image_ids)
    assert parser.train_dataloader.batch_size == 4


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda data: (data.root / 'VG-SGG.h5').unlink(), 'has the files of none of the formats'),
        (lambda data: (data.root / 'VG-SGG.h5').write_bytes(b'x'), 'is not an HDF5 file'),
    ],
)
def test_a_folder_that_cannot_be_read_is_named(data, tmp_path, change, message):
    change(data)
    with pytest.raises(SystemExit, match=f'{data.root}.*{message}'):
        new_dataset(data.root, tmp_path)
    assert not (tmp_path / 'c').exists()


def test_too_few_images_and_configs_that_exist_are_named(data, tmp_path):
    few = make_vg_data(tmp_path / 'few', num_train=3, with_images=False)
    with pytest.raises(SystemExit, match='training images have boxes and relations: 5 are'):
        new_dataset(few.root, tmp_path)
    new_dataset(data.root, tmp_path)
    with pytest.raises(SystemExit, match='mine.py exists: choose another --name'):
        new_dataset(data.root, tmp_path)


@pytest.mark.parametrize(
    'scores, is_blind', [([None, None], True), ([0.0, 0.004], True), ([0.0, 0.2], False)]
)
def test_a_detector_that_finds_nothing_is_said(tmp_path, scores, is_blind):
    folder = tmp_path / '20260101_000000' / 'vis_data'
    folder.mkdir(parents=True)
    records = []
    for step, score in enumerate(scores, 1):
        records.append(dict(loss=1.0, iter=step, epoch=step, step=step))
        records.append({**({} if score is None else {'coco/bbox_mAP_50': score}), 'step': step})
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, records)))
    reason = load_tool('train').finds_nothing(tmp_path)
    assert ('the detector finds nothing' in reason) == is_blind
    assert (f'remove {tmp_path}' in reason) == is_blind
