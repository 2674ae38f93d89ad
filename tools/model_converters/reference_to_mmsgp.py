"""Convert a published checkpoint of a reference implementation.

Reads the state dict of neural-motifs (MotifNet), linknet-pytorch (LinkNet) or
KERN and writes one for MMSGP: the relation head, and the detector if the file
holds it. What is not mapped is listed.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from mmsgp.engine.hooks.dataset_priors_hook import innermost_dataset
from mmsgp.registry import DATASETS, MODELS
from mmsgp.utils.checkpoint import load_checkpoint_file
from mmsgp.utils.files import replacing
from mmsgp.utils.reference_weights import RULES, convert


def config_options(weights: dict[str, Tensor], kind: str,
                   own_detector: bool) -> dict:
    """Settings that make a config fit, as ``--cfg-options``.

    Args:
        weights (dict[str, Tensor]): The converted ones.
        kind (str): See :func:`convert`.
        own_detector (bool): Whether the detector is the reference's.
    """
    head = 'model.relation_head'
    hidden = dict(
        motifnet='edge_lstm.layers.0.state_projection.weight',
        linknet='object_classifier.query.weight',
        kern='pair_graph.unit.fc_candidate.weight')
    options = {f'{head}.hidden_size':
               weights[f'relation_head.{hidden[kind]}'].shape[1]}
    if kind == 'motifnet':
        for name in ('object', 'edge'):
            options[f'{head}.num_{name}_layers'] = sum(
                key.startswith(f'relation_head.{name}_lstm.') and
                key.endswith('.bias') for key in weights)
    if own_detector:
        options.update({
            # The weights come with the checkpoint.
            'model.detector.init_cfg': None,
            'model.detector.rpn_head.type': 'mmsgp.ReLU6RPNHead',
            'model.detector.rpn_head.anchor_generator.center_offset': 0.5})
    return options


def fill_statistics(weights: dict[str, Tensor], config: str,
                    options: dict) -> None:
    """Add what a model takes from its training set and the weights lack.

    Args:
        weights (dict[str, Tensor]): The converted ones; changed in place.
        config (str): Config of the parser and its training set.
        options (dict): Settings of it to change.

    Raises:
        ValueError: If the weights do not fit the config.
    """
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(options)
    init_default_scope(cfg.default_scope)
    dataset = innermost_dataset(DATASETS.build(cfg.train_dataloader.dataset))
    head = MODELS.build(cfg.model.relation_head)
    head.load_priors(dataset.statistics, dataset.metainfo['classes'])
    for name, value in head.named_buffers():
        weights.setdefault(f'relation_head.{name}', value)
    own = {key.removeprefix('relation_head.'): value
           for key, value in weights.items()
           if key.startswith('relation_head.')}
    try:
        missing, unexpected = head.load_state_dict(own, strict=False)
    except RuntimeError as error:  # other shapes
        raise ValueError(f'{config} does not fit: {error}') from error
    # A Scorer is still to be trained.
    missing = [key for key in missing if not key.startswith('scorer.')]
    if missing or unexpected:
        raise ValueError(
            f'{config} does not fit: of its {type(head).__name__} the '
            f'checkpoint lacks {missing}, and has besides {unexpected}')
    weights['has_priors'] = torch.tensor(1.0)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=RULES)
    parser.add_argument('checkpoint', help='of the reference')
    parser.add_argument('out_file', type=Path)
    parser.add_argument(
        '--config',
        help='config of the parser: check that the weights fit it, and take '
        'the statistics that they lack from its training set (KERN)')
    parser.add_argument(
        '--detector',
        help="checkpoint of a detector in MMSGP, to stand in the reference's "
        'place')
    parser.add_argument(
        '--shared-gate', action='store_true',
        help="KERN: both gates use the first one's state weights, as the "
        'reference code does')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    state = load_checkpoint_file(args.checkpoint, map_location='cpu')
    try:
        weights, left = convert(state.get('state_dict', state), args.kind,
                                args.shared_gate)
    except ValueError as error:
        raise ValueError(f'{args.checkpoint}: {error}') from error
    has_detector = any(key.startswith('detector.') for key in weights)
    if args.detector is not None:
        detector = load_checkpoint_file(args.detector, map_location='cpu')
        weights = {key: value for key, value in weights.items()
                   if not key.startswith('detector.')}
        weights.update({f'detector.{key}': value for key, value in
                        detector.get('state_dict', detector).items()})
    options = config_options(weights, args.kind,
                             has_detector and args.detector is None)
    if args.config is not None:
        fill_statistics(weights, args.config, options)
    with replacing(args.out_file) as draft:
        torch.save(dict(state_dict=weights), draft)
    print(f'{args.out_file}: {len(weights)} tensors')
    print(f'not mapped ({len(left)}): ' + (', '.join(left) or 'none'))
    print('it fits a config with --cfg-options ' +
          ' '.join(f'{key}={value}' for key, value in options.items()))
    if args.kind == 'motifnet':
        print('objects are ordered by confidence here, whatever -order it was '
              'trained with')
    if 'has_priors' not in weights:
        print('it lacks statistics of the training set: give --config to test '
              'it; else training takes them from its own')


if __name__ == '__main__':
    main()
