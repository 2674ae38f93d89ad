from .graph_export import (
    describe_graph,
    save_graph,
    score_columns,
    tabulate_relations,
    to_networkx,
)
from .graph_selection import GraphSelection
from .scene_graph_inferencer import SceneGraphInferencer
from .trained_parser import load_parser

__all__ = [
    'GraphSelection',
    'SceneGraphInferencer',
    'describe_graph',
    'load_parser',
    'save_graph',
    'score_columns',
    'tabulate_relations',
    'to_networkx',
]
