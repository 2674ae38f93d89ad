from .dump_predictions import DumpPredictions
from .scene_graph_metric import SceneGraphMetric

__all__ = ['DumpPredictions', 'SceneGraphMetric']
