from .class_embedding import ClassEmbedding
from .frequency_prior import FrequencyPrior
from .highway_lstm import AlternatingHighwayLSTM, highway_lstm_cell
from .label_decoder import LabelDecoder
from .layout_encoding import BoxPositionEncoding, draw_pair_masks
from .normalization import BatchNorm1d, BatchNorm2d
from .pair_features import PairFeatures
from .sequences import ObjectSequences

__all__ = [
    'AlternatingHighwayLSTM', 'BatchNorm1d', 'BatchNorm2d',
    'BoxPositionEncoding', 'ClassEmbedding', 'FrequencyPrior', 'LabelDecoder',
    'ObjectSequences', 'PairFeatures', 'draw_pair_masks', 'highway_lstm_cell'
]
