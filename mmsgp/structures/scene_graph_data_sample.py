"""Data sample of an image for pipeline, model and evaluator."""

from __future__ import annotations

from collections.abc import Callable

from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from .scene_graph import SceneGraph


class SceneGraphDataSample(DetDataSample):
    """A ``DetDataSample`` that also carries scene graphs.

    - ``gt_scene_graph`` (:class:`SceneGraph`): the annotated graph.
    - ``pred_scene_graphs`` (dict[str, :class:`SceneGraph`]): one predicted
      graph per task (``predcls``, ``sgcls``, ``sggen``).
    - ``gt_instances``: the objects of ``gt_scene_graph``, because MMDetection
      expects them there.
    """

    @property
    def gt_scene_graph(self) -> SceneGraph:
        """SceneGraph: the annotated graph."""
        return self._gt_scene_graph

    @gt_scene_graph.setter
    def gt_scene_graph(self, value: SceneGraph) -> None:
        self.set_field(value, '_gt_scene_graph', dtype=SceneGraph)

    @gt_scene_graph.deleter
    def gt_scene_graph(self) -> None:
        del self._gt_scene_graph

    @property
    def pred_scene_graphs(self) -> dict[str, SceneGraph]:
        """dict: task name to predicted graph."""
        return self._pred_scene_graphs

    @pred_scene_graphs.setter
    def pred_scene_graphs(self, value: dict[str, SceneGraph]) -> None:
        self.set_field(value, '_pred_scene_graphs', dtype=dict)

    @pred_scene_graphs.deleter
    def pred_scene_graphs(self) -> None:
        del self._pred_scene_graphs

    @property
    def gt_instances(self) -> InstanceData:
        """InstanceData: ``gt_scene_graph.objects``."""
        return self.gt_scene_graph.objects

    @gt_instances.setter
    def gt_instances(self, value: InstanceData) -> None:
        if 'gt_scene_graph' not in self:
            self.gt_scene_graph = SceneGraph()
        self.gt_scene_graph.objects = value
        # An alias, not a field: copies of the sample would set a field on the
        # graph that they share with the original.
        self._data_fields.discard('gt_instances')

    def __contains__(self, item: str) -> bool:
        if item == 'gt_instances':
            return 'gt_scene_graph' in self
        return super().__contains__(item)

    def to_dict(self) -> dict:
        """Convert to nested dictionaries, with ``gt_instances``."""
        data = super().to_dict()
        if 'gt_scene_graph' in data:
            data['gt_instances'] = data['gt_scene_graph']['objects']
        if 'pred_scene_graphs' in data:
            data['pred_scene_graphs'] = {
                task: graph.to_dict() for task, graph in self.pred_scene_graphs.items()
            }
        return data

    # BaseDataElement does not move the values of a dict.
    def _moved(self, sample: SceneGraphDataSample, move: Callable) -> SceneGraphDataSample:
        if 'pred_scene_graphs' in self:
            sample.pred_scene_graphs = {
                task: move(graph) for task, graph in self.pred_scene_graphs.items()
            }
        return sample

    def to(self, *args, **kwargs) -> SceneGraphDataSample:
        return self._moved(super().to(*args, **kwargs), lambda g: g.to(*args, **kwargs))

    def cpu(self) -> SceneGraphDataSample:
        return self._moved(super().cpu(), SceneGraph.cpu)

    def cuda(self) -> SceneGraphDataSample:
        return self._moved(super().cuda(), SceneGraph.cuda)

    def detach(self) -> SceneGraphDataSample:
        return self._moved(super().detach(), SceneGraph.detach)

    def numpy(self) -> SceneGraphDataSample:
        return self._moved(super().numpy(), SceneGraph.numpy)

    def to_tensor(self) -> SceneGraphDataSample:
        return self._moved(super().to_tensor(), SceneGraph.to_tensor)
