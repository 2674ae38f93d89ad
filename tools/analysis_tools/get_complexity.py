"""Count parameters and FLOPs of relation models, and the share of a Scorer.

Counts one image of random pixels with a number of given boxes and all their
ordered pairs, as in PredCls and SGCls. FLOPs are those of PyTorch's counter:
convolutions and matrix products, where a multiplication and an addition count as
two. The detector is frozen and counted separately. KERN is counted with an edge
between any two classes and each predicate; a training set that lacks some of them
costs less.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.console import Console
from torch import nn

from mmsgp.cli.arguments import natural
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.engine.config_file import read_config_file
from mmsgp.models import SceneGraphParser
from mmsgp.models.parsers import is_parser_config
from mmsgp.registry import MODELS
from mmsgp.structures import SceneGraphDataSample
from mmsgp.utils.flops import counting_flops
from mmsgp.utils.tables import new_table

# Millions of parameters, from the paper and its authors' code.
VG150 = (150, 50)
PAPER = {'MotifNetHead': '253', 'LinkNetHead': '292', 'KERNHead': '281'}
PAPER_SCORER = {'MotifNetHead': '2.9', 'LinkNetHead': '3', 'KERNHead': '14.7'}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('configs', nargs='+', metavar='CONFIG')
    parser.add_argument(
        '--boxes', type=natural, default=20, help='number of boxes of the image (default: 20)'
    )
    return parser.parse_args()


def read_config(path: str) -> Config:
    """Read the config of a relation model.

    Raises:
        ValueError: If it is not one.
    """
    cfg = read_config_file(path)
    if 'model' not in cfg:
        raise ValueError(f'{path} is not a config of a parser: it has no model')
    if not is_parser_config(cfg.model):
        raise ValueError(
            f'{path} has no relation head: for detectors use '
            "MMDetection's tools/analysis_tools/get_flops.py"
        )
    return cfg


def build(cfg: Config) -> tuple[SceneGraphParser, int]:
    """Build the model of a config, untrained, and return its input's side, too.

    Raises:
        ValueError: If its components, or their arguments, do not exist.
    """
    init_default_scope(cfg.get('default_scope', 'mmsgp'))
    try:
        model = MODELS.build(cfg.model).eval()
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f'{cfg.filename}: {error}') from error
    if hasattr(model.relation_head, 'predicate_cooccurrence'):
        model.relation_head.predicate_cooccurrence.fill_(1)
    return model, max(model.data_preprocessor.pad_to)


def num_parameters(module: nn.Module | None, trainable: bool = False) -> int:
    """Count all parameters, or the trainable ones; 0 without a module."""
    parameters = [] if module is None else module.parameters()
    return sum(p.numel() for p in parameters if p.requires_grad or not trainable)


@torch.no_grad()
def count_flops(model: SceneGraphParser, side: int, num_boxes: int) -> dict[str, int]:
    """Count FLOPs of ``detector``, ``head`` (without Scorer) and ``scorer``."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(num_boxes, 2, generator=generator) * side / 2
    sizes = (1 + torch.rand(num_boxes, 2, generator=generator)) * side / 8
    bboxes = torch.cat([corners, corners + sizes], dim=1)
    head = model.relation_head
    with counting_flops() as detector:
        maps = model.extract_feat(torch.zeros(1, 3, side, side))
        batch = model.detector_adapter.prepare(
            maps,
            [
                SceneGraphDataSample(
                    metainfo=dict(img_shape=(side, side), batch_input_shape=(side, side))
                )
            ],
        )
        objects = model._given_objects(batch, [bboxes])
    with counting_flops() as whole:
        output = head(head.extract_regions(maps, objects), objects)
    scorer = 0
    if head.scorer is not None:
        num_pairs = len(output.relation_logits)
        with counting_flops() as counter:
            embedded = head.scorer.embed(
                torch.zeros(num_pairs, head.scorer.fc_feature.in_features), output.relation_logits
            )
            head.scorer(
                embedded, maps[-1].mean(dim=(2, 3)), torch.zeros(num_pairs, dtype=torch.long)
            )
        scorer = counter.get_total_flops()
    return dict(
        detector=detector.get_total_flops(), head=whole.get_total_flops() - scorer, scorer=scorer
    )


def row(path: str, cfg: Config, num_boxes: int) -> list[str]:
    """Make the row of a config."""
    with exit_on_user_error():
        model, side = build(cfg)
    head = model.relation_head
    flops = count_flops(model, side, num_boxes)
    scorer = num_parameters(head.scorer)
    kind = type(head).__name__
    paper = '-'
    if kind in PAPER and (head.num_classes, head.num_predicates) == VG150:
        paper = f'{PAPER[kind]} M'
        paper += f' + {PAPER_SCORER[kind]} M' if scorer else ''
    return [
        Path(path).stem,
        f'{num_parameters(model):,}',
        f'{num_parameters(model, trainable=True):,}',
        f'{scorer:,}',
        paper,
        *(f'{flops[part] / 1e9:,.2f}' for part in ('detector', 'head', 'scorer')),
        f'{100 * flops["scorer"] / sum(flops.values()):.2f} %',
    ]


def main() -> None:
    args = parse_args()
    with exit_on_user_error():  # before minutes of counting
        cfgs = [read_config(path) for path in args.configs]
    table = new_table(
        f'{args.boxes} boxes, {args.boxes * (args.boxes - 1)} pairs',
        'config',
        'parameters',
        'trainable',
        'of the Scorer',
        'paper',
        'GFLOP: detector',
        'head',
        'Scorer',
        'Scorer adds',
    )
    try:
        for path, cfg in zip(args.configs, cfgs):
            table.add_row(*row(path, cfg, args.boxes))
    finally:  # print finished rows even if a later config fails
        if table.rows:
            Console(width=160).print(table)


if __name__ == '__main__':
    main()
