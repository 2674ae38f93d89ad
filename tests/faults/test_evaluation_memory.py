"""Evaluating, storing and drawing a large data set needs no more memory."""

import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from helpers.memory import measured
from mmsgp.evaluation import DumpPredictions, PredictionFile, SceneGraphMetric
from mmsgp.testing.graphs import (
    predicted_sample,
    random_prediction,
    random_scene_graph,
)
from mmsgp.visualization import SceneGraphVisualizer

IMAGES = int(os.environ.get('MMSGP_FAULTS_IMAGES', 30_000))
DRAWN = int(os.environ.get('MMSGP_FAULTS_DRAWN', 10))  # draw every 10th image
SECONDS = 3 * 3600
CLASSES, PREDICATES = tuple('abcde'), tuple('ABCD')


def make_samples(number):
    """Make images of five objects with predictions; 300 different ones repeat."""
    generator = torch.Generator().manual_seed(0)
    graphs = []
    for _ in range(min(number, 300)):
        gt = random_scene_graph(generator, num_relations=2)
        pred = random_prediction(generator, gt, num_relations=20)
        pred.relations.distribution = torch.rand(20, 5, generator=generator)
        graphs.append((gt, pred))
    for img_id in range(number):
        gt, pred = graphs[img_id % len(graphs)]
        sample = predicted_sample(img_id, gt, sggen=pred)
        sample.set_metainfo(dict(sample_idx=img_id))
        yield sample


def work(folder, number, drawn):
    """Evaluate, store and draw; return the memory after a tenth and at the end."""
    meta = dict(classes=CLASSES, predicates=PREDICATES)
    file = folder / 'predictions.h5'
    evaluator = Evaluator([SceneGraphMetric(), DumpPredictions(str(file))])
    visualizer = SceneGraphVisualizer()
    evaluator.dataset_meta = visualizer.dataset_meta = meta
    image = np.zeros((64, 64, 3), np.uint8)
    readings = []
    for index, sample in enumerate(measured(make_samples(number), number // 10, SECONDS, readings)):
        evaluator.process([sample])
        if index % drawn == 0:
            visualizer.add_datasample(
                'image', image, sample, topk=1, out_file=str(folder / 'image.png')
            )
    print(json.dumps(readings))
    metrics = evaluator.evaluate(number)
    assert 0 < metrics['sggen/mR@20'] < 100
    assert len(PredictionFile(file)) == readings[-1][0] == number
    return readings[0][1], readings[-1][1]


def work_alone(*arguments):
    """Work in a process of its own: this one may hold and free memory of other tests."""
    with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool:
        return pool.submit(work, *arguments).result()


def test_memory_does_not_grow_while_some_images_are_evaluated_and_drawn(tmp_path):
    first, last = work_alone(tmp_path, 1500, 150)
    assert last < 1.05 * first


@pytest.mark.faults
def test_memory_does_not_grow_while_a_data_set_is_evaluated_and_drawn(tmp_path):
    first, last = work_alone(tmp_path, IMAGES, DRAWN)
    assert last < 1.05 * first
