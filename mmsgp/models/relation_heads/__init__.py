from .frequency_head import FrequencyHead
from .kern_head import KERNHead
from .linknet_head import LinkNetHead
from .motifnet_head import MotifNetHead
from .relation_head import (
    ObjectContext,
    RegionFeatures,
    RelationHead,
    VisualRelationHead,
)

__all__ = [
    'FrequencyHead', 'KERNHead', 'LinkNetHead', 'MotifNetHead',
    'ObjectContext', 'RegionFeatures', 'RelationHead', 'VisualRelationHead'
]
