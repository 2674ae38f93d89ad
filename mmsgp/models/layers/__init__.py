from .class_embedding import ClassEmbedding
from .frequency_prior import FrequencyPrior
from .gated_graph import GatedGraphUnit, ObjectGraph, PairGraph, Readout
from .highway_lstm import AlternatingHighwayLSTM, highway_lstm_cell
from .label_decoder import LabelDecoder, joint_nms
from .layout_encoding import (
    BoxPositionEncoding,
    RelativeLayoutEncoding,
    draw_pair_masks,
)
from .normalization import BatchNorm1d, BatchNorm2d
from .pair_features import PairFeatures
from .precision import full_precision
from .relational_embedding import RelationalEmbedding
from .sequences import ObjectSequences

__all__ = [
    'AlternatingHighwayLSTM', 'BatchNorm1d', 'BatchNorm2d',
    'BoxPositionEncoding', 'ClassEmbedding', 'FrequencyPrior',
    'GatedGraphUnit', 'LabelDecoder', 'ObjectGraph', 'ObjectSequences',
    'PairFeatures', 'PairGraph', 'Readout', 'RelationalEmbedding',
    'RelativeLayoutEncoding', 'draw_pair_masks', 'full_precision',
    'highway_lstm_cell', 'joint_nms'
]
