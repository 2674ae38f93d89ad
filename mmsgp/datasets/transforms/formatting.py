"""Pack an image and its scene graph for the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import to_tensor
from mmdet.datasets.transforms import PackDetInputs
from mmdet.structures.bbox import get_box_tensor
from mmengine.structures import InstanceData

from mmsgp.registry import TRANSFORMS
from mmsgp.structures import SceneGraph, SceneGraphDataSample

META_KEYS = (
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'sample_idx',
)


@TRANSFORMS.register_module()
class PackSceneGraphInputs(PackDetInputs):
    """Pack an image as MMDetection does, together with its graph.

    Required Keys:

    - img
    - gt_bboxes, gt_bboxes_labels (optional, absent at inference)
    - gt_relation_pairs, gt_relation_labels (optional, absent then)
    - gt_relation_unseen (optional)

    Args:
        meta_keys: Keys that become meta information of the sample. Defaults to
            those of :class:`mmdet.datasets.PackDetInputs` and ``sample_idx``.
    """

    def __init__(self, meta_keys: Sequence[str] = META_KEYS) -> None:
        super().__init__(meta_keys=meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack the results of a pipeline.

        Returns:
            ``inputs``, (3, H, W) uint8 tensor, and ``data_samples``, a
            :class:`SceneGraphDataSample` with a ``gt_scene_graph`` if there
            are annotations.
        """
        packed = super().transform(results)
        data_sample = packed['data_samples']
        sample = SceneGraphDataSample(metainfo=data_sample.metainfo)
        if 'gt_bboxes' in results:
            objects = data_sample.gt_instances
            objects.bboxes = get_box_tensor(objects.bboxes)
            sample.gt_scene_graph = SceneGraph(objects=objects, relations=_pack_relations(results))
        packed['data_samples'] = sample
        return packed


def _pack_relations(results: dict) -> InstanceData:
    pairs = results.get('gt_relation_pairs', np.empty((0, 2), np.int64))
    labels = results.get('gt_relation_labels', np.empty(0, np.int64))
    relations = InstanceData(pairs=to_tensor(pairs), labels=to_tensor(labels))
    if 'gt_relation_unseen' in results:
        relations.unseen = to_tensor(results['gt_relation_unseen'])
    return relations
