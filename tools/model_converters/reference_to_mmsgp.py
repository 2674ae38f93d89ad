"""Convert a published checkpoint of a reference implementation.

Reads the state dict of neural-motifs (MotifNet), linknet-pytorch (LinkNet) or
KERN and writes one for the relation head of MMSGP. The reference counts the
background as class 0, MMSGP as the last class: rows and columns of classes are
moved. What is not mapped, the detector among it, is listed.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from mmsgp.utils.checkpoint import load_checkpoint_file
from mmsgp.utils.files import replacing

Rule = tuple[str, Callable[[Tensor], Tensor]]


def same(tensor: Tensor) -> Tensor:
    return tensor


def background_last(tensor: Tensor) -> Tensor:
    """Move row 0 behind the others."""
    return tensor.roll(-1, dims=0)


def start_last(tensor: Tensor) -> Tensor:
    """Rows start, background, classes: to classes, background, start."""
    return torch.cat([tensor[2:], tensor[1:2], tensor[:1]])


def prior_table(tensor: Tensor) -> Tensor:
    """(K * K, R+1), subject class first, to (K, K, R+1)."""
    num_classes = round(len(tensor)**0.5)
    return tensor.view(num_classes, num_classes, -1).roll(
        (-1, -1), dims=(0, 1))


def class_nodes(tensor: Tensor) -> Tensor:
    """(K, K * H) of logits from nodes: rows and blocks of columns."""
    num_classes = len(tensor)
    nodes = tensor.view(num_classes, num_classes, -1).roll(
        (-1, -1), dims=(0, 1))
    return nodes.flatten(1)


def square(tensor: Tensor) -> Tensor:
    """(K, K), both axes."""
    return tensor.roll((-1, -1), dims=(0, 1))


def both(source: str, target: str,
         weight: Callable = same, bias: Callable = same) -> dict[str, Rule]:
    """Rules of a layer's weight and bias."""
    return {f'{source}.weight': (f'{target}.weight', weight),
            f'{source}.bias': (f'{target}.bias', bias)}


def norm(source: str, target: str) -> dict[str, Rule]:
    """Rules of a batch normalisation."""
    return {f'{source}.{name}': (f'{target}.{name}', same)
            for name in ('weight', 'bias', 'running_mean', 'running_var')}


VISION = {
    **both('roi_fmap_obj.0', 'fc_head.classifier.0'),
    **both('roi_fmap_obj.3', 'fc_head.classifier.3'),
    **both('roi_fmap.1.0', 'pair_features.fc_head.classifier.0'),
    **both('roi_fmap.1.3', 'pair_features.fc_head.classifier.3'),
    **both('union_boxes.conv.0', 'pair_features.mask_encoder.0'),
    **norm('union_boxes.conv.2', 'pair_features.mask_encoder.2'),
    **both('union_boxes.conv.4', 'pair_features.mask_encoder.4'),
    **norm('union_boxes.conv.6', 'pair_features.mask_encoder.6'),
}
EMBEDDINGS = {
    'context.obj_embed.weight': ('object_embedding.weight', background_last),
    'context.obj_embed2.weight': ('label_embedding.weight', background_last),
    'freq_bias.obj_baseline.weight': ('frequency_prior.table', prior_table),
    **both('rel_compress', 'fc_predicate'),
}
RULES = {
    'motifnet': {
        **VISION, **EMBEDDINGS,
        **norm('context.pos_embed.0', 'position.layers.0'),
        **both('context.pos_embed.1', 'position.layers.1'),
        'context.decoder_rnn.obj_embed.weight':
            ('decoder.label_embedding.weight', start_last),
        **both('context.decoder_rnn.input_linearity',
               'decoder.input_projection'),
        **both('context.decoder_rnn.state_linearity',
               'decoder.state_projection'),
        **both('context.decoder_rnn.out', 'decoder.fc_label',
               background_last, background_last),
        **both('post_lstm', 'fc_roles'),
    },
    'linknet': {
        **VISION, **EMBEDDINGS,
        **norm('pos_embed.0', 'layout.layers.0'),
        **both('pos_embed.1', 'layout.layers.1'),
        **both('GCE.multi_score_fc', 'image_classifier', background_last,
               background_last),
        **{key: rule for number, name in (
            (1, 'object_context'), (2, 'object_classifier'),
            (3, 'edge_context'), (4, 'edge_roles')) for layer, target in (
                ('W', 'query'), ('U', 'key'), ('H', 'value'),
                ('fc0', 'fc_residual'), ('fc1', 'fc_out'))
           for key, rule in both(
               f'context.RE{number}.{layer}', f'{name}.{target}',
               *([background_last] * 2 if (number, layer) == (2, 'fc1') else
                 [])).items()},
    },
    'kern': {
        **VISION,
        **both('ggnn_obj_reason.obj_proj', 'fc_object'),
        **both('ggnn_obj_reason.ggnn_obj.fc_output', 'object_graph.readout.fc'),
        **both('ggnn_obj_reason.ggnn_obj.fc_obj_cls',
               'object_graph.classifier', class_nodes, background_last),
        'ggnn_obj_reason.ggnn_obj.matrix': ('object_cooccurrence', square),
        **both('ggnn_rel_reason.obj_proj', 'fc_role'),
        **both('ggnn_rel_reason.rel_proj', 'fc_pair'),
        **both('ggnn_rel_reason.ggnn_rel.fc_output', 'pair_graph.readout.fc'),
        **both('ggnn_rel_reason.ggnn_rel.fc_rel_cls', 'fc_predicate'),
        **both('ggnn_obj_reason.ggnn_obj.fc_eq5_u',
               'object_graph.unit.fc_candidate'),
        **both('ggnn_rel_reason.ggnn_rel.fc_eq5_u',
               'pair_graph.unit.fc_candidate'),
    },
}
LSTMS = {'context.obj_ctx_rnn': 'object_lstm',
         'context.edge_ctx_rnn': 'edge_lstm'}
GRAPHS = {'ggnn_obj_reason.ggnn_obj': 'object_graph',
          'ggnn_rel_reason.ggnn_rel': 'pair_graph'}


def unpack_highway_lstm(weight: Tensor, bias: Tensor, input_size: int,
                        hidden_size: int) -> list[dict[str, Tensor]]:
    """Weights of the layers of a highway LSTM that are packed flat.

    A layer after the other: input weights (input, 6 * hidden), then state
    weights (hidden, 5 * hidden), gates i, f, c, o, r and, for the input, the
    highway; of the biases 5 * hidden a layer.

    Args:
        weight (Tensor): Flat.
        bias (Tensor): Flat.
        input_size (int): Inputs of the first layer.
        hidden_size (int): Units of each layer.

    Raises:
        ValueError: If the numbers of weights do not fit.
    """
    layers, start = [], 0
    for layer in range(len(bias) // (5 * hidden_size)):
        rows = hidden_size if layer else input_size
        sizes = rows * 6 * hidden_size, hidden_size * 5 * hidden_size
        if start + sum(sizes) > len(weight):
            break
        inputs, states = weight[start:start + sum(sizes)].split(sizes)
        start += sum(sizes)
        layers.append({
            'input_projection.weight': inputs.view(rows, -1).t().contiguous(),
            'state_projection.weight':
                states.view(hidden_size, -1).t().contiguous(),
            'state_projection.bias': bias.view(-1, 5 * hidden_size)[layer]
        })
    if start != len(weight) or len(layers) * 5 * hidden_size != len(bias):
        raise ValueError(
            f'{len(weight)} weights and {len(bias)} biases do not make '
            f'layers of {input_size} inputs and {hidden_size} units')
    return layers


def convert(state: dict[str, Tensor], kind: str,
            shared_gate: bool = False) -> tuple[dict, list[str]]:
    """Map a reference's state dict.

    Args:
        state (dict[str, Tensor]): Of the reference.
        kind (str): ``'motifnet'``, ``'linknet'`` or ``'kern'``.
        shared_gate (bool): The reference code of KERN computes both gates
            with the weights of one: give the second gate the first one's.

    Returns:
        tuple[dict, list[str]]: Weights of the relation head, and the keys that
        were not mapped.
    """
    converted, left = {}, dict(state)
    for source, (target, change) in RULES[kind].items():
        if source in left:
            converted[target] = change(left.pop(source))
    if kind == 'motifnet':
        hidden = state['context.decoder_rnn.out.weight'].shape[1]
        embedding = state['context.obj_embed.weight'].shape[1]
        inputs = {
            'object_lstm': state['roi_fmap_obj.3.weight'].shape[0] + embedding +
            state['context.pos_embed.1.weight'].shape[0],
            'edge_lstm': embedding + hidden
        }
        for source, target in LSTMS.items():
            layers = unpack_highway_lstm(
                left.pop(f'{source}.weight'), left.pop(f'{source}.bias'),
                inputs[target], hidden)
            for i, layer in enumerate(layers):
                for name, value in layer.items():
                    converted[f'{target}.layers.{i}.{name}'] = value
    if kind == 'kern':
        for source, target in GRAPHS.items():
            for name in ('weight', 'bias'):
                w = [left.pop(f'{source}.fc_eq{i}_w.{name}') for i in (3, 4, 5)]
                u = [left.pop(f'{source}.fc_eq{i}_u.{name}') for i in (3, 4)]
                converted[f'{target}.unit.fc_message.{name}'] = torch.cat(w)
                converted[f'{target}.unit.fc_gates.{name}'] = torch.cat(
                    [u[0], u[0] if shared_gate else u[1]])
    # What counts batches in training is not in PyTorch's old checkpoints.
    for key in [key for key in converted if key.endswith('.running_mean')]:
        converted[key.replace('running_mean', 'num_batches_tracked')] = \
            torch.tensor(0)
    return ({f'relation_head.{key}': value
             for key, value in converted.items()}, sorted(left))


def add_detector(state: dict[str, Tensor], detector: dict[str, Tensor],
                 kind: str) -> None:
    """Make a whole parser's weights, to be tested as they are.

    The co-occurrences of predicates lie outside of KERN's checkpoint: it takes
    them from the training set, when training starts.
    """
    state.update({f'detector.{key}': value for key, value in detector.items()})
    state['has_priors'] = torch.tensor(float(kind != 'kern'))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=RULES)
    parser.add_argument('checkpoint', help='of the reference')
    parser.add_argument('out_file', type=Path)
    parser.add_argument(
        '--detector',
        help='checkpoint of the detector in MMSGP, to test the result as it is')
    parser.add_argument(
        '--shared-gate', action='store_true',
        help="KERN: both gates use the first one's state weights, as the "
        'reference code does')
    args = parser.parse_args()
    state = load_checkpoint_file(args.checkpoint, map_location='cpu')
    state, left = convert(state.get('state_dict', state), args.kind,
                          args.shared_gate)
    if args.detector is not None:
        detector = load_checkpoint_file(args.detector, map_location='cpu')
        add_detector(state, detector.get('state_dict', detector), args.kind)
    with replacing(args.out_file) as draft:
        torch.save(dict(state_dict=state), draft)
    print(f'{args.out_file}: {len(state)} tensors')
    print(f'not mapped ({len(left)}): ' + (', '.join(left) or 'none'))


if __name__ == '__main__':
    main()
