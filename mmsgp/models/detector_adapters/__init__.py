from .base import DetectorAdapter, PreparedBatch, select_objects
from .builder import ADAPTERS, build_detector_adapter
from .generic import GenericAdapter, logits_by_overlap
from .precomputed import PrecomputedDetections
from .two_stage import TwoStageAdapter

__all__ = [
    'ADAPTERS',
    'DetectorAdapter',
    'GenericAdapter',
    'PrecomputedDetections',
    'PreparedBatch',
    'TwoStageAdapter',
    'build_detector_adapter',
    'logits_by_overlap',
    'select_objects',
]
