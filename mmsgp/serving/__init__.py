from .app import create_app
from .batcher import Batcher, TooBusy
from .limits import BodyLimits

__all__ = ['Batcher', 'BodyLimits', 'TooBusy', 'create_app']
