from .scene_graph_data_preprocessor import SceneGraphDataPreprocessor

__all__ = ['SceneGraphDataPreprocessor']
