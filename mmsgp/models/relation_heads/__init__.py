from .frequency_head import FrequencyHead
from .gated_pair_head import GatedPairHead
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .imp_head import IMPHead
from .kern_head import KERNHead
from .linknet_head import LinkNetHead
from .motifnet_head import MotifNetHead
from .relation_head import RelationHead
from .role_product_head import RoleProductHead
from .transformer_head import TransformerHead

__all__ = [
    'FrequencyHead',
    'GatedPairHead',
    'IMPHead',
    'KERNHead',
    'LinkNetHead',
    'MotifNetHead',
    'ObjectContext',
    'ObjectEncoding',
    'RegionFeatures',
    'RelationHead',
    'RoleProductHead',
    'TransformerHead',
]
