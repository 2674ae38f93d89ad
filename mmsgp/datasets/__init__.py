from mmsgp.utils import quiet_import  # noqa: F401, I001 - before all others

from .base_scene_graph_dataset import BaseSceneGraphDataset
from .dataset_wrappers import ConcatDataset, innermost_dataset
from .format_datasets import (
    CocoRelationsDataset,
    CocoRelJsonDataset,
    CVATDataset,
    GQA200Dataset,
    LabelStudioDataset,
    OpenImagesRelationDataset,
    VRDDataset,
)
from .graph_annotations import GraphAnnotations
from .psg_dataset import PSGDataset
from .resampling import ResampledDataset
from .statistics import DatasetStatistics
from .transforms import *  # noqa: F401, F403
from .vg_dataset import VGDataset
from .vg_sgg.writer import write_vg_sgg

__all__ = [
    'BaseSceneGraphDataset',
    'CVATDataset',
    'CocoRelJsonDataset',
    'CocoRelationsDataset',
    'ConcatDataset',
    'DatasetStatistics',
    'GQA200Dataset',
    'GraphAnnotations',
    'LabelStudioDataset',
    'OpenImagesRelationDataset',
    'PSGDataset',
    'ResampledDataset',
    'VGDataset',
    'VRDDataset',
    'innermost_dataset',
    'write_vg_sgg',
]
