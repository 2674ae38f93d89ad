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
from mmsgp.deploy.quantization import before_predictions, choose_images, quantize
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
    # Nothing of the relation head.
    detector = set(before_predictions(graph))
    quantized_nodes = [node.name for node in graph.node if node.op_type == 'QuantizeLinear']
    assert quantized_nodes and detector.issuperset(quantized_nodes)
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
    error = abs(found['object_scores'] - expected['object_scores']).mean()
    assert error < 0.1 * expected['object_scores'][expected['valid']].mean()
    assert (found['bboxes'] != expected['bboxes']).any()


def test_images_are_spread_over_the_folder(images):
    paths = sorted(images.iterdir())
    for number, chosen in ((1, [0]), (4, [0, 2, 5, 7]), (9, range(9)), (100, range(10))):
        assert choose_images(images, number) == [paths[index] for index in chosen]


def test_wrong_images_are_refused_before_the_export(trained, exported, images, run_tool, tmp_path):
    (tmp_path / 'empty').mkdir()
    out = tmp_path / 'parser.onnx'
    shutil.copy(exported, out)
    command = 'deployment/export_onnx', *trained, '--out', out, '--int8'
    for folder, options, message in (
        (tmp_path / 'gone', (), 'gone.*is not a folder'),
        ('', (), 'is not a folder'),
        (tmp_path / 'empty', (), 'empty has no images'),
        (images, ('--int8-images', '0'), 'at least 1, got 0'),
    ):
        with pytest.raises(SystemExit, match=message):
            run_tool(*command, folder, *options)
    assert out.read_bytes() == exported.read_bytes()


def test_a_damaged_image_leaves_the_file_as_it_was(exported, images, tmp_path):
    path, damaged = tmp_path / 'parser.onnx', tmp_path / 'damaged.jpg'
    shutil.copy(exported, path)
    damaged.write_bytes(b'no image')
    with pytest.raises(ValueError, match='damaged.jpg is empty, damaged or not an image'):
        quantize(path, [*choose_images(images, 2), damaged])
    assert path.read_bytes() == exported.read_bytes()


def test_a_graph_without_rtmdet_is_refused(exported, images, monkeypatch):
    monkeypatch.setattr('mmsgp.deploy.quantization.PREDICTIONS', ('.other.',))
    with pytest.raises(ValueError, match='parser.onnx has none of the layers .other. of RTMDet'):
        quantize(exported, choose_images(images))
