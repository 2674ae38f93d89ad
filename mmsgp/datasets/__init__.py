from mmsgp.utils import quiet_import  # noqa: F401, I001 - before all others

from .base_scene_graph_dataset import BaseSceneGraphDataset
from .dataset_wrappers import ConcatDataset, innermost_dataset
from .graph_annotations import GraphAnnotations
from .psg_dataset import PSGDataset
from .resampling import ResampledDataset
from .statistics import DatasetStatistics
from .transforms import *  # noqa: F401, F403
from .vg_dataset import VGDataset
from .vg_sgg.writer import write_vg_sgg

__all__ = [
    'BaseSceneGraphDataset',
    'ConcatDataset',
    'DatasetStatistics',
    'GraphAnnotations',
    'PSGDataset',
    'ResampledDataset',
    'VGDataset',
    'innermost_dataset',
    'write_vg_sgg',
]
