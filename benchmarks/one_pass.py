"""Test three tasks in one pass or in three: time of the VG-sized model.

Random weights and images of 592 x 592 with 20 annotated boxes; results are compared
before times. Class logits are made sharper, because an untrained detector would find
no object.

    python benchmarks/one_pass.py [--images 10] [--device cpu]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.progress import track

from mmsgp.registry import MODELS
from mmsgp.structures.tasks import TASKS
from mmsgp.testing.models import random_samples

CONFIG = Path(__file__).parents[1] / 'configs' / 'motifnet_cce_scorer_vg.py'
LIMIT = 0.7


def predict(model, tasks: tuple[str, ...], image: torch.Tensor, seed: int) -> tuple[dict, float]:
    """Predict the graphs of an image; return them and the seconds."""
    torch.manual_seed(seed)
    (sample,) = random_samples([20], 150, 50, image_size=592)
    sample.set_metainfo(dict(img_shape=(592, 592)))
    model.test_tasks = tasks
    start = time.perf_counter()
    (sample,) = model.test_step(dict(inputs=[image], data_samples=[sample]))
    if image.is_cuda:
        torch.cuda.synchronize()
    return sample.pred_scene_graphs, time.perf_counter() - start


def assert_same(first, second) -> None:
    for part in ('objects', 'relations'):
        for name, value in getattr(first, part).items():
            torch.testing.assert_close(value, getattr(second, part)[name], rtol=0, atol=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=10)
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--sharpness',
        type=float,
        default=100.0,
        help='factor of the class logits; larger ones give more detections (default: 100)',
    )
    args = parser.parse_args()
    init_default_scope('mmsgp')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(CONFIG).model)
    with torch.no_grad():  # untrained, no class has a high score
        model.detector.roi_head.bbox_head.fc_cls.weight *= args.sharpness
    model = model.to(args.device).eval()
    together, apart = 0.0, dict.fromkeys(TASKS, 0.0)
    num_pairs = 0
    for i in track(range(-1, args.images), 'Parsing'):
        image = torch.randint(0, 256, (3, 592, 592), dtype=torch.uint8, device=args.device)
        graphs, seconds = predict(model, TASKS, image, i + 1)
        times = {}
        for task in TASKS:
            alone, times[task] = predict(model, (task,), image, i + 1)
            assert_same(alone[task], graphs[task])
        if i >= 0:  # the first round warms up
            together += seconds
            num_pairs += graphs['sggen'].num_relations
            for task in TASKS:
                apart[task] += times[task]
    ratio = together / sum(apart.values())
    Console().print(
        f'{args.images} images, {args.device}, {torch.get_num_threads()} '
        f'threads; {num_pairs / args.images:.0f} pairs per image in SGGen\n'
        f'one pass: {together / args.images:.2f} s per image; three: '
        + ' + '.join(f'{seconds / args.images:.2f}' for seconds in apart.values())
        + f'; ratio {ratio:.2f} (at most {LIMIT}); equal results'
    )
    print(json.dumps(dict(one_pass=together, three=apart, ratio=ratio)))


if __name__ == '__main__':
    main()
