from .generate import generate_minivg

__all__ = ['generate_minivg']
