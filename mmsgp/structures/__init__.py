from .object_batch import ObjectBatch
from .scene_graph import SceneGraph
from .scene_graph_data_sample import SceneGraphDataSample

__all__ = ['ObjectBatch', 'SceneGraph', 'SceneGraphDataSample']
