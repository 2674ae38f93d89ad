"""ONNX Runtime gives the graphs of PyTorch; files without a parser are refused in words."""

import json
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mmengine.config import Config

from helpers.deployment import (
    NUM_DETECTED,
    NUM_OBJECTS,
    SIDE,
    SIZES,
    SUPPORTED,
    assert_same_graph,
    build,
    given_inputs,
    noisy_images,
    predict_given,
)
from mmsgp.deploy import OnnxSceneGraphInferencer
from mmsgp.deploy.exporting import export_onnx, flat_names
from mmsgp.testing.models import CONFIGS, random_samples


def test_images_give_the_same_graphs_alone_and_in_batches(exported, parser):
    inferencer, images = OnnxSceneGraphInferencer(exported), noisy_images()
    samples = [parser(image, return_datasamples=True)['predictions'][0] for image in images]
    counts = {sample.pred_scene_graphs['sggen'].num_objects for sample in samples}
    assert {0, 1, 2, NUM_DETECTED} <= counts
    prepared = [inferencer.prepare(image) for image in images]
    inputs = np.stack([image['input'] for image in prepared])
    sizes = np.array([image['size'] for image in prepared], np.float32)
    together = inferencer.run(inputs, sizes)
    for row, sample in enumerate(samples):
        graph = sample.pred_scene_graphs['sggen']
        scale = torch.tensor(sample.scale_factor).repeat(2)
        graph.objects.bboxes = graph.objects.bboxes * scale  # in pixels of the input
        alone = inferencer.run(inputs[row : row + 1], sizes[row : row + 1])
        assert_same_graph(graph, together, row)
        assert_same_graph(graph, alone, 0)


def test_described_graphs_are_those_of_the_inferencer_with_pytorch(exported, parser, tmp_path):
    for index, image in enumerate(noisy_images()):
        cv2.imwrite(str(tmp_path / f'{index}.png'), image)
    found = OnnxSceneGraphInferencer(exported)(tmp_path, batch_size=3, topk=5)['predictions']
    expected = parser(tmp_path, topk=5)['predictions']
    assert [graph['image'] for graph in found] == [graph['image'] for graph in expected]
    for one, other in zip(found, expected):
        assert one.keys() == other.keys()
        for key in ('objects', 'relations'):
            assert [item.keys() for item in one[key]] == [item.keys() for item in other[key]]
            for item, same in zip(one[key], other[key]):
                for name, value in item.items():
                    if isinstance(value, (float, list)):
                        assert value == pytest.approx(same[name], abs=0.02)
                    else:
                        assert value == same[name]


def test_the_inferencer_runs_without_pytorch(exported, tmp_path):
    cv2.imwrite(str(tmp_path / 'noise.png'), noisy_images()[5])
    code = f"""
        import sys
        for name in ('torch', 'mmengine', 'mmcv', 'mmdet', 'onnx', 'onnxscript', 'h5py'):
            sys.modules[name] = None  # importing it raises an ImportError
        from mmsgp.deploy import OnnxSceneGraphInferencer
        graph = OnnxSceneGraphInferencer({str(exported)!r})({str(tmp_path)!r})['predictions'][0]
        print(len(graph['objects']))
    """
    done = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code)],
        cwd=CONFIGS.parent,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(NUM_DETECTED), done.stderr


def test_names_and_preparation_are_in_the_file(exported, parser):
    meta = json.loads(
        onnxruntime.InferenceSession(exported).get_modelmeta().custom_metadata_map['mmsgp']
    )
    names = parser.model.dataset_meta
    assert meta['classes'] == list(names['classes'])
    assert meta['predicates'] == list(names['predicates'])
    assert (meta['pad_to'], meta['img_scale'], meta['num_objects']) == (
        [SIDE, SIDE],
        [SIDE, SIDE],
        NUM_DETECTED,
    )
    assert meta['mean'] == pytest.approx([103.53, 116.28, 123.675])
    assert meta['bgr_to_rgb'] is False


@pytest.mark.parametrize('name', SUPPORTED[:4])
@torch.no_grad()
def test_the_relation_part_gives_the_same_graphs(name, tmp_path):
    """Given 0, 1, 2 and all objects, in one batch."""
    model = build(name)
    model.dataset_meta = dict(classes=['c'] * 5, predicates=['p'] * 4)
    cfg = Config.fromfile(CONFIGS / 'motifnet_ce_minivg.py')
    model.data_preprocessor.pad_to = (SIDE, SIDE)
    export_onnx(model, cfg, tmp_path / 'head.onnx', NUM_OBJECTS, relation_only=True)
    session = onnxruntime.InferenceSession(tmp_path / 'head.onnx')

    samples = random_samples(SIZES)
    maps, *rest = given_inputs(model, samples)
    names = flat_names(dict(feature_maps=maps, bboxes=0, logits=0, valid=0, image_sizes=0))
    feed = dict(zip(names, (value.numpy() for value in (*maps, *rest))))
    used = {node.name for node in session.get_inputs()}
    outputs = dict(
        zip(
            (node.name for node in session.get_outputs()),
            session.run(None, {key: value for key, value in feed.items() if key in used}),
        )
    )
    for row, graph in enumerate(predict_given(model, maps, samples)):
        assert_same_graph(graph, outputs, row, given=True)
    with pytest.raises(ValueError, match='head.onnx holds the relation part alone'):
        OnnxSceneGraphInferencer(tmp_path / 'head.onnx')


def test_files_that_hold_no_parser_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.onnx'):
        OnnxSceneGraphInferencer(tmp_path / 'gone.onnx')
    (tmp_path / 'text.onnx').write_text('not a model')
    with pytest.raises(ValueError, match='text.onnx cannot be loaded'):
        OnnxSceneGraphInferencer(tmp_path / 'text.onnx')
    value = onnx.helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node('Identity', ['x'], ['y'])],
        'other',
        [value],
        [onnx.helper.make_tensor_value_info('y', onnx.TensorProto.FLOAT, [1])],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid('', 18)], ir_version=10
    )
    onnx.save(model, tmp_path / 'other.onnx')
    with pytest.raises(ValueError, match="other.onnx has no metadata 'mmsgp'"):
        OnnxSceneGraphInferencer(tmp_path / 'other.onnx')


@pytest.mark.parametrize(
    'value, message',
    [
        ('gone.jpg', 'gone.jpg: this image or folder does not exist'),
        (np.zeros((4, 4), np.uint8), r'expected a BGR image, uint8 of shape \(H, W, 3\)'),
        (np.zeros((2, 400, 3), np.uint8), 'too thin'),
    ],
)
def test_images_that_cannot_be_parsed_are_refused(exported, value, message):
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        OnnxSceneGraphInferencer(exported)(value)
