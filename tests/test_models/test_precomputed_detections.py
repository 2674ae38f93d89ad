"""Objects that another detector has found, read from a file."""

import json

import h5py
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from helpers.tools import run_tool
from mmsgp.models.detector_adapters.detection_file import read_detections
from mmsgp.registry import MODELS
from mmsgp.testing import make_vg_data
from mmsgp.testing.models import CONFIGS, random_samples

THRESHOLDS = dict(score_thr=0.01, iou_thr=0.5, max_per_image=8)
ITEM = dict(image_id=7, category_id=2, bbox=[10, 20, 30, 40], score=0.5)


def write(path, items):
    path.write_text(json.dumps(items))
    return path


def parser(**adapter):
    """The small parser of MiniVG's configs; its detector is sure of something."""
    init_default_scope('mmsgp')
    cfg = Config.fromfile(CONFIGS / 'motifnet_ce_minivg.py').model
    cfg.detector.init_cfg = None
    cfg.update(detector_adapter=adapter, detection_cfg=THRESHOLDS, test_tasks=['sgcls', 'sggen'])
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    for key, parameter in model.detector.named_parameters():
        if key.endswith(('fc_cls.weight', 'rpn_cls.weight')):
            parameter.data *= 30
    return model.eval()


def test_a_file_of_the_detectors_own_detections_gives_its_results(tmp_path):
    def samples():
        torch.manual_seed(1)
        made = random_samples([3, 4], num_classes=24, num_predicates=18)
        for number, sample in enumerate(made):  # the files are twice as wide
            sample.set_metainfo(
                dict(
                    img_id=100 + number,
                    scale_factor=(0.5, 1.0),
                    ori_shape=(96, 192),
                    batch_input_shape=(96, 96),
                )
            )
        return made

    torch.manual_seed(2)
    images = torch.randn(2, 3, 96, 96)
    own = parser(type='GenericAdapter')
    found = own.detector_adapter.prepare(own.extract_feat(images), samples()).detections
    items = []
    for number, detections in enumerate(found):
        for box, label, score in zip(
            detections.bboxes.tolist(), detections.labels.tolist(), detections.scores.tolist()
        ):
            x1, y1, x2, y2 = box[0] * 2, box[1], box[2] * 2, box[3]
            items.append(
                dict(
                    image_id=100 + number,
                    category_id=label,
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    score=score,
                )
            )
    assert items
    file = write(tmp_path / 'detections.bbox.json', items)
    expected = own.predict(images, samples())
    given = parser(type='PrecomputedDetections', file=str(file)).predict(images, samples())
    for one, other in zip(expected, given, strict=True):
        for task in ('sgcls', 'sggen'):
            a, b = one.pred_scene_graphs[task], other.pred_scene_graphs[task]
            assert len(a.objects)
            torch.testing.assert_close(a.objects.bboxes, b.objects.bboxes, rtol=0, atol=1e-3)
            assert torch.equal(a.objects.labels, b.objects.labels)
            torch.testing.assert_close(a.relations.scores, b.relations.scores, rtol=1e-3, atol=1e-6)


def test_boxes_are_resized_and_flipped_like_their_image(tmp_path):
    file = write(tmp_path / 'found.json', [dict(ITEM, image_id=0)])
    adapter = parser(type='PrecomputedDetections', file=str(file)).detector_adapter
    (sample,) = random_samples([2])
    sample.set_metainfo(dict(scale_factor=(0.5, 2.0), flip=True, flip_direction='horizontal'))
    ((box,),) = (d.bboxes for d in adapter.prepare((torch.zeros(1),), [sample]).detections)
    # x from 10 to 40, halved, and seen from the right side of 96 pixels; y from 20 to 60
    assert box.tolist() == [96 - 20, 40, 96 - 5, 96]


def test_an_h5_file_holds_the_same(tmp_path):
    items = [ITEM, dict(ITEM, image_id=3, score=0.25), dict(ITEM, category_id=4)]
    json_file = write(tmp_path / 'found.json', items)
    with h5py.File(tmp_path / 'found.h5', 'w') as file:
        for key, column in (
            ('image_ids', 'image_id'),
            ('category_ids', 'category_id'),
            ('bboxes', 'bbox'),
            ('scores', 'score'),
        ):
            file[key] = np.array([item[column] for item in items])
    one, other = (read_detections(path, 5) for path in (json_file, tmp_path / 'found.h5'))
    assert one.keys() == other.keys() == {'3', '7'}
    for image in one:
        for a, b in zip(one[image], other[image], strict=True):
            np.testing.assert_array_equal(a, b)
    assert one['7'].labels.tolist() == [2, 4]
    assert one['3'].bboxes.tolist() == [[10, 20, 40, 60]]


def test_images_are_known_by_text_too(tmp_path):
    found = read_detections(write(tmp_path / 'a.json', [dict(ITEM, image_id='a/b')]), 5)
    assert list(found) == ['a/b']


def test_classes_may_be_counted_from_one(tmp_path):
    file = write(tmp_path / 'a.json', [dict(ITEM, category_id=5)])
    assert read_detections(file, 5, first_category=1)['7'].labels.tolist() == [4]
    with pytest.raises(ValueError, match='a.json: category_id .* 0 is 5: .* 0 to 4; .*first_cat'):
        read_detections(file, 5)


@pytest.mark.parametrize(
    'content, fact',
    [
        (dict(images=[]), 'list of'),
        ([1], 'got 1 as item 0'),
        ([{k: v for k, v in ITEM.items() if k != 'score'}], 'as item 0'),
        ([ITEM, dict(ITEM, bbox=[1, 2, 3])], 'item 1 is'),
        ([dict(ITEM, bbox=[1, 2, -3, 4])], r'bbox of detection 0 .*\[x, y, width, height\]'),
        ([dict(ITEM, score=50)], 'score of detection 0 is 50.* 0 to 1'),
        ([dict(ITEM, category_id=-1)], 'category_id of detection 0 is -1'),
        ([dict(ITEM, image_id=None)], 'item 0 is'),
    ],
)
def test_a_wrong_file_is_named_in_one_line(tmp_path, content, fact):
    with pytest.raises(ValueError, match=f'found.json: .*{fact}') as caught:
        read_detections(write(tmp_path / 'found.json', content), 5)
    assert '\n' not in str(caught.value)


def test_a_wrong_h5_file_is_named(tmp_path):
    (tmp_path / 'no.h5').write_text('text')
    with h5py.File(tmp_path / 'short.h5', 'w') as file:
        file['image_ids'], file['category_ids'] = [1, 2], [1, 2]
        file['bboxes'], file['scores'] = np.zeros((1, 4)), [0.5, 0.5]
    for name, fact in (('no.h5', 'image_ids'), ('short.h5', r'bboxes \(1, 4\)')):
        with pytest.raises(ValueError, match=f'{name}: .*{fact}'):
            read_detections(tmp_path / name, 5)


def test_images_without_detections_are_counted_and_wrong_ids_refused(tmp_path, caplog):
    file = write(tmp_path / 'found.json', [ITEM])
    adapter = parser(type='PrecomputedDetections', file=str(file)).detector_adapter
    with caplog.at_level('WARNING', logger='current'):
        adapter.check_images([7, 8, 9])
    with pytest.raises(ValueError, match="found.json .* none of the 2 images .*'8'.* 7: "):
        adapter.check_images([8, 9])
    (sample,) = random_samples([2])
    (found,) = adapter.prepare((torch.zeros(1),), [sample]).detections
    assert len(found.bboxes) == 0


def test_training_and_test_take_the_detections(tmp_path, capsys):
    data = make_vg_data(
        tmp_path / 'data', num_train=5, num_test=2, num_classes=24, num_predicates=18
    )
    items = [
        dict(image_id=info['image_id'], category_id=int(label), score=0.9,
             bbox=[x1, y1, x2 - x1, y2 - y1])
        for info, boxes, labels in zip(data.images, data.boxes, data.labels)
        for (x1, y1, x2, y2), label in zip(boxes.tolist(), labels)
        if info['image_id'] != 7
    ]  # fmt: skip
    file = write(tmp_path / 'found.json', items)
    options = [
        'model.detector.init_cfg=None',
        'model.detector_adapter.type=PrecomputedDetections',
        f'model.detector_adapter.file={file}',
        'model.train_task=sggen',
        'train_cfg.max_epochs=1',
    ]
    for split in ('train', 'val', 'test'):
        dataset = f'{split}_dataloader.dataset'
        options += [
            f'{dataset}.data_root={data.root}',
            f'{dataset}.num_val_images=1',
            f'{split}_dataloader.num_workers=0',
        ]
    config = CONFIGS / 'motifnet_cce_scorer_minivg.py'
    run_tool('train', config, '--work-dir', tmp_path, '--cfg-options', *options)
    run_tool('test', config, tmp_path / 'epoch_1.pth', '--work-dir', tmp_path / 'test',
             '--tasks', 'sggen', '--cfg-options', *options[1:3], *options[5:])  # fmt: skip
    log = ''.join(path.read_text() for path in (tmp_path / 'test').glob('*/*.log'))
    assert 'no detections of 1 of 2 images, e.g. 7' in log
    metrics = json.loads((tmp_path / 'test' / 'metrics.json').read_text())
    assert 'sggen/R@100' in metrics
