import numpy as np
import torch
from mmdet.structures.bbox import HorizontalBoxes

from mmsgp.datasets import PackSceneGraphInputs
from mmsgp.structures import SceneGraphDataSample

IMAGE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


def test_graph_is_packed_beside_the_image():
    packed = PackSceneGraphInputs()(
        dict(
            img=IMAGE,
            img_id=3,
            ori_shape=(2, 4),
            gt_bboxes=HorizontalBoxes(torch.tensor([[0.0, 0, 1, 2]] * 2)),
            gt_bboxes_labels=np.array([4, 2]),
            gt_ignore_flags=np.zeros(2, bool),
            sample_idx=5,
            gt_relation_pairs=np.array([[1, 0]]),
            gt_relation_labels=np.array([7]),
            gt_relation_unseen=np.array([True]),
        )
    )
    assert torch.equal(packed['inputs'], torch.from_numpy(IMAGE).permute(2, 0, 1))
    sample = packed['data_samples']
    assert isinstance(sample, SceneGraphDataSample)
    assert sample.img_id == 3 and sample.ori_shape == (2, 4)
    assert sample.sample_idx == 5
    assert sample.gt_scene_graph.relations.unseen.tolist() == [True]
    assert type(sample.gt_instances.bboxes) is torch.Tensor
    assert sample.gt_instances.bboxes.dtype == torch.float32
    assert sample.gt_scene_graph.triplets.tolist() == [[2, 7, 4]]
    assert sample.gt_scene_graph.relations.labels.dtype == torch.int64


def test_image_without_annotations_has_no_graph():
    packed = PackSceneGraphInputs()(dict(img=IMAGE))
    assert 'gt_scene_graph' not in packed['data_samples']


def test_boxes_without_relations_make_a_graph_of_objects():
    graph = PackSceneGraphInputs()(
        dict(
            img=IMAGE,
            gt_bboxes=HorizontalBoxes(torch.tensor([[0.0, 0, 1, 2]])),
            gt_bboxes_labels=np.array([4]),
        )
    )['data_samples'].gt_scene_graph
    assert graph.num_objects == 1 and graph.num_relations == 0
