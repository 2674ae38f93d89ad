"""Showing images after the training pipeline."""

import cv2
import pytest

from mmsgp.testing import make_vg_data
from mmsgp.testing.models import CONFIGS


@pytest.fixture
def browse(tmp_path, run_tool):
    data = make_vg_data(tmp_path / 'data', num_train=5, num_classes=24, num_predicates=18)
    options = [
        f'train_dataloader.dataset.data_root={data.root}',
        'train_dataloader.dataset.num_val_images=1',
        'train_dataloader.dataset.indices=3',
    ]

    def run(config, *arguments):
        run_tool('misc/browse_dataset', CONFIGS / config, '--cfg-options', *options, *arguments)

    return run


@pytest.mark.parametrize('config', ['motifnet_ce_minivg.py', 'faster_rcnn_vgg16_minivg.py'])
def test_pictures_are_written_for_relations_and_boxes(browse, tmp_path, config):
    browse(config, '--not-show', '--output-dir', tmp_path / 'pictures')
    pictures = sorted((tmp_path / 'pictures').iterdir())
    assert len(pictures) == 3
    assert all(cv2.imread(str(path)) is not None for path in pictures)


def test_images_are_shown_for_the_interval(browse, monkeypatch):
    shown = []
    monkeypatch.setattr(
        'mmengine.visualization.Visualizer.show',
        lambda self, image, win_name, wait_time: shown.append((win_name, wait_time)),
    )
    browse('motifnet_ce_minivg.py', '--show-interval', '0.5')
    assert len(shown) == 3 and {seconds for _, seconds in shown} == {0.5}
