from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from mmsgp.registry import DATASETS
from mmsgp.testing import make_vg_data

CONFIGS = Path(__file__).parents[2] / 'configs' / '_base_' / 'datasets'
NAMES = ('vg', 'vrd', 'minivg')


def load(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


def build(config, data, split):
    dataset = config[f'{split}_dataloader'].dataset
    dataset.update(data.kwargs(split=dataset.split))
    return DATASETS.build(dataset)


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    return make_vg_data(tmp_path_factory.mktemp('vg'))


@pytest.mark.parametrize('kind', ['relation', 'detection'])
@pytest.mark.parametrize('name', NAMES)
def test_splits_belong_together(name, kind):
    config = load(f'{name}_{kind}')
    datasets = [config[f'{split}_dataloader'].dataset for split in ('train', 'val', 'test')]
    assert [d.split for d in datasets] == ['train', 'val', 'test']
    assert len({d.num_val_images for d in datasets}) == 1
    train, val, _ = datasets
    assert train.filter_cfg == val.filter_cfg  # else they may share images


@pytest.mark.parametrize('shape', [(3, 5000), (5000, 3)])
@pytest.mark.parametrize('kind', ['relation', 'detection'])
@pytest.mark.parametrize('name', NAMES)
def test_an_image_too_thin_to_resize_is_named(name, kind, shape):
    config = load(f'{name}_{kind}')
    init_default_scope('mmsgp')
    message = f'thin.jpg is {shape[1]} x {shape[0]} pixels'
    for pipeline in (config.train_pipeline, config.test_pipeline):
        resize = Compose([step for step in pipeline if step.type == 'Resize'])
        image = np.zeros((*shape, 3), np.uint8)
        with pytest.raises(ValueError, match=message):
            resize(dict(img=image, img_path='thin.jpg'))


@pytest.mark.parametrize('name', NAMES)
def test_training_graphs_are_in_pixels_of_the_input(pictures, name):
    config = load(f'{name}_relation')
    item = build(config, pictures, 'train')[0]
    sample = item['data_samples']
    height, width = item['inputs'].shape[1:]
    assert max(height, width) == max(config.train_pipeline[3].scale)
    boxes = torch.from_numpy(pictures.boxes[1]) * torch.tensor(sample.scale_factor * 2)
    if sample.flip:
        boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    torch.testing.assert_close(
        sample.gt_scene_graph.objects.bboxes, boxes.float(), atol=0.1, rtol=0
    )


@pytest.mark.parametrize('split', ['val', 'test'])
@pytest.mark.parametrize('name', NAMES)
def test_graphs_to_evaluate_are_in_pixels_of_the_original(pictures, name, split):
    dataset = build(load(f'{name}_relation'), pictures, split)
    sample = dataset[0]['data_samples']
    row = dataset.get_data_info(0)['img_id'] - 1
    assert sample.scale_factor[0] > 1
    torch.testing.assert_close(
        sample.gt_scene_graph.objects.bboxes,
        torch.from_numpy(pictures.boxes[row]).float(),
        atol=0.01,
        rtol=0,
    )
    assert len(sample.gt_scene_graph.relations.labels) == len(pictures.relations[row])


@pytest.mark.parametrize('name', NAMES)
def test_detector_is_scored_on_the_annotated_boxes(pictures, name):
    config = load(f'{name}_detection')
    assert len(build(config, pictures, 'train')[0]['data_samples'].gt_instances)
    dataset = build(config, pictures, 'test')
    samples = [dataset[i]['data_samples'] for i in range(len(dataset))]
    for sample in samples:
        truth = sample.gt_instances
        sample.pred_instances = InstanceData(
            bboxes=truth.bboxes.tensor, labels=truth.labels, scores=torch.ones(len(truth))
        )
    assert evaluate(config, dataset, samples)['coco/bbox_mAP_50'] == 1
    for sample in samples:
        sample.pred_instances.bboxes += 1000
    assert evaluate(config, dataset, samples)['coco/bbox_mAP_50'] == 0


def evaluate(config, dataset, samples):
    evaluator = Evaluator(config.test_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('model', ['faster_rcnn_vgg16', 'motifnet_cce_scorer'])
def test_inputs_are_padded_to_the_square_that_they_are_scaled_to(model, name):
    # Otherwise an image's neighbours in the batch would change its result.
    config = Config.fromfile(CONFIGS.parents[1] / f'{model}_{name}.py')
    detector = config.model.get('detector', config.model)
    height, width = detector.data_preprocessor.pad_to
    assert height == width
    for pipeline in (
        config.train_dataloader.dataset.pipeline,
        config.test_dataloader.dataset.pipeline,
    ):
        (resize,) = (step for step in pipeline if step.type == 'Resize')
        assert resize.scale == config.img_scale == (width, height)
        assert resize.keep_ratio
