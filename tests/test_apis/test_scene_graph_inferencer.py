import json
import weakref

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from mmsgp.apis import SceneGraphInferencer
from mmsgp.registry import DATASETS, MODELS
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import CONFIGS, write_random_checkpoint

CONFIG = str(CONFIGS / 'motifnet_cce_scorer_minivg.py')


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return SceneGraphInferencer(weights=checkpoint, device='cpu', show_progress=False)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_vg_data(
        tmp_path_factory.mktemp('data'),
        num_train=2,
        num_test=4,
        num_classes=24,
        num_predicates=18,
        image_size=(80, 60),
    )


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(256, size=(60, 80, 3), dtype=np.uint8)


def assert_same_graph(described, graph):
    boxes = [item['bbox'] for item in described['objects']]
    np.testing.assert_allclose(np.reshape(boxes, (-1, 4)), graph.objects.bboxes, atol=0.006)
    assert [item['label'] for item in described['objects']] == graph.objects.labels.tolist()
    relations = graph.relations[:100]
    assert [
        [item['subject'], item['object'], item['label']] for item in described['relations']
    ] == torch.cat([relations.pairs, relations.labels[:, None]], dim=1).tolist()
    np.testing.assert_allclose(
        [item['score'] for item in described['relations']], relations.scores, atol=1e-5
    )


@pytest.mark.parametrize('batch_size', [1, 3])
def test_graphs_are_those_of_the_test_on_the_same_images(inferencer, checkpoint, data, batch_size):
    """Compare each task with the data set's own pipeline and the bare model."""
    saved = torch.load(checkpoint)
    cfg = Config.fromstring(saved['meta']['cfg'], '.py')
    init_default_scope('mmsgp')
    model = MODELS.build(cfg.model)
    model.load_state_dict(saved['state_dict'])
    model.eval().test_tasks = ('predcls', 'sgcls', 'sggen')
    cfg.test_dataloader.dataset.update(data.kwargs(split='test'))
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    samples = []
    for start in range(0, len(dataset), batch_size):
        items = [dataset[i] for i in range(start, min(start + batch_size, len(dataset)))]
        samples += model.test_step(pseudo_collate(items))
    paths = [sample.img_path for sample in samples]
    boxes = [sample.gt_scene_graph.objects.bboxes for sample in samples]
    labels = [sample.gt_scene_graph.objects.labels for sample in samples]
    for task, given in (
        ('sggen', {}),
        ('sgcls', dict(bboxes=boxes)),
        ('predcls', dict(bboxes=boxes, labels=labels)),
    ):
        graphs = inferencer(paths, batch_size=batch_size, **given)['predictions']
        for graph, sample in zip(graphs, samples, strict=True):
            assert graph['task'] == task and graph['image'] == sample.img_path
            assert graph['relations'], 'an empty graph proves nothing'
            assert_same_graph(graph, sample.pred_scene_graphs[task])


def test_config_and_checkpoint_give_the_same_as_the_checkpoint_alone(inferencer, checkpoint, image):
    cfg = Config.fromfile(CONFIG)
    cfg.model.detection_cfg = dict(score_thr=0.01, iou_thr=0.3, max_per_image=6)
    others = [
        SceneGraphInferencer(cfg, checkpoint, 'cpu', show_progress=False),
        SceneGraphInferencer(checkpoint, device='cpu', show_progress=False),
    ]
    expected = inferencer(image)
    for other in others:
        assert other(image) == expected
    assert SceneGraphInferencer(CONFIG, checkpoint).cfg.model.type == 'SceneGraphParser'


def test_predictions_and_pictures_are_written(inferencer, data, tmp_path):
    result = inferencer(
        data.root / 'images',
        batch_size=4,
        out_dir=tmp_path,
        return_vis=True,
        formats=('json', 'graphml', 'dot'),
    )
    names = sorted(path.stem for path in (data.root / 'images').iterdir())
    assert sorted(p.name for p in (tmp_path / 'vis').iterdir()) == [f'{name}.png' for name in names]
    assert len(list((tmp_path / 'preds').iterdir())) == 3 * len(names)
    for name, graph, picture in zip(
        names, result['predictions'], result['visualization'], strict=True
    ):
        assert json.loads((tmp_path / 'preds' / f'{name}.json').read_text()) == graph
        written = cv2.imread(str(tmp_path / 'vis' / f'{name}.png'))[..., ::-1]
        np.testing.assert_array_equal(written, picture)


def test_one_format_needs_no_list(inferencer, image, tmp_path):
    inferencer(image, out_dir=tmp_path, no_save_vis=True, formats='dot')
    assert [path.name for path in (tmp_path / 'preds').iterdir()] == ['image.dot']


def test_nothing_is_written_without_out_dir(inferencer, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = inferencer(image)
    assert result['visualization'] == [] and not list(tmp_path.iterdir())
    inferencer(image, out_dir=tmp_path, no_save_vis=True, no_save_pred=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('batch_size', [1, 3])
@pytest.mark.parametrize('show_progress', [False, True])
def test_no_more_than_one_batch_is_in_memory(inferencer, batch_size, show_progress, monkeypatch):
    monkeypatch.setattr(inferencer, 'show_progress', show_progress)
    alive, most = set(), 0

    def frames():
        nonlocal most
        for index in range(8):
            frame = np.full((32, 32, 3), index, np.uint8)
            alive.add(index)
            weakref.finalize(frame, alive.discard, index)
            most = max(most, len(alive))
            yield frame
            del frame

    for _ in inferencer.stream(frames(), batch_size=batch_size):
        pass
    assert most == batch_size


def test_relations_are_limited_by_number_and_score(inferencer, image):
    (whole,) = inferencer(image)['predictions']
    (graph,) = inferencer(image, topk=2)['predictions']
    assert graph['relations'] == whole['relations'][:2] != whole['relations']
    limit = whole['relations'][1]['score'] - 1e-6
    (graph,) = inferencer(image, pred_score_thr=limit)['predictions']
    assert graph['relations'] == [
        relation for relation in whole['relations'] if relation['score'] >= limit
    ]
    assert graph['objects'] == whole['objects']


def test_samples_are_returned_on_demand(inferencer, image):
    (sample,) = inferencer(image, return_datasamples=True)['predictions']
    assert sample.pred_scene_graphs['sggen'].relations.distribution.shape[1] == 19


def test_classes_are_given_by_number_or_by_name(inferencer, image):
    boxes = [[2, 3, 40, 50], [10, 5, 79, 59]]
    by_number = inferencer(image, bboxes=boxes, labels=[4, 7])
    assert by_number == inferencer(image, bboxes=boxes, labels=['class 4', 'class 7'])
    assert [item['label'] for item in by_number['predictions'][0]['objects']] == [4, 7]


def test_images_without_objects_give_empty_graphs(inferencer, image):
    (graph,) = inferencer(image, bboxes=[])['predictions']
    assert graph['objects'] == graph['relations'] == []


@pytest.mark.parametrize(
    'given, message',
    [
        (dict(bboxes=[[0, 0, 9, 9]], labels=[24]), 'label 24 .*0 to 23'),
        (dict(bboxes=[[0, 0, 9, 9]], labels=['unicorn']), "'unicorn'"),
        (dict(bboxes=[[0, 0, 9, 9]], labels=[1, 2]), '1 boxes, but 2 labels'),
        (dict(bboxes=[[0, 0, 9, 9], [5, 5, 5, 9]]), r'box 1 is \[5.0, 5.0, 5.0, 9.0\]'),
        (dict(bboxes=[[0, 0, 90, 9]]), r'0 <= x1 < x2 <= 80 and 0 <= y1 < y2 <= 60'),
        (dict(bboxes=[[0, 0, 9, 9]], labels=[1.5]), 'image: label 1.5 is neither'),
        (dict(bboxes=[[0, 0, 9, 9]], labels=torch.tensor([1.5])), 'label 1.5 is neither'),
        (dict(bboxes=[[0, 0, 9, 9]], labels=[None]), 'image: label None is neither'),
        (dict(bboxes=[[0, 0, 9, 9]], labels=1), 'image: .*label.* 1$'),
        (dict(bboxes=[[0, 0, 9, 9], [0, 0]]), r'image: expected boxes as numbers'),
        (dict(bboxes=[[0, 0, 9, '9']]), 'image: expected boxes as numbers'),
        (dict(bboxes=[[0, 0, 9, 10**400]]), 'image: expected boxes as numbers'),
        (dict(bboxes=[[False, False, True, True]]), 'image: expected boxes as numbers'),
        (dict(bboxes=[[]]), r'expected boxes of shape \(N, 4\), got \(1, 0\)'),
        (dict(bboxes=[[0, 0, 9, 9]] * 201), r'201 objects .* 200 .*max_objects'),
        (dict(bboxes=[[0, 0, 9, {}]]), 'image: expected boxes as numbers'),
        (dict(bboxes=[[0, 0, float('nan'), 9]]), 'box 0 is'),
        (dict(bboxes=[[0, 0, 9]]), r'expected boxes of shape \(N, 4\), got \(1, 3\)'),
        (dict(labels=[1]), 'labels need bboxes'),
        (dict(batch_size=0), 'batch_size must be a whole number of at least 1, got 0'),
        (dict(topk=0), 'topk must be a whole number of at least 1, got 0'),
        (dict(topk=2.5), 'topk must be a whole number of at least 1, got 2.5'),
        (dict(formats=['png']), "json.*got.*'png'"),
    ],
)
def test_given_objects_that_do_not_fit_are_refused(inferencer, image, given, message):
    with pytest.raises(ValueError, match=message):
        inferencer(image, **given)


@pytest.mark.parametrize('size', [(3, 2000), (2000, 3)])
def test_an_image_too_thin_to_resize_is_named(inferencer, tmp_path, size):
    cv2.imwrite(str(tmp_path / 'thin.png'), np.zeros((*size, 3), np.uint8))
    message = f'thin.png .*{size[1]} x {size[0]} pixels'
    with pytest.raises(ValueError, match=message):
        inferencer(tmp_path / 'thin.png')


def test_images_with_errors_are_skipped_with_their_boxes(inferencer, image, tmp_path):
    for name in 'abcd':
        cv2.imwrite(str(tmp_path / f'{name}.png'), image)
    (tmp_path / 'b.png').write_text('no image')
    boxes = [[[index, 0, 40, 50]] for index in range(4)]
    boxes[3][0][2] = 90
    errors = []
    graphs = inferencer(tmp_path, batch_size=2, bboxes=boxes, on_error=errors.append)['predictions']
    assert [graph['objects'][0]['bbox'][0] for graph in graphs] == [0, 2]
    assert ['b.png' in str(errors[0]), 'd.png: box 0' in str(errors[1])] == [True, True] and len(
        errors
    ) == 2


@pytest.mark.parametrize('device', ['gpu', 'cuda:99'])
def test_a_device_that_does_not_exist_is_named(checkpoint, device):
    with pytest.raises(ValueError, match=f"device '{device}'"):
        SceneGraphInferencer(weights=checkpoint, device=device)


def test_boxes_for_another_number_of_images_are_refused(inferencer, image):
    with pytest.raises(ValueError, match='bboxes .* 1 .* 2:'):
        inferencer([image, image], bboxes=[[[0, 0, 9, 9]]])


@pytest.mark.parametrize('on_error', [None, lambda error: None])
@pytest.mark.parametrize('number, images', [(1, 'more'), (3, '2')])
def test_boxes_for_another_number_of_streamed_images_are_refused(
    inferencer, image, number, images, on_error
):
    boxes = number * [[[0, 0, 9, 9]]]
    with pytest.raises(ValueError, match=f'bboxes .* {number} .* {images}:'):
        inferencer(iter([image, image]), bboxes=boxes, on_error=on_error)
    with pytest.raises(ValueError, match='labels .* 1 .* 2:'):
        inferencer(iter([image, image]), bboxes=2 * boxes[:1], labels=[[1]])


@pytest.mark.parametrize('given', [list, iter])
def test_a_missing_image_consumes_its_boxes(inferencer, image, tmp_path, given):
    inputs = [tmp_path / 'none.jpg', image, tmp_path, image]
    errors = []
    graphs = inferencer(
        given(inputs), bboxes=[[[index, 0, 40, 50]] for index in range(4)], on_error=errors.append
    )['predictions']
    assert [graph['objects'][0]['bbox'][0] for graph in graphs] == [1, 3]
    assert [type(error) for error in errors] == [FileNotFoundError, ValueError]
    with pytest.raises(FileNotFoundError, match='none.jpg'):
        inferencer(given(inputs))


def test_weights_of_another_model_are_refused(checkpoint):
    with pytest.raises(ValueError, match=checkpoint.name):
        SceneGraphInferencer(str(CONFIGS / 'motifnet_cce_minivg.py'), checkpoint)
    with pytest.raises(ValueError, match='FasterRCNN.*SceneGraphParser'):
        SceneGraphInferencer(str(CONFIGS / 'faster_rcnn_vgg16_minivg.py'), checkpoint)


def test_missing_files_and_names_are_reported(checkpoint, tmp_path):
    with pytest.raises(FileNotFoundError, match='none.py'):
        SceneGraphInferencer('none.py', checkpoint)
    with pytest.raises(FileNotFoundError, match='none.pth'):
        SceneGraphInferencer(CONFIG, 'none.pth')
    with pytest.raises(ValueError, match='weights'):
        SceneGraphInferencer(CONFIG)
    saved = torch.load(checkpoint)
    nameless = tmp_path / 'nameless.pth'
    torch.save(dict(state_dict=saved['state_dict'], meta={}), nameless)
    with pytest.raises(ValueError, match='config'):
        SceneGraphInferencer(weights=nameless)
    with pytest.raises(ValueError, match="'classes'.* 0 .* 24 "):
        SceneGraphInferencer(CONFIG, nameless)


def test_weights_that_are_not_finite_are_refused_by_name(checkpoint, tmp_path):
    saved = torch.load(checkpoint)
    saved['state_dict']['relation_head.fc_roles.bias'][0] = float('nan')
    del saved['checksums']
    torch.save(saved, tmp_path / 'nan.pth')
    with pytest.raises(ValueError, match="nan.pth: 'relation_head.fc_roles.bias'"):
        SceneGraphInferencer(weights=tmp_path / 'nan.pth')


def test_a_config_of_a_larger_model_than_the_weights_takes_no_memory(checkpoint, tmp_path):
    saved = torch.load(checkpoint)
    cfg = Config.fromstring(saved['meta']['cfg'], '.py')
    cfg.model.relation_head.hidden_size = 10**6  # four terabytes of LSTM
    del saved['checksums']
    saved['meta']['cfg'] = cfg.pretty_text
    torch.save(saved, tmp_path / 'large.pth')
    with pytest.raises(ValueError, match=r'large.pth .*\(6000000, '):
        SceneGraphInferencer(weights=tmp_path / 'large.pth')


def test_a_config_in_a_checkpoint_is_not_run(checkpoint, tmp_path):
    saved = torch.load(checkpoint)
    del saved['checksums']
    saved['meta']['cfg'] += f'\nopen({str(tmp_path / "trace")!r}, "w")'
    torch.save(saved, tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='evil.pth .*--config'):
        SceneGraphInferencer(weights=tmp_path / 'evil.pth')
    assert not (tmp_path / 'trace').exists()


def test_scores_that_are_not_finite_are_an_error(checkpoint, image, tmp_path):
    inferencer = SceneGraphInferencer(weights=checkpoint, device='cpu', show_progress=False)
    for weights in inferencer.model.relation_head.parameters():
        weights.data.fill_(float('nan'))
    with pytest.raises(ValueError, match='image: scores .*nan'):
        inferencer(
            image,
            bboxes=[[0, 0, 9, 9], [0, 0, 20, 20]],
            labels=[0, 1],
            out_dir=tmp_path,
            no_save_vis=True,
        )
    assert not list(tmp_path.rglob('*.json'))


def test_limits_must_be_positive(checkpoint):
    with pytest.raises(ValueError, match='max_pixels must be .* at least 1, got 0'):
        SceneGraphInferencer(weights=checkpoint, max_pixels=0)


@pytest.mark.parametrize(
    'config', ['selfattention_cce_scorer_minivg', 'motifnet_ce_logit_adjusted_minivg']
)
def test_a_checkpoint_alone_brings_its_encoder_or_debiasing(config, image, tmp_path):
    inferencer = SceneGraphInferencer(
        weights=str(write_random_checkpoint(tmp_path / 'parser.pth', config)), show_progress=False
    )
    head = inferencer.model.relation_head
    assert type(head.context).__name__ == (
        'TransformerContext' if 'selfattention' in config else 'MotifContext'
    )
    assert (head.debiasing is not None) == ('adjusted' in config)
    assert inferencer(image)['predictions'][0]['objects']
