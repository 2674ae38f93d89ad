"""An exported parser is evaluated like the parser that it comes from."""

import json

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmsgp.apis import load_parser
from mmsgp.deploy import OnnxSceneGraphInferencer
from mmsgp.deploy.exported_parser import ExportedParser
from mmsgp.registry import DATASETS
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import CONFIGS

FIELDS = dict(objects=('bboxes', 'labels', 'scores'), relations=('pairs', 'labels', 'scores'))


@pytest.fixture(scope='module')
def data(tmp_path_factory, exported):
    """Five test images, annotated with what the exported parser finds on them."""
    root = tmp_path_factory.mktemp('data')
    data = make_vg_data(root, num_train=2, num_test=5, num_classes=24, num_predicates=18)
    names = [root / 'images' / f'{image["image_id"]}.jpg' for image in data.images]
    for index, graph in enumerate(OnnxSceneGraphInferencer(exported)(names)['predictions']):
        objects, relations = graph['objects'], graph['relations']
        assert relations
        data.boxes[index] = np.array([item['bbox'] for item in objects])
        data.labels[index] = np.array([item['label'] for item in objects])
        keys = ('subject', 'object', 'label')
        data.relations[index] = np.array([[item[key] for key in keys] for item in relations])
    return data.write()


@pytest.fixture
def cfg(trained, data):
    init_default_scope('mmsgp')
    cfg = Config.fromfile(trained[0])
    cfg.test_dataloader.dataset.data_root = str(data.root)
    return cfg


def test_graphs_are_those_of_the_parser(cfg, trained, exported):
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    samples = [dataset[index] for index in range(5)]
    batch = {key: [sample[key] for sample in samples] for key in samples[0]}
    parser = load_parser(cfg, trained[1])
    parser.test_tasks = ('sggen',)
    expected = [s.pred_scene_graphs['sggen'] for s in parser.test_step(batch)]
    found = [s.pred_scene_graphs['sggen'] for s in ExportedParser(exported).test_step(batch)]
    assert sum(graph.num_relations for graph in expected)
    for one, other in zip(found, expected, strict=True):
        for part, fields in FIELDS.items():
            for field in fields:
                values = one.get(part)[field].double()
                assert values.numpy() == pytest.approx(other.get(part)[field].numpy(), abs=2e-3)


def test_other_names_and_losses_are_refused(exported, data):
    parser = ExportedParser(exported)
    names = dict(classes=data.classes, predicates=data.predicates)
    parser.complete_statistics(names)
    with pytest.raises(ValueError, match='parser.onnx has other predicates than the test data'):
        parser.complete_statistics({**names, 'predicates': data.predicates[::-1]})
    with pytest.raises(ValueError, match='can only predict'):
        parser(None, [], mode='loss')


def test_the_command_measures_it(run_tool, trained, exported, data, tmp_path):
    settings = [f'test_dataloader.dataset.data_root={data.root}', 'test_dataloader.num_workers=0']
    common = ['--tasks', 'sggen', '--work-dir', tmp_path, '--cfg-options', *settings]
    results = []
    for checkpoint in (trained[1], exported):
        run_tool('test', trained[0], checkpoint, *common)
        results.append(json.loads((tmp_path / 'metrics.json').read_text()))
    whole, found = ({k: v for k, v in result.items() if '@' in k} for result in results)
    assert found['sggen/R@all'] > 50  # annotated boxes are of whole pixels
    assert whole.keys() - found.keys() == {key for key in whole if '/ng-' in key}
    assert found == pytest.approx({key: whole[key] for key in found})
    written = Config.fromfile(tmp_path / trained[0].name)
    assert written.model == dict(type='ExportedParser', path=str(exported))


@pytest.mark.parametrize(
    'settings, message',
    [
        (['--tasks', 'sgcls'], '--tasks other than sggen cannot be used with .*parser.onnx'),
        (['--amp'], '--amp cannot be used'),
        (['--launcher', 'pytorch'], '--launcher cannot be used'),
        (['--cfg-options', 'model.sggen_pairs=all'], 'model.sggen_pairs cannot be used'),
    ],
)
def test_settings_without_effect_are_refused(
    run_tool, trained, exported, monkeypatch, settings, message
):
    launch = dict(RANK='0', WORLD_SIZE='1', MASTER_ADDR='localhost', MASTER_PORT='0')
    for name, value in launch.items():  # as tools/dist_test.sh does
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=message):
        run_tool('test', trained[0], exported, *settings)


def test_a_config_of_another_size_is_refused(run_tool, exported):
    config = CONFIGS / 'react_cce_scorer_rtmdet_tiny_minivg.py'
    with pytest.raises(SystemExit, match=r'scales images to \(320, 320\).*for \(96, 96\)'):
        run_tool('test', config, exported)
