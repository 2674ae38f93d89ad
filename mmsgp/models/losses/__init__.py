from .balanced_loss import BalancedLogitAdjustedLoss
from .builder import build_relation_loss, relation_loss
from .cce_loss import CCELoss, cce_loss
from .node_priority_loss import NodePriorityLoss, node_focus
from .prototype_loss import PrototypeLoss
from .rebalanced_loss import LogitAdjustedLoss, ReweightedCrossEntropyLoss
from .significance_loss import (
    SignificanceBCELoss,
    SignificanceHingeLoss,
    SignificanceMSELoss,
    SignificanceRankingLoss,
)
from .softmax_focal_loss import SoftmaxFocalLoss, softmax_focal_loss

__all__ = [
    'BalancedLogitAdjustedLoss',
    'CCELoss',
    'LogitAdjustedLoss',
    'NodePriorityLoss',
    'PrototypeLoss',
    'node_focus',
    'ReweightedCrossEntropyLoss',
    'SignificanceBCELoss',
    'SignificanceHingeLoss',
    'SignificanceMSELoss',
    'SignificanceRankingLoss',
    'SoftmaxFocalLoss',
    'build_relation_loss',
    'cce_loss',
    'relation_loss',
    'softmax_focal_loss',
]
