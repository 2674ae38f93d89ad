from .base import ContextEncoder
from .linknet import LinkNetContext
from .motif import MotifContext
from .transformer import TransformerContext

__all__ = ['ContextEncoder', 'LinkNetContext', 'MotifContext', 'TransformerContext']
