from .base import Debiasing
from .logit_adjustment import PostHocLogitAdjustment

__all__ = ['Debiasing', 'PostHocLogitAdjustment']
