"""Each relation head learns images of MiniVG by heart.

A check that every head can fit its training data: heads of the size of their MiniVG
configs, on features of objects and unions by layers with random weights, which are frozen.
All pairs are trained on. The frequency prior starts at zero, so that only memory helps; KERN has
the statistics of the images, because they are the edges of its graphs. The rate of Adam falls
from --lr to zero along a cosine. Accuracy is that of the evaluation mode, over all annotated
relations and all objects.

    python benchmarks/learn_by_heart.py [--heads transformer vctree] [--images 64]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from rich.console import Console
from torch import Tensor, nn

from mmsgp.datasets import VGDataset
from mmsgp.datasets.minivg import generate_minivg
from mmsgp.registry import DATASETS, MODELS

CONFIGS = Path(__file__).parents[1] / 'configs'
# names of configs
HEADS = ('motifnet', 'linknet', 'kern', 'transformer', 'imp')
HEADS += ('penet', 'react', 'gpsnet', 'vctree', 'squat')
BATCH = 16


def read_images(cfg: Config, folder: str, number: int) -> VGDataset:
    """Generate images, unless the folder holds them, to be read as training does."""
    generate_minivg(folder, num_train=number, num_val=0, num_test=1)
    settings = {**cfg.train_dataloader.dataset, 'data_root': folder, 'num_val_images': 0}
    pipeline = [step for step in settings['pipeline'] if 'Flip' not in step['type']]
    return DATASETS.build({**settings, 'pipeline': pipeline})


def build(cfg: Config) -> nn.Module:
    """Build a parser with random weights that trains on all pairs."""
    cfg.model.detector.init_cfg = None
    head = cfg.model.relation_head
    head.pair_sampler = dict(type='PairSampler', num=10_000, positive_fraction=1.0)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def keep_features(model: nn.Module) -> None:
    """Compute maps and features of a batch once; all that makes them is frozen."""
    head, known_maps, known_regions = model.relation_head, {}, {}
    extract_maps, extract_regions = model.extract_feat, head.extract_regions

    def maps_of(images: Tensor) -> tuple[Tensor, ...]:
        if images.data_ptr() not in known_maps:
            known_maps[images.data_ptr()] = extract_maps(images)
        return known_maps[images.data_ptr()]

    @torch.no_grad()
    def regions_of(maps: tuple[Tensor, ...], objects, pairs: Tensor):
        if id(maps) not in known_regions:
            training = head.training
            head.eval()
            known_regions[id(maps)] = extract_regions(maps, objects, pairs).pooled()
            head.train(training)
        return known_regions[id(maps)]

    model.extract_feat, head.extract_regions = maps_of, regions_of


def accuracy(model: nn.Module, batches: list[tuple[Tensor, list]]) -> dict[str, float]:
    """Compute the accuracy on annotated relations and on objects, in percent."""
    model.eval()
    right = torch.zeros(2)
    total = torch.zeros(2)
    for images, samples in batches:
        graphs = [sample.gt_scene_graph for sample in samples]
        numbers = torch.tensor(
            [float(sum(g.num_relations for g in graphs)), float(sum(g.num_objects for g in graphs))]
        )
        losses = model.loss(images, samples)
        right += torch.stack([losses['acc_relation'], losses['acc_object'].squeeze()]) * numbers
        total += numbers
    relation, object_ = (right / total).tolist()
    return dict(relation=relation, object=object_)


def learn(kind: str, folder: str, number: int, max_epochs: int, lr: float) -> dict[str, float]:
    """Train a head until it knows all relations, at most some epochs."""
    cfg = Config.fromfile(CONFIGS / f'{kind}_ce_minivg.py')
    init_default_scope(cfg.default_scope)
    model = build(cfg)
    dataset = read_images(cfg, folder, number)
    data = model.data_preprocessor(pseudo_collate([dataset[i] for i in range(number)]))
    if kind == 'kern':
        model.load_statistics(dataset)
    batches = [
        (data['inputs'][i : i + BATCH], data['data_samples'][i : i + BATCH])
        for i in range(0, number, BATCH)
    ]
    keep_features(model)
    head = model.relation_head
    optimizer = torch.optim.Adam([p for p in head.parameters() if p.requires_grad], lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max_epochs)
    start = time.process_time()
    for epoch in range(1, max_epochs + 1):
        model.train()
        for images, samples in batches:
            losses = model.loss(images, samples)
            optimizer.zero_grad()
            sum(value for key, value in losses.items() if 'loss' in key).backward()
            nn.utils.clip_grad_norm_(head.parameters(), 5)
            optimizer.step()
        schedule.step()
        if epoch % 5 == 0 or epoch == max_epochs:
            reached = accuracy(model, batches)
            if reached['relation'] == 100:
                break
    return dict(**reached, epochs=epoch, cpu_s=time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--heads', nargs='+', choices=HEADS, default=HEADS)
    parser.add_argument('--images', type=int, default=64)
    parser.add_argument('--max-epochs', type=int, default=600)
    parser.add_argument('--lr', type=float, default=2e-3)
    args = parser.parse_args()
    MMLogger.get_instance('mmengine').setLevel('ERROR')
    console = Console(width=100)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in args.heads:
            row = figures[kind] = learn(kind, folder, args.images, args.max_epochs, args.lr)
            console.print(f'{kind:12}' + '  '.join(f'{k} {v:.1f}' for k, v in row.items()))
    print(json.dumps(figures))


if __name__ == '__main__':
    main()
