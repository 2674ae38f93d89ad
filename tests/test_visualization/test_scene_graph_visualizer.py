from __future__ import annotations

import mmcv
import numpy as np
import pytest
import torch
from PIL import Image

from mmsgp.engine import VisualizationHook
from mmsgp.registry import VISUALIZERS
from mmsgp.structures import SceneGraphDataSample
from mmsgp.testing.graphs import random_prediction, random_scene_graph
from mmsgp.visualization import SceneGraphVisualizer

IMAGE = np.full((64, 64, 3), 128, dtype=np.uint8)
META = dict(classes=tuple('abcde'), predicates=('on', 'near', 'of', 'in'))


@pytest.fixture()
def sample() -> SceneGraphDataSample:
    generator = torch.Generator().manual_seed(0)
    gt = random_scene_graph(generator)
    sample = SceneGraphDataSample(gt_scene_graph=gt)
    sample.pred_scene_graphs = {
        task: random_prediction(generator, gt, num_relations=3) for task in ('predcls', 'sgcls')
    }
    return sample


@pytest.fixture()
def visualizer() -> SceneGraphVisualizer:
    visualizer = SceneGraphVisualizer()
    visualizer.dataset_meta = META
    return visualizer


def test_it_is_built_from_a_config():
    config = dict(type='mmsgp.SceneGraphVisualizer', name='built', topk=5)
    assert VISUALIZERS.build(config).topk == 5


def test_a_sample_is_written_to_a_file(visualizer, sample, tmp_path):
    out_file = tmp_path / 'folder' / 'scene.png'
    visualizer.add_datasample('scene', IMAGE, sample, out_file=str(out_file))
    written = mmcv.imread(out_file, channel_order='rgb')
    np.testing.assert_array_equal(written, visualizer.get_image())


def test_ground_truth_or_prediction_can_be_drawn_alone(visualizer, sample):
    sizes = set()
    for kwargs in (dict(), dict(draw_gt=False), dict(draw_pred=False)):
        visualizer.add_datasample('scene', IMAGE, sample, **kwargs)
        sizes.add(visualizer.get_image().shape)
    assert len(sizes) == 2, 'a comparison has another size than a single graph'


def test_nothing_to_draw_gives_the_image(visualizer):
    visualizer.add_datasample('scene', IMAGE)
    np.testing.assert_array_equal(visualizer.get_image(), IMAGE)


def test_backends_get_the_picture(sample, tmp_path):
    visualizer = SceneGraphVisualizer(
        name='backed', vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path)
    )
    visualizer.dataset_meta = META
    visualizer.add_datasample('scene', IMAGE, sample, step=7)
    assert [path.name for path in tmp_path.rglob('*.png')] == ['scene_7.png']


def test_a_task_without_prediction_is_named(visualizer, sample):
    with pytest.raises(KeyError, match='sggen.*predcls, sgcls'):
        visualizer.add_datasample('scene', IMAGE, sample, task='sggen')


def test_missing_names_are_reported(sample):
    visualizer = SceneGraphVisualizer(name='nameless')
    with pytest.raises(ValueError, match="'classes'"):
        visualizer.add_datasample('scene', IMAGE, sample)


def test_the_hook_draws_with_it(sample, tmp_path):
    visualizer = SceneGraphVisualizer.get_instance('hooked')
    visualizer.dataset_meta = META
    image_path = tmp_path / 'image.png'
    mmcv.imwrite(IMAGE, str(image_path))
    sample.set_metainfo(dict(img_path=str(image_path)))

    class Runner:
        work_dir, timestamp = str(tmp_path), 'now'

    hook = VisualizationHook(draw=True, score_thr=0, test_out_dir='drawn')
    hook.after_test_iter(Runner, 0, {}, [sample])
    assert (tmp_path / 'now' / 'drawn' / 'image.png').exists()


@pytest.mark.parametrize('ori_shape', [(20, 30), (30, 20)])
def test_the_hook_draws_on_the_pixels_that_were_loaded(sample, tmp_path, ori_shape):
    """As they lie in the file, or upright."""
    visualizer = SceneGraphVisualizer.get_instance(f'drawn {ori_shape}')
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown rotated by 90 degrees
    pixels = np.random.default_rng(0).integers(256, size=(20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'image.png', exif=exif)
    sample.set_metainfo(dict(img_path=str(tmp_path / 'image.png'), ori_shape=ori_shape))
    drawn = []
    visualizer.add_datasample = lambda name, image, *args, **kwargs: drawn.append(image)
    hook = VisualizationHook(draw=True)
    hook.after_test_iter(None, 0, {}, [sample])
    expected = pixels if ori_shape == (20, 30) else np.rot90(pixels, -1)
    np.testing.assert_array_equal(drawn[0], expected)


@pytest.mark.parametrize('backend', ['LocalVisBackend', 'TensorboardVisBackend'])
def test_validation_gives_pictures_to_the_backend(sample, tmp_path, backend):
    if backend == 'TensorboardVisBackend':
        pytest.importorskip('tensorboard', reason='TensorBoard is not installed')
    visualizer = SceneGraphVisualizer.get_instance(
        f'validated {backend}', vis_backends=[dict(type=backend)], save_dir=str(tmp_path)
    )
    visualizer.dataset_meta = META
    image_path = tmp_path / 'image.png'
    mmcv.imwrite(IMAGE, str(image_path))
    sample.set_metainfo(dict(img_path=str(image_path)))

    class Runner:
        iter = 100

    hook = VisualizationHook(draw=True, interval=50, score_thr=0)
    for batch_idx in (0, 1):  # of which one is drawn
        hook.after_val_iter(Runner, batch_idx, {}, [sample])
    visualizer.close()
    assert logged_pictures(tmp_path, backend) == {100: visualizer.get_image().shape[:2]}


def logged_pictures(folder, backend) -> dict[int, tuple[int, int]]:
    """Height and width of the pictures that a backend has kept, by step."""
    if backend == 'LocalVisBackend':
        return {
            int(path.stem.rsplit('_', 1)[1]): mmcv.imread(path).shape[:2]
            for path in folder.rglob('val_img_*.png')
        }
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (file,) = folder.rglob('events.out.tfevents.*')
    events = EventAccumulator(str(file)).Reload()
    return {
        event.step: mmcv.imfrombytes(event.encoded_image_string).shape[:2]
        for event in events.Images('val_img')
    }
