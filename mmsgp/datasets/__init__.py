from .graph_annotations import VGAnnotations
from .statistics import DatasetStatistics
from .transforms import *  # noqa: F401, F403
from .vg_dataset import VGDataset
from .vg_sgg.writer import write_vg_sgg

__all__ = [
    'DatasetStatistics', 'VGAnnotations', 'VGDataset', 'write_vg_sgg'
]
