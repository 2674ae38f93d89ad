from .frequency_head import FrequencyHead
from .gated_pair_head import GatedPairHead
from .gpsnet_head import GPSNetHead
from .head_outputs import ObjectContext, ObjectEncoding, RegionFeatures
from .imp_head import IMPHead
from .kern_head import KERNHead
from .linknet_head import LinkNetHead
from .motifnet_head import MotifNetHead
from .penet_head import PENetHead
from .prototype_head import PrototypeHead
from .react_head import REACTHead
from .relation_head import RelationHead
from .role_product_head import RoleProductHead
from .squat_head import SQUATHead
from .transformer_head import TransformerHead
from .vctree_head import VCTreeHead

__all__ = [
    'FrequencyHead',
    'GPSNetHead',
    'GatedPairHead',
    'IMPHead',
    'KERNHead',
    'LinkNetHead',
    'MotifNetHead',
    'ObjectContext',
    'ObjectEncoding',
    'PENetHead',
    'PrototypeHead',
    'REACTHead',
    'RegionFeatures',
    'RelationHead',
    'RoleProductHead',
    'SQUATHead',
    'TransformerHead',
    'VCTreeHead',
]
