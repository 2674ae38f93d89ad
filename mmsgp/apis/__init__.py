from .graph_export import (
    describe_graph,
    save_graph,
    tabulate_relations,
    to_networkx,
)
from .scene_graph_inferencer import SceneGraphInferencer

__all__ = [
    'SceneGraphInferencer', 'describe_graph', 'save_graph',
    'tabulate_relations', 'to_networkx'
]
