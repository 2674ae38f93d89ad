from .frequency_head import FrequencyHead
from .head_outputs import ObjectContext, RegionFeatures
from .kern_head import KERNHead
from .linknet_head import LinkNetHead
from .motifnet_head import MotifNetHead
from .relation_head import RelationHead
from .role_product_head import RoleProductHead
from .visual_relation_head import VisualRelationHead

__all__ = [
    'FrequencyHead', 'KERNHead', 'LinkNetHead', 'MotifNetHead',
    'ObjectContext', 'RegionFeatures', 'RelationHead', 'RoleProductHead',
    'VisualRelationHead'
]
