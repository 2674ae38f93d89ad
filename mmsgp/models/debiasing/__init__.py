from .base import Debiasing
from .builder import build_debiasing
from .direct_effect import TotalDirectEffect
from .group_collaborative import GroupCollaborativeLearning, frequency_groups
from .logit_adjustment import PostHocLogitAdjustment
from .resistance import Resistance

__all__ = [
    'Debiasing',
    'GroupCollaborativeLearning',
    'PostHocLogitAdjustment',
    'Resistance',
    'TotalDirectEffect',
    'build_debiasing',
    'frequency_groups',
]
