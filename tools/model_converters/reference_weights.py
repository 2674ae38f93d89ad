"""Rename the weights of reference implementations to those of MMSGP.

neural-motifs (MotifNet), linknet-pytorch (LinkNet) and KERN share their
detector and much of their relation models. They count the background as class
0, MMSGP as the last class: rows and columns of classes are moved.

Shape shorthand: K classes with background, R+1 predicates with unknown, A anchors
per location, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# A function that makes a tensor, and the names of its arguments.
Rule = tuple[Callable[..., Tensor], tuple[str, ...]]

# Of MMDetection's class deltas; the references do not scale theirs.
DELTA_STDS = (0.1, 0.1, 0.2, 0.2)


def same(tensor: Tensor) -> Tensor:
    return tensor


def stacked(*tensors: Tensor) -> Tensor:
    return torch.cat(tensors)


def background_last(tensor: Tensor) -> Tensor:
    """Move row 0 behind the others."""
    return tensor.roll(-1, dims=0)


def start_last(tensor: Tensor) -> Tensor:
    """Reorder rows (start, background, classes) to (classes, background, start)."""
    return torch.cat([tensor[2:], tensor[1:2], tensor[:1]])


def prior_table(tensor: Tensor) -> Tensor:
    """Reshape (K * K, R+1), subject class first, to (K, K, R+1)."""
    num_classes = round(len(tensor) ** 0.5)
    return tensor.view(num_classes, num_classes, -1).roll((-1, -1), dims=(0, 1))


def class_nodes(tensor: Tensor) -> Tensor:
    """Reorder rows and blocks of columns of (K, K * H), logits from nodes."""
    num_classes = len(tensor)
    nodes = tensor.view(num_classes, num_classes, -1).roll((-1, -1), dims=(0, 1))
    return nodes.flatten(1)


def square(tensor: Tensor) -> Tensor:
    """Reorder both axes of (K, K)."""
    return tensor.roll((-1, -1), dims=(0, 1))


def class_deltas(tensor: Tensor) -> Tensor:
    """Drop the background of deltas (K * 4, ...) and scale them."""
    deltas = tensor[4:].unflatten(0, (-1, 4))
    stds = tensor.new_tensor(DELTA_STDS).view(4, *[1] * (tensor.dim() - 1))
    return (deltas / stds).flatten(0, 1)


def anchor_scores(tensor: Tensor) -> Tensor:
    """Convert two logits (A * 6, ...) to one: softmax to sigmoid of the difference."""
    outputs = tensor.unflatten(0, (-1, 6))  # background, object, deltas
    return outputs[:, 1] - outputs[:, 0]


def anchor_deltas(tensor: Tensor) -> Tensor:
    """Select the deltas (A * 4, ...) of (A * 6, ...)."""
    return tensor.unflatten(0, (-1, 6))[:, 2:].flatten(0, 1)


# Rules, and the functions that make them: names side by side.
# fmt: off
def layer(target: str, *sources: str,
          weight: Callable = same, bias: Callable = same) -> dict[str, Rule]:
    """Make the rules of a layer's weight and bias."""
    return {f'{target}.{name}': (change, tuple(f'{s}.{name}' for s in sources))
            for name, change in (('weight', weight), ('bias', bias))}


def class_layer(target: str, source: str) -> dict[str, Rule]:
    """Make the rules of a layer that computes class logits."""
    return layer(target, source, weight=background_last, bias=background_last)


def norm(target: str, source: str) -> dict[str, Rule]:
    """Make the rules of a batch normalisation."""
    return {f'{target}.{name}': (same, (f'{source}.{name}', ))
            for name in ('weight', 'bias', 'running_mean', 'running_var',
                         'num_batches_tracked')}


def relational_embedding(target: str, source: str,
                         last: Callable = layer) -> dict[str, Rule]:
    names = dict(query='W', key='U', value='H', fc_residual='fc0')
    return {
        **{key: rule for own, name in names.items()
           for key, rule in layer(f'{target}.{own}', f'{source}.{name}').items()
           },
        **last(f'{target}.fc_out', f'{source}.fc1')
    }


def gates(target: str, source: str, second: int = 3) -> dict[str, Rule]:
    """Make the rules of the state weights of KERN's two gates.

    Both official repositories use the first gate's weights (equation 3) also for
    the second gate; those of equation 4 were never trained.
    """
    return layer(f'{target}.unit.fc_gates', f'{source}.fc_eq3_u',
                 f'{source}.fc_eq{second}_u', weight=stacked, bias=stacked)


def gated_graph(target: str, source: str) -> dict[str, Rule]:
    return {
        **layer(f'{target}.unit.fc_message', *(
            f'{source}.fc_eq{i}_w' for i in (3, 4, 5)),
            weight=stacked, bias=stacked),
        **gates(target, source),
        **layer(f'{target}.unit.fc_candidate', f'{source}.fc_eq5_u'),
        **layer(f'{target}.readout.fc', f'{source}.fc_output'),
    }


VISION = {
    **layer('fc_head.classifier.0', 'roi_fmap_obj.0'),
    **layer('fc_head.classifier.3', 'roi_fmap_obj.3'),
    **layer('pair_features.fc_head.classifier.0', 'roi_fmap.1.0'),
    **layer('pair_features.fc_head.classifier.3', 'roi_fmap.1.3'),
    **layer('pair_features.mask_encoder.0', 'union_boxes.conv.0'),
    **norm('pair_features.mask_encoder.2', 'union_boxes.conv.2'),
    **layer('pair_features.mask_encoder.4', 'union_boxes.conv.4'),
    **norm('pair_features.mask_encoder.6', 'union_boxes.conv.6'),
}
EMBEDDINGS = {
    'object_embedding.weight': (
        background_last, ('context.obj_embed.weight', )),
    'label_embedding.weight': (
        background_last, ('context.obj_embed2.weight', )),
    'frequency_prior.table': (
        prior_table, ('freq_bias.obj_baseline.weight', )),
    **layer('fc_predicate', 'rel_compress'),
}
OBJECT_GRAPH = 'object_graph', 'ggnn_obj_reason.ggnn_obj'
PAIR_GRAPH = 'pair_graph', 'ggnn_rel_reason.ggnn_rel'
SEPARATE_GATES = {**gates(*OBJECT_GRAPH, second=4),
                  **gates(*PAIR_GRAPH, second=4)}
RULES = {
    'motifnet': {
        **VISION, **EMBEDDINGS,
        **norm('position.layers.0', 'context.pos_embed.0'),
        **layer('position.layers.1', 'context.pos_embed.1'),
        'decoder.label_embedding.weight': (
            start_last, ('context.decoder_rnn.obj_embed.weight', )),
        **layer('decoder.input_projection',
                'context.decoder_rnn.input_linearity'),
        **layer('decoder.state_projection',
                'context.decoder_rnn.state_linearity'),
        **class_layer('decoder.fc_label', 'context.decoder_rnn.out'),
        **layer('fc_roles', 'post_lstm'),
        **layer('object_lstm', 'context.obj_ctx_rnn'),  # packed in a flat tensor
        **layer('edge_lstm', 'context.edge_ctx_rnn'),
    },
    'linknet': {
        **VISION, **EMBEDDINGS,
        **norm('layout.layers.0', 'pos_embed.0'),
        **layer('layout.layers.1', 'pos_embed.1'),
        **class_layer('image_classifier', 'GCE.multi_score_fc'),
        **relational_embedding('object_context', 'context.RE1'),
        **relational_embedding('object_classifier', 'context.RE2', class_layer),
        **relational_embedding('edge_context', 'context.RE3'),
        **relational_embedding('edge_roles', 'context.RE4'),
    },
    'kern': {
        **VISION,
        **layer('fc_object', 'ggnn_obj_reason.obj_proj'),
        **gated_graph(*OBJECT_GRAPH),
        **layer('object_graph.classifier',
                'ggnn_obj_reason.ggnn_obj.fc_obj_cls',
                weight=class_nodes, bias=background_last),
        'object_cooccurrence': (square, ('ggnn_obj_reason.ggnn_obj.matrix', )),
        **layer('fc_role', 'ggnn_rel_reason.obj_proj'),
        **layer('fc_pair', 'ggnn_rel_reason.rel_proj'),
        **gated_graph(*PAIR_GRAPH),
        **layer('fc_predicate', 'ggnn_rel_reason.ggnn_rel.fc_rel_cls'),
    },
}
DETECTOR = {
    **{key: rule for i in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
       for key, rule in layer(f'backbone.features.{i}',
                              f'detector.features.{i}').items()},
    **layer('roi_head.bbox_head.fc_head.classifier.0', 'detector.roi_fmap.0'),
    **layer('roi_head.bbox_head.fc_head.classifier.3', 'detector.roi_fmap.3'),
    **class_layer('roi_head.bbox_head.fc_cls', 'detector.score_fc'),
    **layer('roi_head.bbox_head.fc_reg', 'detector.bbox_fc',
            weight=class_deltas, bias=class_deltas),
    **layer('rpn_head.rpn_conv', 'detector.rpn_head.conv.0'),
    **layer('rpn_head.rpn_cls', 'detector.rpn_head.conv.2',
            weight=anchor_scores, bias=anchor_scores),
    **layer('rpn_head.rpn_reg', 'detector.rpn_head.conv.2',
            weight=anchor_deltas, bias=anchor_deltas),
}
# Old versions of PyTorch did not count batches; KERN saves its matrix only after
# training on several GPUs.
OPTIONAL = ('.num_batches_tracked', '.matrix')
# fmt: on


def unpack_highway_lstm(
    weight: Tensor, bias: Tensor, input_size: int, hidden_size: int
) -> list[dict[str, Tensor]]:
    """Unpack the flat weights of a highway LSTM into layers.

    Per layer: input weights (input, 6 * hidden), then state weights
    (hidden, 5 * hidden), with the gates i, f, c, o, r and, for the input, the
    highway; 5 * hidden biases.

    Args:
        weight: Flat weights.
        bias: Flat biases.
        input_size: Inputs of the first layer.
        hidden_size: Units per layer.

    Raises:
        ValueError: If the numbers of weights do not fit.
    """
    layers, start = [], 0
    for number in range(len(bias) // (5 * hidden_size)):
        rows = hidden_size if number else input_size
        sizes = rows * 6 * hidden_size, hidden_size * 5 * hidden_size
        if start + sum(sizes) > len(weight):
            break
        inputs, states = weight[start : start + sum(sizes)].split(sizes)
        start += sum(sizes)
        layers.append(
            {
                'input_projection.weight': inputs.view(rows, -1).t().contiguous(),
                'state_projection.weight': states.view(hidden_size, -1).t().contiguous(),
                'state_projection.bias': bias.view(-1, 5 * hidden_size)[number],
            }
        )
    if start != len(weight) or len(layers) * 5 * hidden_size != len(bias):
        raise ValueError(
            f'{len(weight)} weights and {len(bias)} biases do not make '
            f'layers of {input_size} inputs and {hidden_size} units'
        )
    return layers


def unpack_lstms(head: dict[str, Tensor]) -> None:
    """Replace the flat weights of MotifNet's encoders by weights of layers.

    Raises:
        ValueError: If decoder or edges have other inputs than the context.
    """
    hidden = head['decoder.fc_label.weight'].shape[1]
    width = hidden + head['decoder.label_embedding.weight'].shape[1]
    found = head['decoder.input_projection.weight'].shape[1]
    if found != width:
        raise ValueError(
            f'context.decoder_rnn has {found} inputs, but only {width} are '
            'supported: it was trained with -pass_in_obj_feats_to_decoder'
        )
    embedding = head['object_embedding.weight'].shape[1]
    inputs = dict(
        object_lstm=len(head['fc_head.classifier.3.bias'])
        + embedding
        + len(head['position.layers.1.bias']),
        edge_lstm=embedding + hidden,
    )
    for name, size in inputs.items():
        packed = head.pop(f'{name}.weight'), head.pop(f'{name}.bias')
        try:
            layers = unpack_highway_lstm(*packed, size, hidden)
        except ValueError as error:
            raise ValueError(
                f'{name}: {error}; was it trained with -pass_in_obj_feats_to_edge?'
            ) from error
        for i, weights in enumerate(layers):
            for key, value in weights.items():
                head[f'{name}.layers.{i}.{key}'] = value


def apply_rules(rules: dict[str, Rule], state: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Make tensors by rules.

    Raises:
        ValueError: If tensors are missing.
    """
    made, missing = {}, set()
    for target, (change, sources) in rules.items():
        lacking = [source for source in sources if source not in state]
        if not lacking:
            made[target] = change(*(state[source] for source in sources))
        elif target.endswith('.num_batches_tracked'):
            made[target] = torch.tensor(0)
        missing.update(s for s in lacking if not s.endswith(OPTIONAL))
    if missing:
        raise ValueError(
            f'not a checkpoint of {kind}: it lacks '
            f'{", ".join(sorted(missing))}; it has '
            f'{", ".join(sorted(state)[:5]) or "nothing"} ...'
        )
    return made


def convert(
    state: dict[str, Tensor], kind: str, separate_gates: bool = False
) -> tuple[dict, list[str]]:
    """Convert a reference's state dict.

    Args:
        state: State dict of the reference, with or without detector.
        kind: ``'motifnet'``, ``'linknet'`` or ``'kern'``.
        separate_gates: KERN only: give the second gate its own weights. The
            official code uses the same matrix for both, so that its files hold an
            untrained second matrix. Defaults to False.

    Returns:
        tuple[dict, list[str]]: Weights of the parser, and the keys that were
        not mapped. ``has_priors`` is among the weights if they include all
        statistics of a training set.

    Raises:
        ValueError: If the state dict is of another model.
    """
    # a model may be saved inside its data-parallel wrapper
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    rules = {**RULES[kind], **(SEPARATE_GATES if separate_gates else {})}
    of_kind = f'{kind} on VGG16'
    head = apply_rules(rules, state, of_kind)
    if kind == 'motifnet':
        unpack_lstms(head)
    weights = {f'relation_head.{key}': value for key, value in head.items()}
    if any(key.startswith('detector.') for key in state):
        made = apply_rules(DETECTOR, state, of_kind)
        weights.update({f'detector.{key}': value for key, value in made.items()})
        rules = {**rules, **DETECTOR}
    if kind != 'kern':  # KERN has its co-occurrences in other files
        weights['has_priors'] = torch.tensor(1.0)
    used = {source for _, sources in rules.values() for source in sources}
    return weights, sorted(state.keys() - used)
