from .appearance import ClassAppearance, class_appearance
from .image_writer import Layout, render_images
from .renderer import LayoutRenderer

__all__ = ['ClassAppearance', 'Layout', 'LayoutRenderer', 'class_appearance', 'render_images']
