from .appearance import ClassAppearance, class_appearance
from .image_writer import Layout, render_images
from .minivg import generate_minivg
from .renderer import LayoutRenderer

__all__ = [
    'ClassAppearance', 'Layout', 'LayoutRenderer', 'class_appearance',
    'generate_minivg', 'render_images'
]
