"""A detector in 8 bits: what is changed, and what stays as it was."""

import shutil
import subprocess
import sys

import cv2
import numpy as np
import onnx
import pytest

from helpers.deployment import NUM_DETECTED, noisy_images
from mmsgp.deploy import OnnxSceneGraphInferencer
from mmsgp.deploy.quantization import CalibrationImages, quantize
from mmsgp.testing.models import CONFIGS


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    for index, image in enumerate(noisy_images()):
        cv2.imwrite(str(folder / f'{index}.png'), image)
    return folder


@pytest.fixture(scope='module')
def quantized(trained, images, tmp_path_factory):
    """The file that the tool writes."""
    path = tmp_path_factory.mktemp('int8') / 'parser.onnx'
    command = [sys.executable, 'tools/deployment/export_onnx.py', *trained, '--out', path]
    command += ['--int8', images, '--int8-images', '5']
    subprocess.run(command, cwd=CONFIGS.parent, check=True)
    return path


def test_all_convolutions_but_the_last_have_8_bits(quantized, exported):
    graph = onnx.load(quantized).graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    whole = [
        node
        for node in graph.node
        if node.op_type == 'Conv' and made_by.get(node.input[1]) != 'DequantizeLinear'
    ]
    convolutions = [node for node in graph.node if node.op_type == 'Conv']
    assert len(convolutions) == sum(n.op_type == 'Conv' for n in onnx.load(exported).graph.node)
    # Scores and sides of boxes on three levels.
    assert len(whole) == 6
    assert all('.rtm_' in node.input[1] for node in whole)
    assert quantized.stat().st_size < 0.6 * exported.stat().st_size


def test_scores_are_close_to_those_of_float32_and_batches_stay_free(quantized, exported, images):
    small, whole = map(OnnxSceneGraphInferencer, (quantized, exported))
    assert small.meta == whole.meta
    prepared = [small.prepare(path) for path in sorted(images.iterdir())]
    inputs = np.stack([image['input'] for image in prepared])
    sizes = np.array([image['size'] for image in prepared], np.float32)
    found, expected = small.run(inputs, sizes), whole.run(inputs, sizes)
    assert found['bboxes'].shape == (len(inputs), NUM_DETECTED, 4)
    assert abs(found['object_scores'] - expected['object_scores']).mean() < 0.05
    assert (found['bboxes'] != expected['bboxes']).any()


def test_images_are_spread_over_the_folder(exported, images):
    inferencer = OnnxSceneGraphInferencer(exported)
    for number, chosen in ((1, [0]), (4, [0, 3, 6, 9]), (100, range(10))):
        reader, paths = CalibrationImages(inferencer, images, number), sorted(images.iterdir())
        for index in chosen:
            expected = inferencer.prepare(paths[index])['input'][None]
            np.testing.assert_array_equal(reader.get_next()['images'], expected)
        assert reader.get_next() is None


def test_wrong_images_are_refused_and_the_file_stays(exported, images, tmp_path):
    path = tmp_path / 'parser.onnx'
    shutil.copy(exported, path)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='gone: this folder of images does not exist'):
        quantize(path, tmp_path / 'gone')
    with pytest.raises(ValueError, match='empty has no images'):
        quantize(path, tmp_path / 'empty')
    with pytest.raises(ValueError, match='at least 1, got 0'):
        quantize(path, images, 0)
    assert path.read_bytes() == exported.read_bytes()
