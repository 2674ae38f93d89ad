"""Images of any name and id are found; a missing one is named with a file near it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from mmsgp.datasets.image_files import missing_image
from mmsgp.registry import DATASETS
from mmsgp.testing import make_vg_data

CONFIGS = Path(__file__).parents[2] / 'configs' / '_base_' / 'datasets'


@pytest.fixture
def pictures(tmp_path):
    """Half png, half jpg, zero-padded, in sub-folders, with ids of text."""
    data = make_vg_data(tmp_path, num_train=5, num_test=3)
    for index, image in enumerate(data.images):
        name = f'{"abc"[index % 3]}/{index:06}.{"png" if index % 2 else "jpg"}'
        path = data.root / 'images' / name
        path.parent.mkdir(exist_ok=True)
        pixels = cv2.imread(str(data.root / f'images/{image["image_id"]}.jpg'))
        cv2.imwrite(str(path), pixels)
        (data.root / f'images/{image["image_id"]}.jpg').unlink()
        image.update(image_id=f'picture {index}', file_name=name)
    return data.write()


def build(data, kind, split):
    cfg = Config.fromfile(CONFIGS / f'minivg_{kind}.py')[f'{split}_dataloader'].dataset
    cfg.update(data.kwargs(split=split))
    return DATASETS.build(cfg)


@pytest.mark.parametrize('split, number', [('train', 4), ('val', 1), ('test', 3)])
def test_all_images_are_read(pictures, split, number):
    dataset = build(pictures, 'relation', split)
    assert len([dataset[index] for index in range(len(dataset))]) == number


def test_a_detector_is_scored_on_images_with_ids_of_text(pictures):
    config = Config.fromfile(CONFIGS / 'minivg_detection.py')
    dataset = build(pictures, 'detection', 'test')
    samples = [dataset[index]['data_samples'] for index in range(len(dataset))]
    for sample in samples:
        truth = sample.gt_instances
        sample.pred_instances = InstanceData(
            bboxes=truth.bboxes.tensor, labels=truth.labels, scores=torch.ones(len(truth))
        )
    evaluator = Evaluator(config.test_evaluator)
    evaluator.dataset_meta = dataset.metainfo
    evaluator.process(samples)
    assert evaluator.evaluate(len(samples))['coco/bbox_mAP_50'] == 1


@pytest.mark.parametrize(
    'present, near',
    [
        ('000239.jpg', '000239.jpg'),
        ('239.png', '239.png'),
        ('239.JPG', '239.JPG'),
        ('1239.jpg', None),
        ('239a.jpg', None),
    ],
)
def test_a_file_near_a_missing_one_is_named(tmp_path, present, near):
    data = make_vg_data(tmp_path, num_train=3, num_test=1)
    data.images[-1]['image_id'] = 239
    (tmp_path / 'images' / present).write_bytes(b'')
    dataset = build(data.write(), 'relation', 'test')
    with pytest.raises(FileNotFoundError, match='image 239 is missing: no such file') as caught:
        dataset[0]
    advice = f'There is {tmp_path}/images/{near}: if it is the image, give the annotations this'
    assert (advice in str(caught.value)) == (near is not None)
    assert '\n' not in str(caught.value)


def test_the_folder_of_a_missing_file_is_searched_first(tmp_path):
    for folder in ('b', 'a/sub'):
        (tmp_path / folder).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / folder / '07.png'), np.zeros((2, 2, 3), np.uint8))
    folders = [f'{tmp_path}/a', f'{tmp_path}/b']
    assert f'There is {tmp_path}/a/sub/07.png' in missing_image(
        7, f'{folders[0]}/sub/7.jpg', folders
    )
    assert f'There is {tmp_path}/b/07.png' in missing_image(7, f'{folders[0]}/7.jpg', folders)
