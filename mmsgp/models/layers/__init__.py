from .class_embedding import ClassEmbedding
from .counting import count_groups
from .frequency_prior import FrequencyPrior
from .gated_graph import GatedGraphUnit, ObjectGraph, PairGraph, Readout
from .highway_lstm import AlternatingHighwayLSTM, highway_lstm_cell
from .joint_nms import joint_nms
from .label_decoder import LabelDecoder
from .layout_encoding import BoxPositionEncoding, RelativeLayoutEncoding
from .normalization import BatchNorm1d, BatchNorm2d
from .object_sequences import ObjectSequences
from .pair_features import PairFeatures
from .pair_masks import draw_pair_masks
from .precision import full_precision
from .relational_embedding import RelationalEmbedding

__all__ = [
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
