"""A whole data set is evaluated, kept and drawn in the memory of a small one."""
import json
import os

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from mmsgp.evaluation import DumpPredictions, PredictionFile, SceneGraphMetric
from mmsgp.testing.graphs import (
    predicted_sample,
    random_prediction,
    random_scene_graph,
)
from mmsgp.testing.memory import measured
from mmsgp.visualization import SceneGraphVisualizer

IMAGES = int(os.environ.get('MMSGP_FAULTS_IMAGES', 30_000))
WARM_UP = IMAGES // 10
DRAWN = 10  # one image of so many
SECONDS = 3 * 3600
CLASSES, PREDICATES = tuple('abcde'), tuple('ABCD')


def make_samples(number):
    """Images of five objects, each with a prediction of every task."""
    generator = torch.Generator().manual_seed(0)
    for img_id in range(number):
        gt = random_scene_graph(generator, num_relations=2)
        tasks = {}
        for task in ('predcls', 'sgcls', 'sggen'):
            pred = random_prediction(generator, gt, num_relations=20)
            pred.relations.distribution = torch.rand(20, 5, generator=generator)
            tasks[task] = pred
        sample = predicted_sample(img_id, gt, **tasks)
        sample.set_metainfo(dict(sample_idx=img_id))
        yield sample


@pytest.mark.faults
def test_memory_stands_while_a_data_set_is_evaluated_kept_and_drawn(tmp_path):
    meta = dict(classes=CLASSES, predicates=PREDICATES)
    file = tmp_path / 'predictions.h5'
    evaluator = Evaluator([SceneGraphMetric(), DumpPredictions(str(file))])
    visualizer = SceneGraphVisualizer()
    evaluator.dataset_meta = visualizer.dataset_meta = meta
    image = np.zeros((64, 64, 3), np.uint8)
    readings = []
    for index, sample in enumerate(
            measured(make_samples(IMAGES), WARM_UP, SECONDS, readings)):
        evaluator.process([sample])
        if index % DRAWN == 0:
            visualizer.add_datasample(
                'image', image, sample, topk=1, out_file=str(tmp_path / 'image.png'))
    print(json.dumps(readings))
    print(json.dumps(readings))
    metrics = evaluator.evaluate(IMAGES)
    assert 0 < metrics['sggen/mR@20'] < 100
    assert len(PredictionFile(file)) == readings[-1][0] == IMAGES
    first, last = readings[0], readings[-1]
    assert first[0] == WARM_UP
    assert last[1] < 1.05 * first[1], readings
