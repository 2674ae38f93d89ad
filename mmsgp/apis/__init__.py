from .graph_export import (
    describe_graph,
    save_graph,
    tabulate_relations,
    to_networkx,
)
from .scene_graph_inferencer import SceneGraphInferencer
from .trained_parser import load_parser

__all__ = [
    'SceneGraphInferencer',
    'describe_graph',
    'load_parser',
    'save_graph',
    'tabulate_relations',
    'to_networkx',
]
