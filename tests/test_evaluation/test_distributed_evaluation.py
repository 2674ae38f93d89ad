from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator

from mmsgp.evaluation import DumpPredictions, PredictionFile, SceneGraphMetric
from mmsgp.testing.graphs import (
    predicted_sample,
    random_prediction,
    random_scene_graph,
)

WORLD_SIZES = (2, 3)


def make_samples() -> list:
    """Seven images, so that samplers of 2 and 3 processes have to pad."""
    generator = torch.Generator().manual_seed(0)
    samples = []
    for img_id, num_relations in enumerate((3, 0, 7, 1, 4, 6, 5)):
        gt = random_scene_graph(generator, num_relations=num_relations)
        pred = random_prediction(generator, gt, num_relations=30)
        gt.relations.unseen = torch.rand(num_relations, generator=generator) < 0.3
        pred.relations.distribution = torch.rand(pred.num_relations, 5, generator=generator)
        sample = predicted_sample(img_id, gt, sggen=pred)
        sample.set_metainfo(dict(sample_idx=img_id))
        samples.append(sample)
    return samples


def share(samples: list) -> list[int]:
    """Indices of this process: as the sampler pads, and unevenly."""
    indices = list(DefaultSampler(samples, shuffle=False))
    if not dist.is_initialized() or dist.get_world_size() == 2:
        return indices
    # Drawn at random, and some images by two of the three processes.
    generator = torch.Generator().manual_seed(1)
    owners = torch.randint(3, (len(samples),), generator=generator)
    twice = torch.rand(len(samples), generator=generator) < 0.5
    mine = (owners == dist.get_rank()) | (twice & ((owners + 1) % 3 == dist.get_rank()))
    order = torch.randperm(len(samples), generator=generator)
    return [i for i in order.tolist() if mine[i]]


def score(predictions: PredictionFile) -> str:
    """Metrics of kept predictions."""
    metric = SceneGraphMetric(topk=(1, 2, 5, 'all'))
    metric.dataset_meta = predictions.meta
    for sample in predictions:
        metric.process({}, [sample])
    return json.dumps(metric.evaluate(len(predictions)))


def evaluate(collect_dir: Path, output_dir: Path) -> dict[str, float]:
    """Evaluate this process's share as the Runner does, two images at once."""
    samples = make_samples()
    metric = SceneGraphMetric(
        topk=(1, 2, 5, 'all'), output_dir=str(output_dir), collect_dir=str(collect_dir)
    )
    evaluator = Evaluator([metric, DumpPredictions(str(output_dir / 'predictions.h5'))])
    evaluator.dataset_meta = dict(predicates=tuple('abcd'), predicate_train_counts=[4, 3, 2, 1])
    indices = share(samples)
    for start in range(0, len(indices), 2):
        evaluator.process([samples[i] for i in indices[start : start + 2]])
    return evaluator.evaluate(len(samples))


def work(rank: int, folder: Path) -> None:
    """A process: takes part in the evaluation by 2 and by 3 processes."""
    torch.set_num_threads(1)
    for size in WORLD_SIZES:
        if rank >= size:
            continue
        dist.init_process_group(
            'gloo', init_method=f'file://{folder}/store_{size}', rank=rank, world_size=size
        )
        metrics = evaluate(folder / f'collect_{size}', folder / f'out_{size}')
        # NaN differs from NaN, but their JSON is equal
        (folder / f'{size}_{rank}.json').write_text(json.dumps(metrics))
        dist.barrier()
        dist.destroy_process_group()


def test_any_number_of_processes_gives_the_same_digits(tmp_path):
    expected = evaluate(tmp_path / 'collect_1', tmp_path / 'out_1')
    assert 0 < expected['sggen/mR@2'] < 100
    # One process imports everything, the others are its forks.
    mp.get_context('forkserver').set_forkserver_preload([evaluate.__module__])
    mp.start_processes(work, args=(tmp_path,), nprocs=max(WORLD_SIZES), start_method='forkserver')
    for size in WORLD_SIZES:
        for rank in range(size):
            metrics = (tmp_path / f'{size}_{rank}.json').read_text()
            assert metrics == json.dumps(expected)
        # Counts of images and relations too: none is counted twice.
        for name in ('metrics.json', 'metrics_sggen.csv', 'per_class_recall_phrdet.csv'):
            assert (tmp_path / f'out_{size}' / name).read_text() == (
                tmp_path / 'out_1' / name
            ).read_text()
        kept = PredictionFile(tmp_path / f'out_{size}' / 'predictions.h5')
        assert [sample['sample_idx'] for sample in kept] == list(range(7))
        assert score(kept) == json.dumps(expected)
        assert not list((tmp_path / f'out_{size}').glob('.*'))
