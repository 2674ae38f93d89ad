from .bootstrap import ResampledMean, confidence_interval
from .confusion import predicate_confusion
from .graph_constraint import (
    RankedEntries,
    apply_graph_constraint,
    first_of_each_pair,
    unconstrained_entries,
    without_graph_constraint,
)
from .matching import (
    NO_HIT,
    GraphArrays,
    ObjectMatcher,
    PhraseMatcher,
    Ranks,
    aligned_iou,
    match_objects,
    match_triplets,
    to_numpy,
    union_boxes,
)
from .open_images import open_images_metrics
from .precision import ThresholdCurve, precision_at_k, threshold_curve
from .recall import (
    check_topk,
    exact_mean,
    harmonic_mean,
    mean_over_predicates,
    predicate_accuracy,
    predicate_recall_at_k,
    recall_at_k,
)
from .recall_suite import (
    DESCRIPTIONS,
    GROUPS,
    METRIC_NAMES,
    TaskMetrics,
    evaluate_task,
    predicate_groups,
)
from .relation_nms import relation_nms

__all__ = [
    'ThresholdCurve',
    'open_images_metrics',
    'precision_at_k',
    'relation_nms',
    'threshold_curve',
    'DESCRIPTIONS',
    'GROUPS',
    'METRIC_NAMES',
    'NO_HIT',
    'GraphArrays',
    'ObjectMatcher',
    'PhraseMatcher',
    'RankedEntries',
    'Ranks',
    'ResampledMean',
    'TaskMetrics',
    'aligned_iou',
    'apply_graph_constraint',
    'check_topk',
    'confidence_interval',
    'evaluate_task',
    'exact_mean',
    'first_of_each_pair',
    'harmonic_mean',
    'match_objects',
    'match_triplets',
    'mean_over_predicates',
    'predicate_accuracy',
    'predicate_groups',
    'predicate_recall_at_k',
    'predicate_confusion',
    'recall_at_k',
    'to_numpy',
    'unconstrained_entries',
    'union_boxes',
    'without_graph_constraint',
]
