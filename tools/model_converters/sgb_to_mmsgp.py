"""Convert a checkpoint of Scene-Graph-Benchmark, mapped name by name.

Kinds: the detector (Faster R-CNN on ResNeXt-101-FPN), and with a relation head Motifs, the
Transformer, IMP and VCTree. A tensor that has no place in MMSGP ends the conversion with
its name: so do causal predictors, attributes and unions of another size. Motifs becomes a
GatedPairHead with SGBMotifContext, because MotifNet has highway LSTMs.

Results are close to the original's, not equal: anchors are not rounded to whole pixels, box
sizes have no additional pixel, given labels do not replace the detector's class words in
PredCls, and VCTree's scores of two objects are the mean of both directions.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.registry import init_default_scope
from sgb_weights import KINDS, convert
from torch import Tensor

from mmsgp.checkpoint.integrity import add_checksum
from mmsgp.checkpoint.loading import load_checkpoint_file
from mmsgp.cli.errors import exit_on_user_error
from mmsgp.engine.config_file import read_config_file
from mmsgp.registry import MODELS
from mmsgp.utils.files import replacing

POOLING = {
    'detector': 'detector.roi_head.bbox_roi_extractor',
    'objects': 'relation_head.roi_extractor',
    'unions': 'relation_head.pair_features.roi_extractor',
}


def read_state(path: str) -> dict[str, Tensor]:
    """Read the state dict of a checkpoint.

    Raises:
        ValueError: If there is none.
    """
    checkpoint = load_checkpoint_file(path, map_location='cpu')
    state = checkpoint.get('model') if isinstance(checkpoint, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(
            f"{path} has no state dict under 'model', as checkpoints of "
            'Scene-Graph-Benchmark have: give a model_*.pth of its training'
        )
    return dict(state)


def config_options(weights: dict[str, Tensor], kind: str) -> dict:
    """Collect the ``--cfg-options`` that make a config fit."""
    if kind == 'detector':
        return {'model.roi_head.bbox_roi_extractor.roi_layer.aligned': False}
    options = {f'model.{part}.roi_layer.aligned': False for part in POOLING.values()}
    options['model.detector.init_cfg'] = None  # the checkpoint holds the weights
    head = 'relation_head'
    if kind == 'imp':
        size = weights[f'{head}.fc_object.bias'].numel()
    else:
        size = weights[f'{head}.fc_gate.weight'].shape[1] // 2
    options[f'model.{head}.hidden_size'] = size
    if kind == 'vctree':
        options[f'model.{head}.decode_inputs'] = True
    if kind == 'motifs':
        for name in ('object', 'edge'):
            options[f'model.{head}.context.num_{name}_layers'] = sum(
                key.startswith(f'{head}.{name}_lstm.lstm.bias_ih') and not key.endswith('_reverse')
                for key in weights
            )
    if kind == 'transformer':
        options[f'model.{head}.feedforward_channels'] = weights[
            f'{head}.object_encoder.layers.0.ffn.layers.0.0.bias'
        ].numel()
        for name in ('object', 'edge'):
            options[f'model.{head}.num_{name}_layers'] = sum(
                key.startswith(f'{head}.{name}_encoder.') and key.endswith('norms.0.bias')
                for key in weights
            )
    return options


def check_config(path: str, weights: dict[str, Tensor], options: dict) -> None:
    """Check that the model of a config takes all weights, and needs no other.

    Raises:
        ValueError: If names or shapes differ.
    """
    cfg = read_config_file(path)
    cfg.merge_from_dict(options)
    init_default_scope(cfg.get('default_scope', 'mmsgp'))
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    try:
        missing, unexpected = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # other shapes
        raise ValueError(f'{path} does not fit: {error}') from error
    # A Scorer will be trained later.
    missing = [key for key in missing if not key.startswith('relation_head.scorer.')]
    if missing or unexpected:
        raise ValueError(
            f'{path} does not fit: the checkpoint lacks {len(missing)} weights {missing[:3]}, '
            f'and has the additional ones {unexpected[:3]}'
        )


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('kind', choices=KINDS)
    parser.add_argument('checkpoint', help='model_*.pth of Scene-Graph-Benchmark')
    parser.add_argument('out_file', type=Path)
    parser.add_argument('--config', help='config to check the weights against')
    return parser.parse_args()


def run(args: argparse.Namespace) -> None:
    state = read_state(args.checkpoint)
    try:
        weights = convert(state, args.kind)
    except ValueError as error:
        raise ValueError(f'{args.checkpoint}: {error}') from error
    options = config_options(weights, args.kind)
    if args.config is not None:
        check_config(args.config, weights, options)
    converted = dict(state_dict=weights)
    add_checksum(converted)
    with replacing(args.out_file) as draft:
        torch.save(converted, draft)
    print(f'{args.out_file}: {len(weights)} tensors')
    settings = '--cfg-options ' + ' '.join(f'{key}={value}' for key, value in options.items())
    if args.config is None:
        print(f'not checked, because --config is missing. A config needs {settings}')
    else:
        print(f'it fits {args.config} with {settings}')


def main() -> None:
    args = parse_args()
    with exit_on_user_error():
        run(args)


if __name__ == '__main__':
    main()
