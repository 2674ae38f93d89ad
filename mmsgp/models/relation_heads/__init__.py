from .motifnet_head import MotifNetHead
from .relation_head import RelationHead

__all__ = ['MotifNetHead', 'RelationHead']
