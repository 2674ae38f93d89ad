from .scene_graph_parser import SceneGraphParser, is_parser_config

__all__ = ['SceneGraphParser', 'is_parser_config']
