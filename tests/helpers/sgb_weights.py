"""Small state dicts as Scene-Graph-Benchmark saves them, for tests.

Names and shapes are written down from its code, not taken from what reads them. The
background is class 0.

Shape shorthand: K object classes with background, Q predicates with unknown, H hidden
units, D features of a region (4096 there), F channels of a feature map.
"""

from __future__ import annotations

import torch
from torch import Tensor

K, Q, H, D, F, E = 6, 5, 16, 32, 256, 200
INNER = 24  # of the Transformer's feed-forward layers
Shape = tuple[int, ...]
PREDICTOR = 'roi_heads.relation.predictor'
CONTEXT = f'{PREDICTOR}.context_layer'


def _fc(name: str, outputs: int, *inputs: int) -> dict[str, Shape]:
    return {f'{name}.weight': (outputs, *inputs), f'{name}.bias': (outputs,)}


def _norm(name: str, size: int, counted: bool = True) -> dict[str, Shape]:
    shapes = {
        f'{name}.{part}': (size,) for part in ('weight', 'bias', 'running_mean', 'running_var')
    }
    return {**shapes, **({f'{name}.num_batches_tracked': ()} if counted else {})}


def _detector() -> dict[str, Shape]:
    """ResNeXt-50 with four groups of width 4, with FPN; its norms are frozen."""
    body = 'backbone.body'
    shapes = {
        f'{body}.stem.conv1.weight': (64, 3, 7, 7),
        **_norm(f'{body}.stem.bn1', 64, counted=False),
    }
    before = 64
    for stage, blocks in enumerate((3, 4, 6, 3), 1):
        width, outputs = 16 * 2 ** (stage - 1), 256 * 2 ** (stage - 1)
        for block in range(blocks):
            name = f'{body}.layer{stage}.{block}'
            if block == 0:
                shapes[f'{name}.downsample.0.weight'] = (outputs, before, 1, 1)
                shapes.update(_norm(f'{name}.downsample.1', outputs, counted=False))
            for i, shape in enumerate(
                [(width, before, 1, 1), (width, width // 4, 3, 3), (outputs, width, 1, 1)], 1
            ):
                shapes[f'{name}.conv{i}.weight'] = shape
                shapes.update(_norm(f'{name}.bn{i}', shape[0], counted=False))
            before = outputs
        shapes.update(_fc(f'backbone.fpn.fpn_inner{stage}', F, outputs, 1, 1))
        shapes.update(_fc(f'backbone.fpn.fpn_layer{stage}', F, F, 3, 3))
    return {
        **shapes,
        **{f'rpn.anchor_generator.cell_anchors.{i}': (4, 4) for i in range(5)},
        **_fc('rpn.head.conv', F, F, 3, 3),
        **_fc('rpn.head.cls_logits', 4, F, 1, 1),
        **_fc('rpn.head.bbox_pred', 16, F, 1, 1),
        **_fc('roi_heads.box.feature_extractor.fc6', D, F * 49),
        **_fc('roi_heads.box.feature_extractor.fc7', D, D),
        **_fc('roi_heads.box.predictor.cls_score', K, D),
        **_fc('roi_heads.box.predictor.bbox_pred', K * 4, D),
    }


def _vision() -> dict[str, Shape]:
    unions = 'roi_heads.relation.union_feature_extractor'
    return {
        **_fc('roi_heads.relation.box_feature_extractor.fc6', D, F * 49),
        **_fc('roi_heads.relation.box_feature_extractor.fc7', D, D),
        **_fc(f'{unions}.feature_extractor.pooler.reduce_channel.0', F, 4 * F, 3, 3),
        **_fc(f'{unions}.feature_extractor.fc6', D, F * 49),
        **_fc(f'{unions}.feature_extractor.fc7', D, D),
        **_fc(f'{unions}.rect_conv.0', F // 2, 2, 7, 7),
        **_norm(f'{unions}.rect_conv.2', F // 2),
        **_fc(f'{unions}.rect_conv.4', F, F // 2, 3, 3),
        **_norm(f'{unions}.rect_conv.6', F),
    }


def _gated() -> dict[str, Shape]:
    return {
        f'{CONTEXT}.obj_embed1.weight': (K, E),
        f'{CONTEXT}.obj_embed2.weight': (K, E),
        **_fc(f'{PREDICTOR}.post_emb', 2 * H, H),
        **_fc(f'{PREDICTOR}.post_cat', D, 2 * H),
        f'{PREDICTOR}.freq_bias.obj_baseline.weight': (K * K, Q),
    }


def _transformer() -> dict[str, Shape]:
    shapes = {
        **_gated(),
        **_fc(f'{PREDICTOR}.rel_compress', Q, D),
        **_fc(f'{PREDICTOR}.ctx_compress', Q, 2 * H),
        **_fc(f'{CONTEXT}.bbox_embed.0', 32, 9),
        **_fc(f'{CONTEXT}.bbox_embed.3', 128, 32),
        **_fc(f'{CONTEXT}.lin_obj', H, D + E + 128),
        **_fc(f'{CONTEXT}.lin_edge', H, E + H + D),
        **_fc(f'{CONTEXT}.out_obj', K, H),
    }
    for name, layers in (('context_obj', 2), ('context_edge', 1)):
        for i in range(layers):
            layer = f'{CONTEXT}.{name}.layer_stack.{i}'
            for part in ('w_qs', 'w_ks', 'w_vs', 'fc'):
                shapes.update(_fc(f'{layer}.slf_attn.{part}', H, H))
            shapes.update(_fc(f'{layer}.pos_ffn.w_1', INNER, H, 1))
            shapes.update(_fc(f'{layer}.pos_ffn.w_2', H, INNER, 1))
            for part in ('slf_attn', 'pos_ffn'):
                shapes.update(_fc(f'{layer}.{part}.layer_norm', H))
    return shapes


def _imp() -> dict[str, Shape]:
    shapes = {
        **_fc(f'{CONTEXT}.rel_fc', Q, H),
        **_fc(f'{CONTEXT}.obj_fc', K, H),
        **_fc(f'{CONTEXT}.obj_unary', H, D),
        **_fc(f'{CONTEXT}.edge_unary', H, D),
    }
    for name in ('edge', 'node'):
        for part in ('ih', 'hh'):
            shapes[f'{CONTEXT}.{name}_gru.weight_{part}'] = (3 * H, H)
            shapes[f'{CONTEXT}.{name}_gru.bias_{part}'] = (3 * H,)
    for name in ('sub_vert', 'obj_vert', 'out_edge', 'in_edge'):
        shapes.update(_fc(f'{CONTEXT}.{name}_w_fc.0', 1, 2 * H))
    return shapes


def _tree_up(name: str, inputs: int, hidden: int) -> dict[str, Shape]:
    return {
        **_fc(f'{name}.px', hidden, inputs),
        **_fc(f'{name}.ioffux', 6 * hidden, inputs),
        **_fc(f'{name}.ioffuh_left', 6 * hidden, hidden),
        **_fc(f'{name}.ioffuh_right', 6 * hidden, hidden),
    }


def _tree_down(name: str, inputs: int, hidden: int) -> dict[str, Shape]:
    return {
        **_fc(f'{name}.px', hidden, inputs),
        **_fc(f'{name}.iofux', 5 * hidden, inputs),
        **_fc(f'{name}.iofuh', 5 * hidden, hidden),
    }


def _vctree() -> dict[str, Shape]:
    shapes = {
        **_gated(),
        **_fc(f'{PREDICTOR}.ctx_compress', Q, D),
        **_fc(f'{CONTEXT}.pos_embed.0', 32, 9),
        **_norm(f'{CONTEXT}.pos_embed.1', 32),
        **_fc(f'{CONTEXT}.pos_embed.2', 128, 32),
        **_fc(f'{CONTEXT}.overlap_embed.0', 128, 6),
        **_norm(f'{CONTEXT}.overlap_embed.1', 128),
        **_fc(f'{CONTEXT}.box_embed.0', 128, 9),
        **_norm(f'{CONTEXT}.box_embed.1', 128),
        f'{CONTEXT}.bi_freq_prior.weight': (1, K * K),
        **_fc(f'{CONTEXT}.obj_reduce', 128, D),
        **_fc(f'{CONTEXT}.emb_reduce', 128, E),
        **_fc(f'{CONTEXT}.score_pre', H, 512),
        **_fc(f'{CONTEXT}.score_sub', H, H),
        **_fc(f'{CONTEXT}.score_obj', H, H),
        **_fc(f'{CONTEXT}.vision_prior', 1, 3 * H + 1),
        f'{CONTEXT}.decoder_rnn.obj_embed.weight': (K + 1, E),
        **_fc(f'{CONTEXT}.decoder_rnn.out', K, H),
    }
    decoder = f'{CONTEXT}.decoder_rnn.decoderLSTM'
    shapes.update(_tree_down(decoder, H + D + E + 128 + E, H))
    shapes[f'{decoder}.embed_layer.weight'] = (K + 1, E)  # the same tensors again
    shapes.update(_fc(f'{decoder}.embed_out_layer', K, H))
    for name, inputs in (('obj_ctx_rnn', D + E + 128), ('edge_ctx_rnn', E + H + D)):
        tree = f'{CONTEXT}.{name}.multi_layer_lstm.0.treeLSTM'
        shapes.update(_tree_up(f'{tree}_foreward.treeLSTM', inputs, H // 2))
        shapes.update(_tree_down(f'{tree}_backward.treeLSTM', inputs, H // 2))
    return shapes


def _motifs() -> dict[str, Shape]:
    decoder = f'{CONTEXT}.decoder_rnn'
    shapes = {
        **_gated(),
        **_fc(f'{PREDICTOR}.rel_compress', Q, D),
        **_fc(f'{CONTEXT}.pos_embed.0', 32, 9),
        **_norm(f'{CONTEXT}.pos_embed.1', 32),
        **_fc(f'{CONTEXT}.pos_embed.2', 128, 32),
        f'{decoder}.obj_embed.weight': (K + 1, E),
        **_fc(f'{decoder}.input_linearity', 6 * H, H + D + E + 128 + E),
        **_fc(f'{decoder}.state_linearity', 5 * H, H),
        **_fc(f'{decoder}.out_obj', K, H),
        **_fc(f'{CONTEXT}.lin_obj_h', H, 2 * H),
        **_fc(f'{CONTEXT}.lin_edge_h', H, 2 * H),
        # of causal predictors, but saved with others, too
        f'{CONTEXT}.untreated_dcd_feat': (H + D + E + 128,),
        f'{CONTEXT}.untreated_obj_feat': (D + E + 128,),
        f'{CONTEXT}.untreated_edg_feat': (E + D,),
    }
    for name, inputs, layers in (
        ('obj_ctx_rnn', D + E + 128, 1),
        ('edge_ctx_rnn', E + H + D, 2),
    ):
        for number in range(layers):
            for end in (f'l{number}', f'l{number}_reverse'):
                shapes[f'{CONTEXT}.{name}.weight_ih_{end}'] = (4 * H, 2 * H if number else inputs)
                shapes[f'{CONTEXT}.{name}.weight_hh_{end}'] = (4 * H, H)
                shapes[f'{CONTEXT}.{name}.bias_ih_{end}'] = (4 * H,)
                shapes[f'{CONTEXT}.{name}.bias_hh_{end}'] = (4 * H,)
    return shapes


def sgb_state(kind: str, seed: int = 0) -> dict[str, Tensor]:
    """Random tensors of a model of a kind that can be converted."""
    heads = dict(transformer=_transformer, imp=_imp, vctree=_vctree, motifs=_motifs)
    shapes = _detector() if kind == 'detector' else {**_detector(), **_vision(), **heads[kind]()}
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(shape, generator=generator) * (0.2 if len(shape) > 1 else 1)
        for name, shape in shapes.items()
    }
