"""Training that starts from a model of another data set."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from helpers.tools import run_tool as run
from mmsgp.checkpoint.loading import load_checkpoint_file
from mmsgp.registry import MODELS
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import CONFIGS, write_random_checkpoint

CONFIG = str(CONFIGS / 'motifnet_cce_scorer_minivg.py')
DETECTOR = str(CONFIGS / 'faster_rcnn_vgg16_minivg.py')
FROZEN = ['relation_head.pair_features', 'relation_head.*_lstm']


@pytest.fixture
def data(tmp_path):
    """Five images with 4 of the checkpoint's 24 classes and a new one."""
    data = make_vg_data(tmp_path / 'data', num_train=5, num_test=1)
    data.classes = ('boat', *data.classes[:4])
    return data.write()


def options(data, *more):
    settings = [
        'train_dataloader.batch_size=4',
        'train_cfg.max_epochs=1',
        'num_classes=None',
        'num_predicates=None',
        *more,
    ]
    for split in ('train', 'val', 'test'):
        dataset = f'{split}_dataloader.dataset'
        settings += [
            f'{dataset}.data_root={data.root}',
            f'{dataset}.num_val_images=1',
            f'{split}_dataloader.num_workers=0',
        ]
    return ['--cfg-options', f'data_root={data.root}', *settings[:2], *settings[4:]]


def detector_of_five(path):
    init_default_scope('mmsgp')
    torch.manual_seed(1)
    cfg = Config.fromfile(CONFIG).model.detector
    cfg.roi_head.bbox_head.num_classes = 5
    torch.save(dict(state_dict=MODELS.build(cfg).state_dict()), path)
    return path


def test_a_parser_starts_from_shared_names_and_keeps_frozen_parts(data, checkpoint, tmp_path):
    detector = detector_of_five(tmp_path / 'detector.pth')
    start = [
        f'load_from={checkpoint}',
        'load_from_by_name=True',
        f'model.detector.init_cfg.checkpoint={detector}',
        'optim_wrapper.optimizer.lr=1e-12',
        'optim_wrapper.optimizer.weight_decay=0',
        f'model.frozen={FROZEN}'.replace(' ', ''),
    ]
    work_dir = tmp_path / 'work'
    run('train', CONFIG, '--work-dir', work_dir, *options(data, *start))

    old = load_checkpoint_file(checkpoint)['state_dict']
    new = load_checkpoint_file(work_dir / 'epoch_1.pth')['state_dict']
    name = 'relation_head.label_embedding.weight'
    torch.testing.assert_close(new[name][1:5], old[name][:4])
    name = 'relation_head.fc_predicate.weight'  # the first four predicates have the same names
    torch.testing.assert_close(new[name], old[name][:5])
    # the new classes are not all the checkpoint's, so its detector cannot be used
    own = load_checkpoint_file(detector)['state_dict']
    name = 'roi_head.bbox_head.fc_cls.weight'
    assert torch.equal(new[f'detector.{name}'], own[name])
    # batch normalisation of a frozen part stays, that of others moves
    moved = {
        name for name in old if 'running_mean' in name and not torch.equal(old[name], new[name])
    }
    assert moved and not any('pair_features' in name for name in moved)

    log = next(work_dir.glob('*/*.log')).read_text()
    assert '4 of 5 classes are carried over by name; these start anew: boat' in log
    assert '4 of 4 predicates are carried over by name' in log


def test_a_detector_starts_from_the_one_in_a_parser(data, checkpoint, tmp_path):
    work_dir = tmp_path / 'work'
    start = [
        f'load_from={checkpoint}',
        'load_from_by_name=True',
        'optim_wrapper.optimizer.lr=1e-12',
        'optim_wrapper.optimizer.weight_decay=0',
    ]
    run('train', DETECTOR, '--work-dir', work_dir, *options(data, *start))
    old = load_checkpoint_file(checkpoint)['state_dict']
    new = load_checkpoint_file(work_dir / 'epoch_1.pth')['state_dict']
    name = 'roi_head.bbox_head.fc_reg.weight'
    torch.testing.assert_close(new[name][4:20], old[f'detector.{name}'][:16])
    torch.testing.assert_close(
        new['backbone.features.0.weight'], old['detector.backbone.features.0.weight']
    )


def test_a_checkpoint_of_other_names_is_refused_and_the_way_is_named(data, checkpoint, tmp_path):
    detector = detector_of_five(tmp_path / 'detector.pth')
    start = [f'load_from={checkpoint}', f'model.detector.init_cfg.checkpoint={detector}']
    with pytest.raises(ValueError, match='load_from_by_name=True'):
        run('train', CONFIG, '--work-dir', tmp_path / 'work', *options(data, *start))


def test_by_name_needs_names_and_a_checkpoint(data, tmp_path):
    with pytest.raises(SystemExit, match='load_from_by_name=True .*load_from'):
        run('train', CONFIG, *options(data, 'load_from_by_name=True'))
    nameless = write_random_checkpoint(tmp_path / 'nameless.pth')
    content = load_checkpoint_file(nameless)
    torch.save(dict(state_dict=content['state_dict']), nameless)
    start = [
        f'load_from={nameless}',
        'load_from_by_name=True',
        f'model.detector.init_cfg.checkpoint={detector_of_five(tmp_path / "detector.pth")}',
    ]
    with pytest.raises(
        ValueError, match=r"nameless.pth has no meta\['dataset_meta'\]\['classes'\]"
    ):
        run('train', CONFIG, '--work-dir', tmp_path / 'work', *options(data, *start))


@pytest.mark.parametrize(
    'frozen, fact',
    [
        (['relation_head.conv'], r"'relation_head.conv' is no part .*fc_head"),
        (['*'], 'nothing to train'),
    ],
)
def test_a_frozen_part_must_exist_and_not_be_all(frozen, fact):
    cfg = Config.fromfile(CONFIG).model
    with pytest.raises(ValueError, match=fact):
        MODELS.build(dict(cfg, frozen=frozen))
