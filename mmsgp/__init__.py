"""MMSGP: scene graph parsing for the OpenMMLab world."""

from .version import __version__

__all__ = ['__version__']
