"""Small state dicts as the reference implementations save them, for tests.

Names, shapes and their order are written down from the references' code, not
taken from what reads them. The background is class 0.

Shape shorthand: K object classes with background, Q predicates with unknown,
H hidden units, D features of a region (4096 there), F channels of the feature
map (512), A anchors of a place.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.config import Config
from torch import Tensor

from mmsgp.testing.models import small_model_cfg

K, Q, H, D, F = 6, 5, 6, 12, 16
RATIOS, SCALES = (0.5, 2.0), (1.0, 2.0, 3.5)
A = len(RATIOS) * len(SCALES)
HEADS = dict(motifnet='MotifNetHead', linknet='LinkNetHead', kern='KERNHead')
Shape = tuple[int, ...]


def reference_model_cfg(kind: str, **relation_head) -> Config:
    """Config of a parser with VGG16 and the sizes of this module."""
    cfg = small_model_cfg(
        type=HEADS[kind],
        num_classes=K - 1,
        num_predicates=Q - 1,
        **{'hidden_size': H, **relation_head},
    )
    detector = cfg.detector
    detector.backbone.update(base_channels=F // 8, num_stages=5, norm_cfg=None)
    detector.rpn_head.update(in_channels=F, feat_channels=F)
    detector.rpn_head.anchor_generator.update(
        base_sizes=[16], strides=[16], ratios=RATIOS, scales=SCALES
    )
    for extractor in (
        detector.roi_head.bbox_roi_extractor,
        cfg.relation_head.roi_extractor,
        cfg.relation_head.pair_features.roi_extractor,
    ):
        extractor.update(out_channels=F, featmap_strides=[16])
    for fc_head in (
        detector.roi_head.bbox_head.fc_head,
        cfg.relation_head.fc_head,
        cfg.relation_head.pair_features.fc_head,
    ):
        fc_head.update(in_channels=F, out_channels=D)
    return cfg


def _layer(name: str, outputs: int, *inputs: int) -> dict[str, Shape]:
    return {f'{name}.weight': (outputs, *inputs), f'{name}.bias': (outputs,)}


def _norm(name: str, size: int) -> dict[str, Shape]:
    return {f'{name}.{part}': (size,) for part in ('weight', 'bias', 'running_mean', 'running_var')}


def _detector() -> dict[str, Shape]:
    widths = [F // 8] * 2 + [F // 4] * 2 + [F // 2] * 3 + [F] * 6
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    shapes = {}
    for place, before, width in zip(places, [3, *widths], widths):
        shapes.update(_layer(f'detector.features.{place}', width, before, 3, 3))
    return {
        **shapes,
        **_layer('detector.roi_fmap.0', D, F * 49),
        **_layer('detector.roi_fmap.3', D, D),
        **_layer('detector.score_fc', K, D),
        **_layer('detector.bbox_fc', K * 4, D),
        'detector.rpn_head.anchors': (37, 37, A, 4),
        **_layer('detector.rpn_head.conv.0', F, F, 3, 3),
        **_layer('detector.rpn_head.conv.2', 6 * A, F, 1, 1),
    }


def _vision() -> dict[str, Shape]:
    return {
        **_layer('union_boxes.conv.0', F // 2, 2, 7, 7),
        **_norm('union_boxes.conv.2', F // 2),
        **_layer('union_boxes.conv.4', F, F // 2, 3, 3),
        **_norm('union_boxes.conv.6', F),
        **_layer('roi_fmap.1.0', D, F * 49),
        **_layer('roi_fmap.1.3', D, D),
        **_layer('roi_fmap_obj.0', D, F * 49),
        **_layer('roi_fmap_obj.3', D, D),
    }


def _packed_lstm(name: str, inputs: int, layers: int) -> dict[str, Shape]:
    weights = sum((H if layer else inputs) * 6 * H + H * 5 * H for layer in range(layers))
    return {f'{name}.weight': (weights,), f'{name}.bias': (5 * H * layers,)}


def _motifnet(object_layers: int, edge_layers: int) -> dict[str, Shape]:
    return {
        'context.obj_embed.weight': (K, 200),
        'context.obj_embed2.weight': (K, 200),
        **_norm('context.pos_embed.0', 4),
        **_layer('context.pos_embed.1', 128, 4),
        **_packed_lstm('context.obj_ctx_rnn', D + 200 + 128, object_layers),
        'context.decoder_rnn.obj_embed.weight': (K + 1, 100),
        **_layer('context.decoder_rnn.input_linearity', 6 * H, H + 100),
        **_layer('context.decoder_rnn.state_linearity', 5 * H, H),
        **_layer('context.decoder_rnn.out', K, H),
        **_packed_lstm('context.edge_ctx_rnn', 200 + H, edge_layers),
        **_layer('post_lstm', 2 * D, H),
        **_layer('rel_compress', Q, D),
        'freq_bias.obj_baseline.weight': (K * K, Q),
    }


def _relational_embedding(name: str, inputs: int, outputs: int) -> dict[str, Shape]:
    return {
        **_layer(f'{name}.W', inputs // 2, inputs),
        **_layer(f'{name}.U', inputs // 2, inputs),
        **_layer(f'{name}.H', inputs // 2, inputs),
        **_layer(f'{name}.fc0', inputs, inputs // 2),
        **_layer(f'{name}.fc1', outputs, inputs),
    }


def _linknet() -> dict[str, Shape]:
    return {
        'context.obj_embed.weight': (K, 200),
        'context.obj_embed2.weight': (K, 200),
        **_relational_embedding('context.RE1', D + 200 + F, H),
        **_relational_embedding('context.RE2', H, K),
        **_relational_embedding('context.RE3', 200 + H, H),
        **_relational_embedding('context.RE4', H, 2 * D),
        **_layer('GCE.multi_score_fc', K, F),
        **_norm('pos_embed.0', 4),
        **_layer('pos_embed.1', 128, 4),
        **_layer('rel_compress', Q, D + 128),
        'freq_bias.obj_baseline.weight': (K * K, Q),
    }


def _gated_graph(name: str) -> dict[str, Shape]:
    return {
        **_layer(f'{name}.fc_eq3_w', H, 2 * H),
        **_layer(f'{name}.fc_eq3_u', H, H),
        **_layer(f'{name}.fc_eq4_w', H, 2 * H),
        **_layer(f'{name}.fc_eq4_u', H, H),
        **_layer(f'{name}.fc_eq5_w', H, 2 * H),
        **_layer(f'{name}.fc_eq5_u', H, H),
        **_layer(f'{name}.fc_output', H, 2 * H),
    }


def _kern() -> dict[str, Shape]:
    return {
        **_layer('ggnn_obj_reason.obj_proj', H, D),
        'ggnn_obj_reason.ggnn_obj.matrix': (K, K),
        **_gated_graph('ggnn_obj_reason.ggnn_obj'),
        **_layer('ggnn_obj_reason.ggnn_obj.fc_obj_cls', K, K * H),
        **_layer('ggnn_rel_reason.obj_proj', H, D),
        **_layer('ggnn_rel_reason.rel_proj', H, D),
        **_gated_graph('ggnn_rel_reason.ggnn_rel'),
        **_layer('ggnn_rel_reason.ggnn_rel.fc_rel_cls', Q, (Q + 2) * H),
    }


def reference_shapes(kind: str, lstm_layers: Sequence[int] = (1, 2)) -> dict[str, Shape]:
    """Shapes of a reference's model by name, detector included.

    Args:
        kind: ``'motifnet'``, ``'linknet'`` or ``'kern'``.
        lstm_layers: MotifNet's layers over objects and over edges.
    """
    own = dict(linknet=_linknet, kern=_kern, motifnet=lambda: _motifnet(*lstm_layers))[kind]
    return {**_detector(), **_vision(), **own()}


def reference_state(kind: str, seed: int = 0, **kwargs) -> dict[str, Tensor]:
    """Random float64 tensors, arguments as of :func:`reference_shapes`."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in reference_shapes(kind, **kwargs).items():
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        if name.endswith('running_var'):
            values = values.abs() + 0.5
        elif name.endswith('matrix'):  # frequencies
            values = torch.sigmoid(values - 2)
        elif len(shape) > 1 and 'embed.' not in name:
            values *= (2 / values[0].numel()) ** 0.5
        elif len(shape) == 1:
            values *= 0.3
        state[name] = values
    return state
