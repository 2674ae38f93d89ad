from .scene_graph_parser import SceneGraphParser

__all__ = ['SceneGraphParser']
