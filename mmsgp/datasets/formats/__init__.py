from .catalogue import FORMATS, Format

__all__ = ['FORMATS', 'Format']
