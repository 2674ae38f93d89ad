from .vgg import VGG, VGGHead

__all__ = ['VGG', 'VGGHead']
