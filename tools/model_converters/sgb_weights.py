"""Rename the weights of Scene-Graph-Benchmark to those of MMSGP.

The names were read off the code of the repository KaihuaTang/Scene-Graph-Benchmark.pytorch
(commit 0482dae) and of its maskrcnn-benchmark; no published file was at hand to compare.
Classes count from the background there, which is the last class in MMSGP.

Shape shorthand: K classes with background, H hidden units.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from reference_weights import (
    Rule,
    apply_rules,
    background_last,
    class_layer,
    layer,
    norm,
    prior_table,
    same,
    stacked,
    start_last,
)
from torch import Tensor

PREDICTOR = 'roi_heads.relation.predictor'
CONTEXT = f'{PREDICTOR}.context_layer'
UNIONS = 'roi_heads.relation.union_feature_extractor'
# Gates of the trees' LSTMs there, in the order of TreeLSTMCell: i, o, r, u, then forget.
GATES = {'up': (0, 1, 5, 4, 2, 3), 'down': (0, 1, 4, 3, 2)}
# What holds nothing that is learnt, or the same tensor a second time. Averages for causal
# predictors are saved with others, too.
IDLE = re.compile(
    r'\.num_batches_tracked$|^rpn\.anchor_generator\.|\.decoderLSTM\.embed_(out_)?layer\.'
    r'|\.context_layer\.untreated_(dcd|obj|edg)_feat$'
)


def without_background(tensor: Tensor) -> Tensor:
    """Drop the four deltas of the background; they are scaled as MMDetection's."""
    return tensor[4:]


def as_linear(tensor: Tensor) -> Tensor:
    """Turn the weight of a convolution over single places into that of a linear layer."""
    return tensor.flatten(1)


def class_table(tensor: Tensor) -> Tensor:
    """Reshape (1, K * K) to (K, K), background last."""
    side = round(tensor.numel() ** 0.5)
    return tensor.view(side, side).roll((-1, -1), dims=(0, 1))


def in_order(gates: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    """Make a function that orders the blocks of a tensor, one block per gate."""

    def change(tensor: Tensor) -> Tensor:
        blocks = tensor.chunk(len(gates))
        return torch.cat([blocks[gate] for gate in gates])

    return change


def tree_cell(target: str, source: str, way: str) -> dict[str, Rule]:
    """Make the rules of a tree's LSTM: all biases of a gate become one."""
    prefix = 'ioffu' if way == 'up' else 'iofu'
    states = [f'{prefix}h_left', f'{prefix}h_right'] if way == 'up' else [f'{prefix}h']
    order = in_order(GATES[way])

    def weights(inputs: Tensor, highway: Tensor) -> Tensor:
        return torch.cat([order(inputs), highway])

    def biases(highway: Tensor, *gates: Tensor) -> Tensor:
        return torch.cat([order(sum(gates)), highway])

    inputs = f'{source}.{prefix}x', f'{source}.px'
    return {
        f'{target}.input_projection.weight': (weights, tuple(f'{name}.weight' for name in inputs)),
        f'{target}.input_projection.bias': (
            biases,
            (
                f'{source}.px.bias',
                f'{source}.{prefix}x.bias',
                *(f'{source}.{name}.bias' for name in states),
            ),
        ),
        **{
            f'{target}.state_projections.{i}.weight': (order, (f'{source}.{name}.weight',))
            for i, name in enumerate(states)
        },
    }


def tree(target: str, source: str) -> dict[str, Rule]:
    """Make the rules of LSTMs in both directions."""
    both = f'{source}.multi_layer_lstm.0.treeLSTM'
    return {
        **tree_cell(f'{target}.up', f'{both}_foreward.treeLSTM', 'up'),
        **tree_cell(f'{target}.down', f'{both}_backward.treeLSTM', 'down'),
    }


def encoder_layer(target: str, source: str) -> dict[str, Rule]:
    """Make the rules of a layer of self-attention."""

    projections = [f'{source}.slf_attn.w_{name}s' for name in 'qkv']
    return {
        **{
            f'{target}.self_attn.attn.in_proj_{kind}': (
                stacked,
                tuple(f'{name}.{kind}' for name in projections),
            )
            for kind in ('weight', 'bias')
        },
        **layer(f'{target}.self_attn.attn.out_proj', f'{source}.slf_attn.fc'),
        **layer(f'{target}.norms.0', f'{source}.slf_attn.layer_norm'),
        **layer(f'{target}.ffn.layers.0.0', f'{source}.pos_ffn.w_1', weight=as_linear),
        **layer(f'{target}.ffn.layers.1', f'{source}.pos_ffn.w_2', weight=as_linear),
        **layer(f'{target}.norms.1', f'{source}.pos_ffn.layer_norm'),
    }


VISION = {
    **layer('fc_head.classifier.0', 'roi_heads.relation.box_feature_extractor.fc6'),
    **layer('fc_head.classifier.3', 'roi_heads.relation.box_feature_extractor.fc7'),
    **layer('pair_features.fc_head.classifier.0', f'{UNIONS}.feature_extractor.fc6'),
    **layer('pair_features.fc_head.classifier.3', f'{UNIONS}.feature_extractor.fc7'),
    **layer('pair_features.reduce.0', f'{UNIONS}.feature_extractor.pooler.reduce_channel.0'),
    **layer('pair_features.mask_encoder.0', f'{UNIONS}.rect_conv.0'),
    **norm('pair_features.mask_encoder.2', f'{UNIONS}.rect_conv.2'),
    **layer('pair_features.mask_encoder.4', f'{UNIONS}.rect_conv.4'),
    **norm('pair_features.mask_encoder.6', f'{UNIONS}.rect_conv.6'),
}
GATED = {
    'object_embedding.weight': (background_last, (f'{CONTEXT}.obj_embed1.weight',)),
    'label_embedding.weight': (background_last, (f'{CONTEXT}.obj_embed2.weight',)),
    'frequency_prior.table': (prior_table, (f'{PREDICTOR}.freq_bias.obj_baseline.weight',)),
    **layer('fc_gate', f'{PREDICTOR}.post_cat'),
}
IMP = {
    **layer('fc_predicate', f'{CONTEXT}.rel_fc'),
    **class_layer('fc_label', f'{CONTEXT}.obj_fc'),
    **layer('fc_object', f'{CONTEXT}.obj_unary'),
    **layer('fc_pair', f'{CONTEXT}.edge_unary'),
    **{
        f'{unit}_unit.{part}': (same, (f'{CONTEXT}.{name}_gru.{part}',))
        for unit, name in (('pair', 'edge'), ('object', 'node'))
        for part in ('weight_ih', 'weight_hh', 'bias_ih', 'bias_hh')
    },
    **{
        key: rule
        for i, name in enumerate(('sub_vert', 'obj_vert', 'out_edge', 'in_edge'))
        for key, rule in layer(f'gates.{i}', f'{CONTEXT}.{name}_w_fc.0').items()
    },
}
VCTREE = {
    **GATED,
    **layer('fc_roles.0', f'{PREDICTOR}.post_emb'),
    **layer('fc_predicate.parts.0', f'{PREDICTOR}.ctx_compress'),
    **layer('position.0', f'{CONTEXT}.pos_embed.0'),
    **norm('position.1', f'{CONTEXT}.pos_embed.1'),
    **layer('position.2', f'{CONTEXT}.pos_embed.2'),
    **layer('scorer_of_pairs.fc_box.0', f'{CONTEXT}.box_embed.0'),
    **norm('scorer_of_pairs.fc_box.1', f'{CONTEXT}.box_embed.1'),
    **layer('scorer_of_pairs.fc_overlap.0', f'{CONTEXT}.overlap_embed.0'),
    **norm('scorer_of_pairs.fc_overlap.1', f'{CONTEXT}.overlap_embed.1'),
    **layer('scorer_of_pairs.fc_visual', f'{CONTEXT}.obj_reduce'),
    **layer('scorer_of_pairs.fc_class', f'{CONTEXT}.emb_reduce'),
    **layer('scorer_of_pairs.fc_joint.0', f'{CONTEXT}.score_pre'),
    **layer('scorer_of_pairs.fc_subject.0', f'{CONTEXT}.score_sub'),
    **layer('scorer_of_pairs.fc_object.0', f'{CONTEXT}.score_obj'),
    **layer('scorer_of_pairs.fc_score', f'{CONTEXT}.vision_prior'),
    'scorer_of_pairs.cooccurrence.weight': (class_table, (f'{CONTEXT}.bi_freq_prior.weight',)),
    **tree('object_tree', f'{CONTEXT}.obj_ctx_rnn'),
    **tree('edge_tree', f'{CONTEXT}.edge_ctx_rnn'),
    'decoder.label_embedding.weight': (start_last, (f'{CONTEXT}.decoder_rnn.obj_embed.weight',)),
    **class_layer('decoder.fc_label', f'{CONTEXT}.decoder_rnn.out'),
    **tree_cell('decoder.cell', f'{CONTEXT}.decoder_rnn.decoderLSTM', 'down'),
}


def motifs(state: dict[str, Tensor]) -> dict[str, Rule]:
    """Make the rules of Motifs, for as many layers of its LSTMs as a state has."""
    decoder = f'{CONTEXT}.decoder_rnn'
    rules = {
        **GATED,
        **layer('fc_roles', f'{PREDICTOR}.post_emb'),
        **layer('fc_predicate.parts.0', f'{PREDICTOR}.rel_compress'),
        **layer('position.0', f'{CONTEXT}.pos_embed.0'),
        **norm('position.1', f'{CONTEXT}.pos_embed.1'),
        **layer('position.2', f'{CONTEXT}.pos_embed.2'),
        **layer('object_lstm.fc', f'{CONTEXT}.lin_obj_h'),
        **layer('edge_lstm.fc', f'{CONTEXT}.lin_edge_h'),
        'decoder.label_embedding.weight': (start_last, (f'{decoder}.obj_embed.weight',)),
        **layer('decoder.input_projection', f'{decoder}.input_linearity'),
        **layer('decoder.state_projection', f'{decoder}.state_linearity'),
        **class_layer('decoder.fc_label', f'{decoder}.out_obj'),
    }
    for own, name in (('object_lstm', 'obj_ctx_rnn'), ('edge_lstm', 'edge_ctx_rnn')):
        prefix = f'{CONTEXT}.{name}.'
        parts = [key.removeprefix(prefix) for key in state if key.startswith(prefix)]
        rules.update({f'{own}.lstm.{part}': (same, (f'{prefix}{part}',)) for part in parts})
    return rules


def transformer(state: dict[str, Tensor]) -> dict[str, Rule]:
    """Make the rules of the Transformer, for as many layers as a state has."""
    rules = {
        **GATED,
        **layer('fc_roles', f'{PREDICTOR}.post_emb'),
        **layer('fc_predicate.parts.0', f'{PREDICTOR}.rel_compress'),
        **layer('fc_predicate.parts.1', f'{PREDICTOR}.ctx_compress'),
        **layer('position.0', f'{CONTEXT}.bbox_embed.0'),
        **layer('position.3', f'{CONTEXT}.bbox_embed.3'),
        **layer('fc_object', f'{CONTEXT}.lin_obj'),
        **layer('fc_edge', f'{CONTEXT}.lin_edge'),
        **class_layer('fc_label', f'{CONTEXT}.out_obj'),
    }
    for own, name in (('object_encoder', 'context_obj'), ('edge_encoder', 'context_edge')):
        for i in range(count_layers(state, name)):
            source = f'{CONTEXT}.{name}.layer_stack.{i}'
            rules.update(encoder_layer(f'{own}.layers.{i}', source))
    return rules


def count_layers(state: dict[str, Tensor], name: str) -> int:
    """Count the layers of the Transformer's encoder of this name."""
    pattern = re.compile(rf'{re.escape(CONTEXT)}\.{name}\.layer_stack\.\d+\.slf_attn\.fc\.bias')
    return sum(bool(pattern.fullmatch(key)) for key in state)


def detector(state: dict[str, Tensor]) -> dict[str, Rule]:
    """Make the rules of Faster R-CNN on a ResNe(X)t with FPN, for the blocks of a state."""
    body = re.compile(r'backbone\.body\.(?:stem\.)?(.+)\.(weight|bias|running_mean|running_var)')
    rules = {}
    for key in state:
        match = body.fullmatch(key)
        if match:
            target = f'backbone.{match[1]}'
            rules[f'{target}.{match[2]}'] = (same, (key,))
            if match[2] == 'running_var':
                counter = f'{key.rpartition(".")[0]}.num_batches_tracked'
                rules[f'{target}.num_batches_tracked'] = (same, (counter,))
    for i in range(4):
        rules.update(layer(f'neck.lateral_convs.{i}.conv', f'backbone.fpn.fpn_inner{i + 1}'))
        rules.update(layer(f'neck.fpn_convs.{i}.conv', f'backbone.fpn.fpn_layer{i + 1}'))
    head = 'roi_head.bbox_head'
    return {
        **rules,
        **layer('rpn_head.rpn_conv', 'rpn.head.conv'),
        **layer('rpn_head.rpn_cls', 'rpn.head.cls_logits'),
        **layer('rpn_head.rpn_reg', 'rpn.head.bbox_pred'),
        **layer(f'{head}.fc_head.classifier.0', 'roi_heads.box.feature_extractor.fc6'),
        **layer(f'{head}.fc_head.classifier.3', 'roi_heads.box.feature_extractor.fc7'),
        **class_layer(f'{head}.fc_cls', 'roi_heads.box.predictor.cls_score'),
        **layer(
            f'{head}.fc_reg',
            'roi_heads.box.predictor.bbox_pred',
            weight=without_background,
            bias=without_background,
        ),
    }


KINDS = ('detector', 'motifs', 'transformer', 'imp', 'vctree')
# Makers of the rules of a relation head.
HEADS = dict(
    motifs=motifs, transformer=transformer, imp=lambda state: IMP, vctree=lambda state: VCTREE
)


def convert(state: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Convert a state dict.

    Args:
        state: State dict of Scene-Graph-Benchmark.
        kind: One of :data:`KINDS`.

    Returns:
        dict: Weights of a detector, or else of a parser with all its statistics.

    Raises:
        ValueError: If tensors are missing, or have no place in MMSGP.
    """
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    of_detector = detector(state)
    weights = apply_rules(of_detector, state, f'{kind} of Scene-Graph-Benchmark')
    used = {source for _, sources in of_detector.values() for source in sources}
    if kind != 'detector':
        weights = {f'detector.{key}': value for key, value in weights.items()}
        rules = {**VISION, **HEADS[kind](state)}
        head = apply_rules(rules, state, f'{kind} of Scene-Graph-Benchmark')
        if kind in ('motifs', 'vctree'):  # their roles have no classifier of their own
            gate = head['fc_gate.weight']  # (d_o, 2 * H)
            predicates = len(head['fc_predicate.parts.0.bias'])
            head['fc_predicate.parts.1.weight'] = gate.new_zeros(predicates, gate.shape[1])
            head['fc_predicate.parts.1.bias'] = gate.new_zeros(predicates)
        weights.update({f'relation_head.{key}': value for key, value in head.items()})
        weights['has_priors'] = torch.tensor(1.0)
        used |= {source for _, sources in rules.values() for source in sources}
    left = [key for key in sorted(state.keys() - used) if not IDLE.search(key)]
    if left:
        raise ValueError(
            f'MMSGP has no place for {len(left)} tensors of a {kind}: {", ".join(left[:8])}'
            f'{" ..." if len(left) > 8 else ""}'
        )
    return weights
