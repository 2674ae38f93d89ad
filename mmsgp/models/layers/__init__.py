from .attention import Attention
from .box_codes import BOX_CODE_DIM, PAIR_CODE_DIM, box_codes, overlap_codes, pair_codes
from .class_embedding import ClassEmbedding
from .counting import count_groups
from .frequency_prior import FrequencyPrior
from .gated_graph import GatedGraphUnit, ObjectGraph, PairGraph, Readout
from .highway_lstm import AlternatingHighwayLSTM, highway_lstm_cell
from .joint_nms import joint_nms
from .label_decoder import LabelDecoder
from .layout_encoding import BoxPositionEncoding, RelativeLayoutEncoding
from .map_reader import ObjectReader, SceneReader
from .normalization import BatchNorm1d, BatchNorm2d
from .object_sequences import ObjectSequences, in_order
from .object_trees import TreeLevels, Trees, grow_trees
from .pair_features import PairFeatures
from .pair_masks import draw_pair_masks
from .precision import full_precision
from .predicate_embedding import PredicateEmbedding
from .quad_attention import PairSelector, QuadAttentionLayer, select
from .relational_embedding import RelationalEmbedding
from .sgb_pair_features import SGBPairFeatures
from .softened_prior import SoftenedFrequencyPrior
from .summed_linear import SummedLinear, init_xavier, project_parts
from .swiglu import SwiGLU
from .tree_lstm import TreeLabelDecoder, TreeLSTM, TreeLSTMCell

__all__ = [
    'SGBPairFeatures',
    'PairSelector',
    'QuadAttentionLayer',
    'select',
    'TreeLSTM',
    'TreeLSTMCell',
    'TreeLabelDecoder',
    'TreeLevels',
    'Trees',
    'grow_trees',
    'overlap_codes',
    'SoftenedFrequencyPrior',
    'Attention',
    'ObjectReader',
    'SceneReader',
    'SwiGLU',
    'BOX_CODE_DIM',
    'PAIR_CODE_DIM',
    'PredicateEmbedding',
    'SummedLinear',
    'box_codes',
    'pair_codes',
    'in_order',
    'init_xavier',
    'project_parts',
    'AlternatingHighwayLSTM',
    'BatchNorm1d',
    'BatchNorm2d',
    'BoxPositionEncoding',
    'ClassEmbedding',
    'FrequencyPrior',
    'GatedGraphUnit',
    'LabelDecoder',
    'ObjectGraph',
    'ObjectSequences',
    'PairFeatures',
    'PairGraph',
    'Readout',
    'RelationalEmbedding',
    'RelativeLayoutEncoding',
    'count_groups',
    'draw_pair_masks',
    'full_precision',
    'highway_lstm_cell',
    'joint_nms',
]
