from .base import ContextEncoder
from .linknet import LinkNetContext
from .motif import MotifContext
from .sgb_motif import SGBMotifContext
from .sgb_transformer import SGBTransformerContext
from .transformer import TransformerContext
from .vctree import VCTreeContext

__all__ = [
    'ContextEncoder',
    'LinkNetContext',
    'MotifContext',
    'SGBMotifContext',
    'SGBTransformerContext',
    'TransformerContext',
    'VCTreeContext',
]
