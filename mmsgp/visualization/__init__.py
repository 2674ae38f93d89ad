from .figure_files import save_figure
from .figures import (
    draw_comparison,
    draw_scene_graph,
    plot_comparison,
    plot_scene_graph,
)
from .predicate_figures import (
    plot_confusion_matrix,
    plot_per_class_change,
    plot_per_class_recall,
    plot_predicate_distribution,
)
from .scene_graph_visualizer import SceneGraphVisualizer
from .tradeoff_figure import plot_tradeoff
from .training_curves import plot_training_curves
from .vis_backend import SteadyVisBackend

__all__ = [
    'SceneGraphVisualizer',
    'SteadyVisBackend',
    'draw_comparison',
    'draw_scene_graph',
    'plot_comparison',
    'plot_confusion_matrix',
    'plot_per_class_change',
    'plot_per_class_recall',
    'plot_predicate_distribution',
    'plot_scene_graph',
    'plot_tradeoff',
    'plot_training_curves',
    'save_figure',
]
