from .figures import (
    draw_comparison,
    draw_scene_graph,
    plot_comparison,
    plot_scene_graph,
)
from .scene_graph_visualizer import SceneGraphVisualizer

__all__ = [
    'SceneGraphVisualizer', 'draw_comparison', 'draw_scene_graph',
    'plot_comparison', 'plot_scene_graph'
]
