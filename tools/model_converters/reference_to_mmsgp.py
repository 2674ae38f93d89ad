"""Convert a published checkpoint of a reference implementation.

It reads the state dict of neural-motifs (MotifNet), linknet-pytorch (LinkNet) or KERN
and writes one for MMSGP: the relation head, and the detector if the file holds it.
Weights that are not mapped are listed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn as nn
from mmengine.config import Config
from mmengine.registry import init_default_scope
from reference_weights import RULES, convert
from torch import Tensor

from mmsgp.checkpoint.integrity import add_checksum
from mmsgp.checkpoint.loading import load_checkpoint_file, weights_of
from mmsgp.checkpoint.pretrained import holds_detector
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.datasets import innermost_dataset
from mmsgp.engine.config_file import read_config_file
from mmsgp.models import KERNHead, LinkNetHead, MotifNetHead
from mmsgp.models.parsers import is_parser_config
from mmsgp.registry import DATASETS, MODELS
from mmsgp.utils.files import replacing

HEADS = dict(motifnet=MotifNetHead, linknet=LinkNetHead, kern=KERNHead)
# Heads of two-stage and of one-stage detectors.
DETECTOR_HEADS = ('roi_head', 'bbox_head')


def config_options(weights: dict[str, Tensor], kind: str, own_detector: bool) -> dict:
    """Collect the ``--cfg-options`` that make a config fit.

    Args:
        weights: The converted weights.
        kind: See :func:`convert`.
        own_detector: Whether the detector is the reference's.
    """
    head = 'model.relation_head'
    hidden = dict(
        motifnet='edge_lstm.layers.0.state_projection.weight',
        linknet='object_classifier.query.weight',
        kern='pair_graph.unit.fc_candidate.weight',
    )
    options = {f'{head}.hidden_size': weights[f'relation_head.{hidden[kind]}'].shape[1]}
    if kind == 'motifnet':
        for name in ('object', 'edge'):
            options[f'{head}.num_{name}_layers'] = sum(
                key.startswith(f'relation_head.{name}_lstm.') and key.endswith('.bias')
                for key in weights
            )
    if own_detector:
        options.update(
            {
                # The checkpoint holds the weights.
                'model.detector.init_cfg': None,
                'model.detector.rpn_head.type': 'mmsgp.ReLU6RPNHead',
                'model.detector.rpn_head.anchor_generator.center_offset': 0.5,
            }
        )
    return options


def read_detector(path: str) -> dict[str, Tensor]:
    """Read the weights of a detector's checkpoint.

    Raises:
        ValueError: If the checkpoint is of another model.
    """
    weights = weights_of(load_checkpoint_file(path, map_location='cpu'), path)
    parts = {str(key).split('.')[0] for key in weights}
    if 'relation_head' in parts or 'backbone' not in parts or parts.isdisjoint(DETECTOR_HEADS):
        raise ValueError(
            f'{path} is not a detector of MMSGP: it needs weights of a backbone and '
            f'of {" or ".join(DETECTOR_HEADS)}, but has those of '
            f'{", ".join(sorted(parts)[:5]) or "nothing"}'
        )
    return weights


def read_parser_config(path: str, kind: str) -> Config:
    """Read the config of a parser with the relation head of a kind.

    Raises:
        ValueError: If the config is of another model.
    """
    cfg = read_config_file(path)
    if not is_parser_config(cfg.get('model')):
        raise ValueError(
            f'{path} has no relation head: give the config of a '
            f'parser with a {HEADS[kind].__name__}'
        )
    init_default_scope(cfg.get('default_scope', 'mmsgp'))
    found = cfg.model.relation_head.get('type')
    head = MODELS.get(found) if isinstance(found, str) else found
    if head is None or not issubclass(head, HEADS[kind]):
        raise ValueError(
            f'{path} does not fit: it has a {found}, but {kind} needs a {HEADS[kind].__name__}'
        )
    return cfg


def check_fit(
    config: str,
    module: nn.Module,
    weights: dict[str, Tensor],
    prefix: str,
    may_lack: str | tuple[str, ...] = (),
) -> None:
    """Check that weights fit a module.

    Args:
        config: The module's config, for the error message.
        module: The module; it gets the weights.
        weights: Weights of the parser.
        prefix: Prefix of the module's weights.
        may_lack: Prefixes of weights that may be missing.

    Raises:
        ValueError: If names or shapes differ.
    """
    own = {
        key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)
    }
    try:
        missing, unexpected = module.load_state_dict(own, strict=False)
    except RuntimeError as error:  # other shapes
        raise ValueError(f'{config} does not fit: {error}') from error
    missing = [key for key in missing if not key.startswith(may_lack)]
    if missing or unexpected:
        raise ValueError(
            f'{config} does not fit: of its {type(module).__name__} the '
            f'checkpoint lacks {len(missing)} weights {missing[:3]}, and has '
            f'the additional ones {unexpected[:3]}'
        )


def fill_statistics(weights: dict[str, Tensor], config: str, kind: str, options: dict) -> None:
    """Add the training set's statistics that the weights lack.

    Args:
        weights: The converted weights; changed in place.
        config: Config of the parser and its training set.
        kind: See :func:`convert`.
        options: Settings of the config to change.

    Raises:
        ValueError: If the weights do not fit the config.
    """
    cfg = read_parser_config(config, kind)
    cfg.merge_from_dict(options)
    dataset = innermost_dataset(DATASETS.build(cfg.train_dataloader.dataset))
    head = MODELS.build(cfg.model.relation_head)
    head.load_statistics(dataset.statistics, dataset.metainfo['classes'])
    for name, value in head.named_buffers():
        weights.setdefault(f'relation_head.{name}', value)
    # A Scorer will be trained later.
    check_fit(config, head, weights, 'relation_head.', may_lack='scorer.')
    if holds_detector(weights):
        check_fit(config, MODELS.build(cfg.model.detector), weights, 'detector.')
    weights['has_priors'] = torch.tensor(1.0)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('kind', choices=RULES)
    parser.add_argument('checkpoint', help='checkpoint of the reference')
    parser.add_argument('out_file', type=Path)
    parser.add_argument(
        '--config',
        help='config of the parser: check that the weights fit it, and take '
        'missing statistics from its training set (KERN)',
    )
    parser.add_argument(
        '--detector', help="checkpoint of a detector in MMSGP, to replace the reference's"
    )
    parser.add_argument(
        '--separate-gates',
        action='store_true',
        help='KERN: the second gate has its own weights, for files of corrected '
        'code (default: both gates use the same matrix, as in the official code)',
    )
    args = parser.parse_args()
    if args.separate_gates and args.kind != 'kern':
        parser.error(f'--separate-gates is only for kern: {args.kind} has no such gates')
    return args


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        run(args)


def run(args: argparse.Namespace) -> None:
    state = weights_of(load_checkpoint_file(args.checkpoint, map_location='cpu'), args.checkpoint)
    try:
        weights, left = convert(state, args.kind, args.separate_gates)
    except ValueError as error:
        raise ValueError(f'{args.checkpoint}: {error}') from error
    has_detector = holds_detector(weights)
    if args.detector is not None:
        weights = {key: value for key, value in weights.items() if not key.startswith('detector.')}
        weights.update(
            {f'detector.{key}': value for key, value in read_detector(args.detector).items()}
        )
    options = config_options(weights, args.kind, has_detector and args.detector is None)
    if args.config is not None:
        fill_statistics(weights, args.config, args.kind, options)
    converted = dict(state_dict=weights)
    add_checksum(converted)
    with replacing(args.out_file) as draft:
        torch.save(converted, draft)
    print(f'{args.out_file}: {len(weights)} tensors')
    print(f'not mapped ({len(left)}): ' + (', '.join(left) or 'none'))
    settings = '--cfg-options ' + ' '.join(f'{key}={value}' for key, value in options.items())
    if args.config is not None:
        print(f'it fits {args.config} with {settings}')
    else:
        print(
            f'not checked against a config, because --config is missing. A config needs {settings}'
        )
    if args.kind == 'motifnet':
        print(
            "if it was trained with -order leftright, as in neural-motifs' "
            'scripts, a config needs model.relation_head.order=leftright'
        )
    if args.kind == 'kern' and not args.separate_gates:
        print(
            'both gates use the same matrix, as in the official code; '
            '--separate-gates is for files of corrected code'
        )
    if 'has_priors' not in weights:
        print(
            'it lacks statistics of the training set: give --config to test '
            'it; training takes them from its own training set'
        )


if __name__ == '__main__':
    main()
