from .parser_config import is_parser_config
from .scene_graph_parser import SceneGraphParser

__all__ = ['SceneGraphParser', 'is_parser_config']
