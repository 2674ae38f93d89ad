from .frequency_head import FrequencyHead
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .kern_head import KERNHead
from .linknet_head import LinkNetHead
from .motifnet_head import MotifNetHead
from .relation_head import RelationHead
from .role_product_head import RoleProductHead

__all__ = [
    'FrequencyHead',
    'KERNHead',
    'LinkNetHead',
    'MotifNetHead',
    'ObjectContext',
    'ObjectEncoding',
    'RegionFeatures',
    'RelationHead',
    'RoleProductHead',
]
