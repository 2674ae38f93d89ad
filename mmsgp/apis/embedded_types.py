"""Lists of the parts and arguments that a config in a checkpoint may have.

A checkpoint from a stranger contains a stranger's config. Not every registered
class is safe: some run a text or a file from their arguments. Therefore only
listed parts are built: those of MMSGP's own configs, with a kind of value per
argument. All others are rejected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from mmsgp.models.context_encoders.motif import ORDERS
from mmsgp.models.debiasing.direct_effect import EFFECTS
from mmsgp.models.debiasing.resistance import BIASES
from mmsgp.models.losses.rebalanced_loss import SCHEMES
from mmsgp.models.parsers.input_checks import SGGEN_PAIRS
from mmsgp.registry import MODELS, TASK_UTILS, TRANSFORMS
from mmsgp.structures.ranking import RANKINGS
from mmsgp.structures.tasks import TASK_TITLES, TASKS

# Arguments that prediction does not need. They become None.
DROPPED = (
    'train_cfg',
    'init_cfg',
    'word_vectors',
    'decoder_word_vectors',
    'compile_backbone',
    'frozen',
)

# Steps of a test pipeline that an inferencer replaces or does not need.
LOADERS = (
    'mmsgp.LoadImage',
    'mmdet.LoadImageFromFile',
    'mmdet.LoadAnnotations',
    'mmsgp.LoadRelations',
)


@dataclass(frozen=True)
class Numbers:
    """Numbers, booleans and None, alone or in sequences.

    Attributes:
        limit: Of the absolute value.
        least: Below it, an operator would divide by zero and end the process.
    """

    limit: float = 1e6
    least: float = -math.inf


@dataclass(frozen=True)
class Words:
    """One or some of these words; booleans and None, too."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Names:
    """Python identifiers, which are keys of a dict."""


@dataclass(frozen=True)
class Settings:
    """A dict without ``type``, with keys from this list."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A dict with a ``type`` of this kind of part, or a list of such dicts."""

    kind: str


@dataclass(frozen=True)
class Types:
    """Types of a kind of part.

    Attributes:
        names: Registered names, with their scope if they are classes of MMSGP
            or MMDetection.
        registry: Registry of the classes; the arguments of ``__init__`` are known.
        arguments: Other known arguments, or all of them if there is no class.
    """

    names: tuple[str, ...]
    registry: object = MODELS
    arguments: tuple[str, ...] = field(default=())


# One line per kind of part.
# fmt: off
PARTS = {
    'parser': Types(('mmsgp.SceneGraphParser', )),
    'detector': Types(('mmdet.FasterRCNN', 'mmdet.CascadeRCNN', 'mmdet.RTMDet',
                       'mmdet.DETR')),
    'data_preprocessor': Types(('mmsgp.SceneGraphDataPreprocessor',
                                'mmdet.DetDataPreprocessor')),
    'backbone': Types(('mmsgp.VGG', 'mmdet.ResNet', 'mmdet.ResNeXt', 'mmdet.CSPNeXt')),
    'neck': Types(('mmdet.FPN', 'mmdet.ChannelMapper', 'mmdet.CSPNeXtPAFPN')),
    'rpn_head': Types(('mmdet.RPNHead', 'mmsgp.ReLU6RPNHead')),
    'roi_head': Types(('mmdet.StandardRoIHead', 'mmdet.CascadeRoIHead')),
    'bbox_head': Types(('mmdet.Shared2FCBBoxHead', 'mmsgp.VGGBBoxHead',
                        'mmdet.RTMDetSepBNHead', 'mmdet.DETRHead')),
    'roi_extractor': Types(('mmdet.SingleRoIExtractor', 'mmdet.GenericRoIExtractor')),
    'roi_layer': Types(('RoIAlign', ), arguments=(
        'output_size', 'sampling_ratio', 'pool_mode', 'aligned')),
    'prior_generator': Types(
        ('mmdet.AnchorGenerator', 'mmdet.MlvlPointGenerator'), TASK_UTILS),
    'bbox_coder': Types(
        ('mmdet.DeltaXYWHBBoxCoder', 'mmdet.DistancePointBBoxCoder'), TASK_UTILS),
    # A class needs its losses, even without training.
    'loss': Types((
        'mmdet.CrossEntropyLoss', 'mmdet.SmoothL1Loss', 'mmdet.L1Loss',
        'mmdet.GIoULoss', 'mmdet.QualityFocalLoss', 'mmsgp.CCELoss',
        'mmsgp.SoftmaxFocalLoss', 'mmsgp.ReweightedCrossEntropyLoss',
        'mmsgp.LogitAdjustedLoss', 'mmsgp.BalancedLogitAdjustedLoss',
        'mmsgp.PrototypeLoss',
        'mmsgp.NodePriorityLoss', 'mmsgp.SignificanceBCELoss',
        'mmsgp.SignificanceMSELoss', 'mmsgp.SignificanceHingeLoss',
        'mmsgp.SignificanceRankingLoss'),
        arguments=('bg_cls_weight', )),  # DETRHead reads it
    'relation_head': Types(('mmsgp.MotifNetHead', 'mmsgp.LinkNetHead',
                            'mmsgp.KERNHead', 'mmsgp.FrequencyHead',
                            'mmsgp.RoleProductHead', 'mmsgp.GatedPairHead',
                            'mmsgp.TransformerHead', 'mmsgp.IMPHead',
                            'mmsgp.PENetHead', 'mmsgp.REACTHead',
                            'mmsgp.GPSNetHead', 'mmsgp.VCTreeHead',
                            'mmsgp.SQUATHead')),
    'context_encoder': Types(('mmsgp.MotifContext', 'mmsgp.LinkNetContext',
                              'mmsgp.TransformerContext',
                              'mmsgp.SGBTransformerContext',
                              'mmsgp.SGBMotifContext',
                              'mmsgp.VCTreeContext')),
    'debiasing': Types(('mmsgp.PostHocLogitAdjustment', 'mmsgp.TotalDirectEffect',
                        'mmsgp.Resistance', 'mmsgp.GroupCollaborativeLearning')),
    'fc_head': Types(('mmsgp.VGGHead', )),
    'pair_features': Types(('mmsgp.PairFeatures', 'mmsgp.SGBPairFeatures')),
    'frequency_prior': Types(('mmsgp.FrequencyPrior',
                              'mmsgp.SoftenedFrequencyPrior')),
    'scorer': Types(('mmsgp.Scorer', )),
    'attention': Types(('mmsgp.RelationSelfAttention', 'mmsgp.RelationFC')),
    'pair_sampler': Types(('mmsgp.PairSampler', ), TASK_UTILS),
    'detector_adapter': Types(
        ('mmsgp.TwoStageAdapter', 'mmsgp.GenericAdapter'), TASK_UTILS),
    'graph_assigner': Types(('mmsgp.GraphAssigner', ), TASK_UTILS),
    'transform': Types(
        ('mmsgp.Resize', 'mmsgp.PackSceneGraphInputs'), TRANSFORMS),
    # Layers of MMCV, which finds them in its own way.
    'norm': Types(('BN', 'SyncBN', 'GN', 'LN'), arguments=(
        'eps', 'momentum', 'affine', 'num_groups', 'requires_grad')),
    'activation': Types(
        ('ReLU', 'LeakyReLU', 'ReLU6', 'SiLU', 'Swish', 'GELU', 'HSwish', 'Sigmoid'),
        arguments=('inplace', 'negative_slope')),
    'convolution': Types(('Conv2d', 'Conv')),
    'predictor': Types(('Linear', )),
    'nms': Types(('nms', 'soft_nms'), arguments=(
        'iou_threshold', 'class_agnostic', 'split_thr', 'max_num', 'min_score',
        'score_threshold', 'sigma')),
}
# fmt: on

_RCNN = Settings(('nms_pre', 'nms', 'score_thr', 'max_per_img', 'min_bbox_size'))
_ATTENTION = Settings(
    ('embed_dims', 'num_heads', 'dropout', 'attn_drop', 'proj_drop', 'batch_first')
)
_LAYERS = Settings(('num_layers', 'layer_cfg', 'post_norm_cfg', 'return_intermediate'))

# Names side by side.
# fmt: off
ARGUMENTS = {
    # numbers of layers and factors of size, which need memory
    **dict.fromkeys(
        ('base_width',
         'depth', 'num_stages', 'num_outs', 'num_csp_blocks', 'stacked_convs',
         'num_convs', 'num_layers', 'num_fcs', 'num_heads', 'num_object_layers',
         'num_edge_layers', 'num_shared_convs', 'num_shared_fcs', 'num_cls_convs',
         'num_cls_fcs', 'num_reg_convs', 'num_reg_fcs', 'num_steps',
         'scale_factor'),
        Numbers(limit=200)),
    'output_size': Numbers(limit=200, least=1),
    # sides of images in pixels
    **dict.fromkeys(('scale', 'pad_to', 'pad_size_divisor'),
                    Numbers(limit=4096, least=1)),
    **dict.fromkeys(('strides', 'kernel_size', 'featmap_strides', 'spp_kernel_sizes'),
                    Numbers(least=1)),
    **dict.fromkeys(
        # data preprocessor, transforms, visualizer
        ('mean', 'std', 'pad_value', 'bgr_to_rgb', 'rgb_to_bgr',
         'keep_ratio', 'clip_object_border', 'topk', 'iou_thr',
         # backbones and necks
         'in_channels', 'out_channels', 'base_channels', 'stem_channels',
         'dilations', 'out_indices', 'frozen_stages', 'norm_eval', 'deep_stem',
         'avg_down', 'with_cp', 'zero_init_residual', 'deepen_factor',
         'widen_factor', 'use_depthwise', 'expand_ratio',
         'channel_attention', 'start_level', 'end_level', 'relu_before_extra_convs',
         'no_norm_on_lateral',
         # layers
         'eps', 'momentum', 'affine', 'num_groups', 'requires_grad', 'inplace',
         'negative_slope', 'sampling_ratio', 'aligned',
         # transformers
         'num_queries', 'embed_dims', 'dropout', 'attn_drop', 'proj_drop',
         'batch_first', 'feedforward_channels', 'ffn_drop', 'return_intermediate',
         'num_feats', 'temperature', 'normalize', 'offset',
         # heads, anchors, boxes
         'num_classes', 'feat_channels', 'scales', 'ratios', 'base_sizes',
         'center_offset', 'scale_major', 'octave_base_scale', 'scales_per_octave',
         'centers', 'target_means', 'target_stds', 'clip_border', 'add_ctr_clamp',
         'ctr_clamp', 'finest_scale', 'stage_loss_weights',
         'roi_feat_size', 'fc_out_channels', 'conv_out_channels', 'with_avg_pool',
         'with_cls', 'with_reg', 'reg_class_agnostic', 'reg_decoded_bbox',
         'share_conv', 'pred_kernel_size', 'exp_on_reg', 'with_objectness',
         'use_syncbn', 'sync_cls_avg_factor',
         # filters of boxes
         'nms_pre', 'score_thr', 'max_per_img', 'max_per_image', 'min_bbox_size',
         'iou_threshold', 'class_agnostic', 'split_thr', 'max_num', 'min_score',
         'score_threshold', 'sigma',
         # losses
         'loss_weight', 'use_sigmoid', 'class_weight', 'bg_cls_weight', 'beta',
         'ignore_index', 'avg_non_ignore', 'activated', 'margin', 'gamma', 'tau',
         'unknown_weight', 'softness',
         # relation heads and the Scorer
         'num_predicates', 'hidden_size', 'embedding_dim', 'position_dim',
         'layout_dim', 'loss_image_weight', 'image_channels', 'nms_iou_thr', 'num',
         'positive_fraction', 'hidden_channels', 'attention_channels', 'roi_size',
         'final_activation', 'norm_momentum', 'self_relations', 'raw',
         # prototypes
         'object_channels', 'max_scale', 'similarity_weight', 'distance_weight',
         'pull_weight', 'distance_margin', 'pull_margin', 'num_negatives', 'smooth',
         'official_normalization', 'loss_pair_weight', 'decode_inputs',
         'query_share', 'key_share', 'pass_nodes', 'loss_selection_weight',
         # debiasing
         'weight', 'rate', 'distill_weight', 'other_weight'), Numbers()),
    'arch': Words(('P5', 'P6')),
    'style': Words(('pytorch', 'caffe')),
    'add_extra_convs': Words(('on_input', 'on_lateral', 'on_output')),
    'mode': Words(('nearest', 'bilinear')),
    'pool_mode': Words(('avg', 'max')),
    'aggregation': Words(('sum', 'concat')),
    'predict_box_type': Words(('hbox', )),
    'reduction': Words(('none', 'mean', 'sum')),
    'scheme': Words(SCHEMES),
    'effect': Words(EFFECTS),
    # of Resistance; of layers, as in MMCV
    'bias': Words(('auto', *BIASES)),
    'groups': Numbers(limit=10_000, least=1),
    'rank_by': Words(tuple(RANKINGS)),
    'order': Words(ORDERS),
    'quota': Words(('image', 'batch')),
    'image_activation': Words(('sigmoid', 'softmax')),
    'regions': Words(('boxes', 'proposals')),
    'task': Words(tuple(TASK_TITLES)),
    'train_task': Words(('sgcls', 'sggen')),
    'test_tasks': Words(TASKS),
    'sggen_pairs': Words(SGGEN_PAIRS),
    'backend': Words(('cv2', 'pillow')),
    'interpolation': Words(('nearest', 'bilinear', 'bicubic', 'area', 'lanczos')),
    'meta_keys': Names(),
    'upsample_cfg': Settings(('mode', 'scale_factor')),
    'detection_cfg': Settings(('score_thr', 'iou_thr', 'max_per_image')),
    'test_cfg': Settings((*_RCNN.keys, 'rpn', 'rcnn')),
    'rpn': _RCNN,
    'rcnn': _RCNN,
    'encoder': _LAYERS,
    'decoder': _LAYERS,
    'layer_cfg': Settings(('self_attn_cfg', 'cross_attn_cfg', 'ffn_cfg',
                           'norm_cfg')),
    'self_attn_cfg': _ATTENTION,
    'cross_attn_cfg': _ATTENTION,
    'ffn_cfg': Settings(('embed_dims', 'feedforward_channels', 'num_fcs', 'ffn_drop',
                         'act_cfg')),
    'positional_encoding': Settings(('num_feats', 'temperature', 'normalize',
                                     'scale', 'eps', 'offset')),
    **{kind: Part(kind) for kind in (
        'detector', 'data_preprocessor', 'backbone', 'neck', 'rpn_head', 'roi_head',
        'bbox_head', 'roi_extractor', 'roi_layer', 'bbox_coder', 'relation_head',
        'fc_head', 'pair_features', 'frequency_prior', 'scorer', 'attention',
        'debiasing', 'pair_sampler', 'graph_assigner', 'detector_adapter', 'nms',
        'loss')},
    **dict.fromkeys(
        ('loss_cls', 'loss_bbox', 'loss_iou', 'loss_object', 'loss_relation',
         'loss_prototype'),
        Part('loss')),
    'bbox_roi_extractor': Part('roi_extractor'),
    'context': Part('context_encoder'),
    'anchor_generator': Part('prior_generator'),
    'norm_cfg': Part('norm'),
    'post_norm_cfg': Part('norm'),
    'act_cfg': Part('activation'),
    'conv_cfg': Part('convolution'),
    'reg_predictor_cfg': Part('predictor'),
    'cls_predictor_cfg': Part('predictor'),
}
# fmt: on
