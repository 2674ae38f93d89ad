"""Milliseconds an image: PyTorch, compiled PyTorch and ONNX Runtime, in one run.

REACT++ over RTMDet-tiny, from a normalised image in memory to sorted relations (SGGen);
reading and scaling are not included. Beside it MotifNet over the narrow VGG16 with as many
objects, at the size of its own config and at the same size. Weights are random unless a
checkpoint is given, and the detectors are set so that they find objects. Rounds alternate, and
the best counts.

With --images, the first images of a folder are parsed instead of noise, images from all over the
folder, these among them, give the ranges for 8 bits, and ONNX Runtime in float32 is compared with
PyTorch on the first --number.

    python benchmarks/latency.py [--objects 20] [--batch 1] [--compile] [--images FOLDER]
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table

from mmsgp.apis import load_parser
from mmsgp.apis.image_inputs import ImageSource, image_pipeline
from mmsgp.deploy import OnnxSceneGraphInferencer
from mmsgp.deploy.exporting import export_onnx
from mmsgp.deploy.fixed_parser import FixedParser
from mmsgp.deploy.onnx_inferencer import list_images
from mmsgp.deploy.quantization import choose_images, quantize
from mmsgp.models import SceneGraphParser
from mmsgp.registry import MODELS
from mmsgp.testing.models import CONFIGS, random_samples, spread_detections

CONFIG = CONFIGS / 'react_cce_scorer_rtmdet_tiny_minivg.py'
PEER = CONFIGS / 'motifnet_cce_scorer_minivg.py'
TIE = 1e-4  # relations of scores so close may swap
SHARPNESS = 100.0  # of the peer's untrained detector


def build(config: Path, num_objects: int) -> tuple[SceneGraphParser, Config]:
    """Build a parser with random weights that detects up to ``num_objects`` objects."""
    cfg = Config.fromfile(config)
    cfg.model.detector.init_cfg = cfg.model.detector.backbone.init_cfg = None
    cfg.model.detection_cfg = dict(max_per_image=num_objects)
    torch.manual_seed(0)
    model = MODELS.build({**cfg.model, 'test_tasks': ('sggen',)}).eval()
    if hasattr(model.detector, 'roi_head'):
        model.detector.roi_head.bbox_head.fc_cls.weight.data *= SHARPNESS
    else:
        spread_detections(model.detector, torch.randn(2, 3, *model.data_preprocessor.pad_to))
    head = model.relation_head
    model.dataset_meta = dict(
        classes=[f'class {c}' for c in range(head.num_classes)],
        predicates=[f'predicate {p}' for p in range(1, head.num_predicates + 1)],
    )
    return model, cfg


def load(
    config: Path, checkpoint: Path | None, num_objects: int
) -> tuple[SceneGraphParser, Config]:
    """Load a trained parser, or build one with random weights."""
    if checkpoint is None:
        return build(config, num_objects)
    cfg = Config.fromfile(config)
    cfg.model.update(detection_cfg=dict(max_per_image=num_objects), test_tasks=('sggen',))
    return load_parser(cfg, checkpoint), cfg


def predict(model: SceneGraphParser, images: torch.Tensor, sizes: torch.Tensor) -> list:
    """Predict graphs in pixels of the inputs."""
    head = model.relation_head
    samples = random_samples([0] * len(images), head.num_classes, head.num_predicates)
    for sample, (width, height) in zip(samples, sizes.int().tolist()):
        sample.set_metainfo(dict(img_shape=(height, width)))
    predicted = model.predict(images, samples, rescale=False)
    return [sample.pred_scene_graphs['sggen'] for sample in predicted]


def random_inputs(size: tuple[int, int], batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    height, width = size
    sizes = torch.tensor([[width, height]] * batch, dtype=torch.float32)
    return torch.randn(batch, 3, height, width), sizes


def write_noise(folder: Path) -> Path:
    """Write a few images of noise."""
    folder.mkdir()
    for index in range(4):
        noise = np.random.default_rng(index).integers(0, 256, (320, 320, 3), np.uint8)
        cv2.imwrite(str(folder / f'{index}.png'), noise)
    return folder


def read_inputs(
    model: SceneGraphParser, cfg: Config, folder: Path, batch: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the first images of a folder, as the inferencer does."""
    pipeline = Compose(image_pipeline(cfg))
    packed = [pipeline(dict(image)) for image in islice(ImageSource(folder), batch)]
    data = model.data_preprocessor(pseudo_collate(packed))
    sizes = [sample.img_shape[1::-1] for sample in data['data_samples']]
    return data['inputs'], torch.tensor(sizes, dtype=torch.float32)


def best_times(calls: dict[str, Callable], rounds: int) -> dict[str, float]:
    """Measure the best seconds of each call, in alternating rounds.

    A call is repeated untimed first: threads of ONNX Runtime wait busily for a while after
    a run, which would slow the next call down.
    """
    best = dict.fromkeys(calls, float('inf'))
    for _ in range(rounds):
        for name, call in calls.items():
            call()
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def compare_graphs(
    model: SceneGraphParser, inferencer: OnnxSceneGraphInferencer, folder: Path, number: int
) -> dict:
    """Compare both on images of a folder.

    Returns:
        dict: Numbers of objects that were found, the largest differences of boxes and scores,
        the images whose equal scores stand in another order, and those whose graphs differ.
    """
    report = dict(images=0, objects=set(), bboxes=0.0, scores=0.0, swapped=0, unlike=0)
    for path in islice(list_images(folder), number):
        image = inferencer.prepare(path)
        inputs, sizes = image['input'][None], np.array([image['size']], np.float32)
        outputs = {key: value[0] for key, value in inferencer.run(inputs, sizes).items()}
        (graph,) = predict(model, torch.from_numpy(inputs), torch.from_numpy(sizes))
        objects, relations = graph.objects, graph.relations
        rows, found = graph.num_objects, int((outputs['scores'] >= 0).sum())
        report['images'] += 1
        report['objects'].add(rows)
        same = rows == outputs['valid'].sum() and found == graph.num_relations
        if same:
            for key, own, other in (
                ('bboxes', outputs['bboxes'][:rows], objects.bboxes),
                ('scores', outputs['object_scores'][:rows], objects.scores),
                ('scores', outputs['scores'][:found], relations.scores),
            ):
                gap = np.abs(own - other.numpy()).max(initial=0)
                report[key] = max(report[key], float(gap))
            own = by_pair(outputs['pairs'][:found], outputs['predicates'], outputs['scores'])
            other = by_pair(relations.pairs, relations.labels, relations.scores)
            report['swapped'] += list(own) != list(other)
            same = (
                (outputs['labels'][:rows] == objects.labels.numpy()).all()
                and own.keys() == other.keys()
                and all(abs(own[key] - other[key]) <= TIE for key in own)
            )
        report['unlike'] += not same
    return {**report, 'objects': sorted(report['objects'])}


def by_pair(pairs, predicates, scores) -> dict[tuple, float]:
    """Scores of relations by subject, object and predicate, in their order."""
    return {
        (*pair, predicate): score
        for pair, predicate, score in zip(pairs.tolist(), predicates.tolist(), scores.tolist())
    }


@torch.no_grad()
def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument('--checkpoint', type=Path, help=f'of {CONFIG.name} (default: random)')
    cli.add_argument(
        '--peer-checkpoint', type=Path, help=f'of {PEER.name} (default: random weights)'
    )
    cli.add_argument('--objects', type=int, default=20)
    cli.add_argument('--batch', type=int, default=1)
    cli.add_argument('--rounds', type=int, default=20)
    cli.add_argument('--compile', action='store_true', help='also torch.compile: minutes')
    cli.add_argument('--images', type=Path, help='folder of images')
    cli.add_argument('--number', type=int, default=100, help='images to compare')
    args = cli.parse_args()
    init_default_scope('mmsgp')
    model, cfg = load(CONFIG, args.checkpoint, args.objects)
    peer, peer_cfg = load(PEER, args.peer_checkpoint, args.objects)
    if args.images is None:
        inputs, own_inputs = (
            random_inputs(parser.data_preprocessor.pad_to, args.batch) for parser in (model, peer)
        )
    else:
        inputs, own_inputs = (
            read_inputs(parser, own, args.images, args.batch)
            for parser, own in ((model, cfg), (peer, peer_cfg))
        )
    fixed, threads = FixedParser(model, args.objects).eval(), torch.get_num_threads()
    calls = {
        'MotifNet, narrow VGG16, PyTorch': lambda: predict(peer, *own_inputs),
        'the same at the same size': lambda: predict(peer, *inputs),
        'REACT++, RTMDet-tiny, PyTorch': lambda: predict(model, *inputs),
        'REACT++, fixed size': lambda: fixed(*inputs),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'parser.onnx')
        export_onnx(model, cfg, path, args.objects)
        size = path.stat().st_size / 1e6
        inferencer = OnnxSceneGraphInferencer(path, num_threads=threads)
        images = args.images or write_noise(Path(folder, 'noise'))
        quantize(path, choose_images(images))
        small_size = path.stat().st_size / 1e6
        small = OnnxSceneGraphInferencer(path, num_threads=threads)
    arrays = [values.numpy() for values in inputs]
    if args.compile:
        compiled = torch.compile(fixed)
        calls['REACT++, fixed size, compiled'] = lambda: compiled(*inputs)
    calls['REACT++, ONNX Runtime'] = lambda: inferencer.run(*arrays)
    calls['REACT++, ONNX Runtime, 8 bits'] = lambda: small.run(*arrays)
    best_times(calls, 2)  # the first calls also compile and allocate
    seconds = best_times(calls, args.rounds)
    shown = [predict(peer, *own_inputs)[0], predict(peer, *inputs)[0], predict(model, *inputs)[0]]
    counts = [(graph.num_objects, graph.num_relations) for graph in shown]
    counts += counts[-1:] * (len(calls) - len(counts))
    found = small.run(*arrays)
    counts[-1] = int(found['valid'][0].sum()), int((found['scores'][0] >= 0).sum())

    console = Console(width=100)
    console.print(
        f'{platform.processor() or platform.machine()}, {threads} threads, float32 but for 8 bits, '
        f'batch {args.batch}, PyTorch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}; '
        'from normalised images to sorted relations'
    )
    table = Table()
    for column in ('', 'pixels', 'boxes', 'pairs', 'ms an image', 'to the first', 'second'):
        table.add_column(column, justify='right' if column else 'left')
    first, second = islice(seconds.values(), 2)
    sides = [own_inputs[0].shape[-1]] + [inputs[0].shape[-1]] * (len(calls) - 1)
    for (name, value), side, (boxes, pairs) in zip(seconds.items(), sides, counts):
        table.add_row(
            name,
            str(side),
            str(boxes),
            str(pairs),
            f'{1e3 * value / args.batch:.1f}',
            f'{value / first:.2f}',
            f'{value / second:.2f}',
        )
    console.print(table)
    console.print(f'file: {size:.1f} MB, in 8 bits {small_size:.1f} MB')
    result = dict(seconds=seconds, megabytes=size, megabytes_int8=small_size)
    if args.images is not None:
        result['agreement'] = compare_graphs(model, inferencer, args.images, args.number)
        console.print(result['agreement'])
    print(json.dumps(result))


if __name__ == '__main__':
    main()
